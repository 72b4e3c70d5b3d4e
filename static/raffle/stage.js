// The stage: follows a raffle on a projector, and shows each prize's ticket in its turn. All that it
// shows comes from the server's page; when the line breaks, it says how old that is.

import { BRISK, SECOND, fetchPatiently, pollState } from "./asking.js";
import { countDown, countToTheRound, roundAt, serverClock } from "./clock.js";
import { cover, isCalm, sleep } from "./reveal.js";
import { addOwnTimes } from "./times.js";
import { gettext, interpolate, ngettext } from "./translating.js";

const STEADY = 5 * SECOND; // between polls while nothing happens
const BUSY = 30 * SECOND; // after something did
const SINGLE = 12; // prizes that are shown each in its turn; those after them all at once
const DRUMROLL = 1.2 * SECOND;
const LAST_DRUMROLL = 2.5 * SECOND; // before the first prize
const APPLAUSE = 2.4 * SECOND;
const FINAL = ["drawn", "cancelled"];

const statusLine = document.querySelector("[data-status-line]");
let stage = document.querySelector("[data-raffle]");
const { now, set } = serverClock(stage.dataset.now);
let updated = performance.now();
let changed = updated;
let showing = 0; // which show is on: a newer one ends it

const find = (selector) => stage.querySelector(selector);

function enliven() {
  addOwnTimes(stage);
  const isDrawn = stage.dataset.stage === "drawn";
  for (const hint of stage.querySelectorAll("[data-live]")) hint.hidden = FINAL.includes(stage.dataset.stage);
  find("[data-again]").hidden = !isDrawn || !find("[data-drawn]");
  find("[data-again]").addEventListener("click", show);
  find("[data-full-screen]").hidden = !document.fullscreenEnabled;
  find("[data-full-screen]").addEventListener("click", fillTheScreen);
  tick();
}

function tick() {
  countDown(stage, now);
  if (countToTheRound(stage, now)) statusLine.textContent = gettext("The beacon’s round is out. The result is fixed.");
  const seconds = Math.floor((performance.now() - updated) / SECOND);
  const age = seconds < 3 ? gettext("updated just now") :
    interpolate(ngettext("updated %(seconds)s s ago", "updated %(seconds)s s ago", seconds), { seconds }, true);
  if (find('[data-show="age"]').textContent !== age) find('[data-show="age"]').textContent = age;
  stage.classList.toggle("stage--stale", seconds > 30 && !FINAL.includes(stage.dataset.stage));
}

// --- The screen ---------------------------------------------------------------------------------

function fillTheScreen() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen().catch(() => {});
}

function stayAwake() { // a browser that cannot lets the screen go dark, as ever
  if (!document.hidden) navigator.wakeLock?.request("screen").catch(() => {});
}

// --- The draw -----------------------------------------------------------------------------------

// One after the other, the first prize at the end. What is not on yet stays covered.
async function show() {
  const own = ++showing;
  const board = find(".board");
  const prizes = [...board.querySelectorAll("[data-won]")].filter((prize) => prize.querySelector("[data-drawn]"));
  if (isCalm() || !prizes.length) return;
  const acts = prizes.slice(0, SINGLE).reverse().map((prize) => [prize, cover(prize.querySelector("[data-drawn]"))]);
  stage.classList.add("stage--showing");
  find("[data-again]").hidden = true;
  board.scrollIntoView({ block: "nearest" });
  for (const [prize, lift] of acts) {
    prize.classList.add("won--now");
    await sleep(prize === prizes[0] ? LAST_DRUMROLL : DRUMROLL);
    await lift();
    statusLine.textContent = prize.textContent.replace(/\s+/g, " ").trim();
    await sleep(APPLAUSE);
    if (own !== showing) return;
    prize.classList.remove("won--now");
    prize.classList.add("won--shown");
  }
  stage.classList.remove("stage--showing");
  for (const prize of prizes) prize.classList.remove("won--shown");
  find("[data-again]").hidden = false;
}

// --- Following ----------------------------------------------------------------------------------

async function renew() {
  const response = await fetchPatiently(stage.dataset.page, { cache: "no-store", credentials: "omit" });
  if (!response.ok) throw new Error(response.status);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-raffle]");
  const before = stage.dataset.stage;
  const focused = stage.contains(document.activeElement) && document.activeElement.closest("button, a");
  stage.replaceWith(fresh);
  stage = fresh;
  enliven();
  if (focused) find(focused.matches("a") ? ".stage__code" : "[data-full-screen]").focus({ preventScroll: true });
  changed = performance.now();
  if (stage.dataset.stage === before) return;
  statusLine.textContent = stage.dataset.stage === "drawn" && !isCalm() ? "" : stage.dataset.news;
  if (stage.dataset.stage === "drawn") show();
}

function showCounts(remaining) {
  const place = find('[data-show="remaining"]');
  if (!place || place.textContent === String(remaining)) return;
  place.textContent = remaining;
  find("progress").value = stage.dataset.capacity - remaining;
  changed = performance.now();
}

async function take(state, date) {
  set(date);
  // A page that the clock has overtaken says so itself, once it is fetched again.
  const overtaken = (stage.dataset.stage === "open") !== (state.status === "OPEN") && ["open", "upcoming"].includes(stage.dataset.stage);
  const soldOut = state.remaining === 0 && find('[data-show="remaining"]');
  const acted = state.ledger_head.seq > Number(stage.dataset.seq) && !find('[data-show="remaining"]');
  if (overtaken || soldOut || acted) await renew();
  else showCounts(state.remaining);
  updated = performance.now();
  if (FINAL.includes(stage.dataset.stage)) return null;
  const left = roundAt(stage) - now();
  if (left > 0) return Math.min(STEADY, left + SECOND);
  return updated - changed < BUSY || left > -BUSY ? BRISK : STEADY;
}

document.addEventListener("visibilitychange", stayAwake);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(tick, SECOND / 4);
stayAwake();
enliven();
pollState(stage.dataset.api, take);
