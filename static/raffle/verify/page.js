// The page that verifies a raffle: takes receipts, fetches the record, has it checked, shows what
// came out. Nothing that is typed or chosen here leaves the browser.

import { Unreachable, fetchRecord } from "./fetching.js";
import { RECEIPT, WITNESS } from "./kept.js";
import { verify } from "./record.js";
import { sentenceOf, show } from "./showing.js";

const DOWNLOAD = 0.6; // of the way; the rest is checking
const FILES = { ledger: /\.jsonl$/i, manifest: /\.txt$/i, draw: /\.json$/i };

const page = document.querySelector("[data-verify]");
const form = page.querySelector("[data-check]");
const button = form.querySelector("button");
const [receipts, head, copies] = ["receipts", "head", "copies"].map((id) => form.querySelector(`#${id}`));
const busy = form.querySelector("[data-busy]");
const said = form.querySelector("[data-said]");
const alert = form.querySelector("[data-alert]");
const result = page.querySelector("[data-result]");

const listed = (text) => text.split(/[\s,]+/).filter(Boolean);

let isChecking = false;

async function check(event) {
  event?.preventDefault();
  if (isChecking) return;
  isChecking = true;
  result.hidden = true;
  complain("");
  const kept = { receipts: listed(receipts.value), witnesses: listed(head.value) };
  const slip = mistyped(kept);
  if (slip) {
    say("");
    complain(slip);
    isChecking = false;
    return;
  }
  wait(true);
  try {
    const record = copies.files.length ? await chosen() : await fetched();
    say(gettext("Checking every line…"));
    const verdict = await verify({ ...record, ...kept, complete: !copies.files.length, progress: (done) => advance(DOWNLOAD + done * (1 - DOWNLOAD)) });
    say(`${gettext("Done.")} ${sentenceOf(verdict)}`);
    result.replaceChildren(...show(verdict));
    result.hidden = false;
    result.querySelector("h2").focus();
  } catch (problem) {
    say("");
    complain(problem instanceof Unreachable ? problem.message : interpolate(gettext("The check broke off: %s"), [problem.message]));
  } finally {
    isChecking = false;
    wait(false);
  }
}

// What was copied wrongly says nothing about the record, so it is not part of the verdict.
function mistyped({ receipts: lines, witnesses }) {
  const receipt = lines.find((line) => !RECEIPT.test(line));
  if (receipt) return interpolate(gettext("“%s” is not a whole receipt line. Copy the line from your receipt: number, validation code, line and hash, with hyphens between them."), [receipt.slice(0, 160)]);
  const witness = witnesses.find((line) => !WITNESS.test(line));
  if (witness) return interpolate(gettext("“%s” is not a whole ledger head: a line’s number, a colon and the 64 characters of its hash."), [witness.slice(0, 160)]);
  return "";
}

function fetched() {
  say(gettext("Downloading the record…"));
  return fetchRecord(page.dataset, (done) => advance(done * DOWNLOAD));
}

async function chosen() {
  const record = {};
  for (const [name, pattern] of Object.entries(FILES)) {
    const file = Array.from(copies.files).find((copy) => pattern.test(copy.name));
    if (file) record[name] = new Uint8Array(await file.arrayBuffer());
  }
  if (!record.ledger) throw new Unreachable(gettext("Choose ledger.jsonl, and manifest.txt and draw.json with it if you have them."));
  return record;
}

function say(text) {
  said.textContent = text;
}

function complain(text) {
  alert.textContent = text;
  alert.hidden = !text;
}

function advance(done) {
  busy.firstElementChild.value = done;
}

function wait(on) {
  if (on) advance(0);
  busy.hidden = !on;
  button.setAttribute("aria-busy", on);
  button.setAttribute("aria-disabled", on); // disabled, it would lose the focus
  button.textContent = on ? gettext("Checking…") : gettext("Check again");
}

// A receipt's QR code leads here with its lines behind the #, which no server gets to see. They are
// secrets, so they do not stay in the address, where somebody could pass them on.
function takeFragment() {
  const lines = listed(decodeURIComponent(location.hash.slice(1)));
  if (!lines.length || !lines.every((line) => /^\d+-[0-9a-f]+-\d+-[0-9a-f]+$/.test(line))) return;
  history.replaceState(null, "", location.pathname + location.search);
  receipts.value = lines.join("\n");
  check();
}

page.querySelector("[data-plain]").hidden = true;
form.hidden = false;
form.addEventListener("submit", check);
window.addEventListener("hashchange", takeFragment);
takeFragment();
