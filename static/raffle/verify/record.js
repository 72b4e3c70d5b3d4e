// Verifies a raffle's record, as docs/verification.md describes it. It knows nothing of the page
// that shows the verdict and shares nothing with the site that sold and drew.

import { parseCanonical } from "./canonical.js";
import { checkPicks, checkRound, checkSeal, isGenuine } from "./draw.js";
import { Findings } from "./findings.js";
import { NO_HASH, sha256, sha256OfEach } from "./hashes.js";
import { checkCodes, checkReceipts, checkWitnesses } from "./kept.js";
import { checkSummary } from "./summary.js";
import { Replay } from "./replay.js";
import { isObject, wrongMember } from "./shapes.js";
import { judge } from "./verdict.js";
import { gettext_noop } from "./words.js";

const AT_ONCE = 2000; // lines, so that a page stays alive meanwhile
const NEW_LINE = 10;
const encoder = new TextEncoder();
const decoder = new TextDecoder("latin1"); // one character a byte; what is canonical is ASCII
const asBytes = (file) => (typeof file === "string" ? encoder.encode(file) : file);

// `ledger`, `manifest` and `draw`: bytes or text, or null where there is none; if all that exist are
// given, they are `complete`, and one that is missing is a fault. `receipts` and `witnesses`: lists
// of `<number>-<code>-<seq>-<hash>` and `<seq>:<hash>`. `progress(done)` is told how much of the
// ledger is done, from 0 to 1. Returns the verdict, see verdict.js. Whatever a record says, it throws
// nothing; it does where a browser lacks WebCrypto.
export async function verify({
  ledger, manifest = null, draw = null, complete = false, receipts = [], witnesses = [],
  progress = () => {},
}) {
  if (!globalThis.crypto?.subtle) throw new Error("this browser has WebCrypto only on https pages.");
  const findings = new Findings();
  const replay = new Replay(findings);
  const hashes = await followChain(asBytes(ledger), replay, progress);
  await checkManifest(replay, manifest && asBytes(manifest), complete, findings);
  checkFigures(replay, findings);
  const beaconChecked = await checkDraw(replay, findings);
  await checkCodes(replay, findings);
  await checkSummary(replay, hashes, draw && asBytes(draw), complete, findings);
  const kept = {
    receipts: await checkReceipts(receipts, replay, hashes, findings),
    witnesses: checkWitnesses(witnesses, hashes, findings),
  };
  return judge({ replay, hashes, findings, kept, beaconChecked });
}

// Replays as far as the ledger can be followed. Returns the hash of every line.
async function followChain(bytes, replay, progress) {
  const lines = linesOf(bytes);
  const hashes = [];
  if (bytes.at(-1) !== NEW_LINE) replay.breaks("chain", lines.length, "does not end"); // or is none
  let before = { seq: 0, hash: NO_HASH, at: "", raffle: null };
  for (let start = 0; start < lines.length; start += AT_ONCE) {
    const batch = lines.slice(start, start + AT_ONCE);
    for (const [i, hash] of (await sha256OfEach(batch)).entries()) {
      const line = parseCanonical(decoder.decode(batch[i]));
      const why = breakOf(line, before);
      if (why) replay.breaks("chain", start + i + 1, why);
      else if (!replay.brokenAt) replay.take(line);
      const told = isObject(line) ? line : {};
      before = { seq: told.seq ?? before.seq + 1, hash, at: told.at ?? before.at, raffle: before.raffle ?? told.raffle };
      hashes.push(hash);
    }
    progress((start + batch.length) / lines.length);
    await new Promise((done) => setTimeout(done)); // let the page breathe
  }
  return hashes;
}

// What is between the ends of lines; the last one may lack its end.
function linesOf(bytes) {
  const lines = [];
  let start = 0;
  while (start < bytes.length) {
    const end = bytes.indexOf(NEW_LINE, start);
    lines.push(bytes.subarray(start, end < 0 ? bytes.length : end));
    start = end < 0 ? bytes.length : end + 1;
  }
  return lines;
}

// Why a line cannot follow the one before; "" if it can.
function breakOf(line, before) {
  if (!isObject(line)) return "is not a JSON object in its canonical form";
  const wrong = wrongMember(line);
  if (wrong) return `has no right “${wrong}”`;
  if (line.seq !== before.seq + 1) return `calls itself line ${line.seq}`;
  if (line.prev !== before.hash) return "does not follow from the one before";
  if (before.raffle !== null && line.raffle !== before.raffle) return "is of another raffle";
  return line.at < before.at ? "goes back in time" : "";
}

// --- The frozen list ----------------------------------------------------------------------------

async function checkManifest(replay, manifest, complete, findings) {
  const { closed } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "manifest", why);
  if (!closed) {
    if (manifest && !replay.brokenAt) expect(false, "There is a manifest, and sales have not closed.");
    return findings.leaveOpen("manifest", gettext_noop("Sales have not closed."));
  }
  const expected = await manifestOf(replay);
  const due = await sha256(expected);
  expect(closed.manifest === due, "The list that was frozen is not what the ledger adds up to.");
  if (!manifest) {
    if (complete) return expect(false, "Sales have closed, and there is no manifest.");
    return findings.leaveOpen("manifest", gettext_noop("The manifest was not given."));
  }
  if ((await sha256(manifest)) === due) return undefined;
  return expect(false, `The manifest is not what the ledger adds up to: see its line ${firstOther(manifest, expected)}.`);
}

async function manifestOf(replay) {
  const parts = [];
  let lines = "";
  for (let number = 1; number <= replay.terms.capacity; number += 1) {
    if (!replay.isSold(number)) lines += `${number}|UNSOLD\n`;
    else lines += replay.isValid(number) ? `${number}|SOLD|${replay.leaves[number - 1]}\n` : `${number}|VOID\n`;
    if (number % AT_ONCE === 0) lines = void parts.push(lines) ?? "";
  }
  return new Uint8Array(await new Blob([...parts, lines]).arrayBuffer());
}

function firstOther(manifest, expected) {
  const place = expected.findIndex((byte, i) => byte !== manifest[i]);
  const same = place < 0 ? expected : expected.subarray(0, place);
  return same.reduce((lines, byte) => lines + (byte === NEW_LINE), 1);
}

function checkFigures(replay, findings) {
  const { closed, reconciled, sealed } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "reconciled", why);
  if (!closed) return findings.leaveOpen("reconciled", gettext_noop("Sales have not closed."));
  const { capacity } = replay.terms;
  const told = [closed.sold, closed.void, closed.unsold].join(" + ");
  const counted = [replay.sold - replay.voided.size, replay.voided.size, capacity - replay.sold].join(" + ");
  expect(told === counted, `Sold, void and unsold are ${told} at the close, and ${counted} in the ledger.`);
  if (!reconciled) {
    if (sealed) return expect(false, "Nobody confirmed the figures before the draw was sealed.");
    return findings.leaveOpen("reconciled", gettext_noop("Nobody has confirmed the figures yet."));
  }
  const names = ["sold", "void", "unsold", "manifest"];
  return expect(names.every((name) => reconciled[name] === closed[name]), "Other figures were confirmed than those of the close.");
}

// --- The draw -----------------------------------------------------------------------------------

// Returns whether there is a beacon's signature and it is genuine.
async function checkDraw(replay, findings) {
  const { sealed, drawn } = replay.lines;
  const isBeacon = (sealed ?? replay.terms)?.method === "beacon";
  if (!isBeacon) findings.leaveOpen("beacon", gettext_noop("This draw uses no beacon."));
  if (!sealed) {
    for (const name of ["seal", "beacon"]) findings.leaveOpen(name, "The draw has not been sealed.");
  } else {
    checkSeal(replay, findings);
    checkRound(replay, findings);
  }
  if (!drawn) {
    for (const name of ["draw", "winners"]) findings.leaveOpen(name, "Nothing has been drawn.");
    if (isBeacon) findings.leaveOpen("beacon", gettext_noop("The beacon’s round has not been used."));
    return false;
  }
  await checkPicks(replay, findings);
  if (!isBeacon) return false;
  const genuine = await isGenuine(drawn.signature, sealed.beacon?.round);
  findings.expect(genuine, "beacon", "The signature is not the beacon’s of that round.");
  return genuine;
}
