// Follows a raffle after its sales: counts down to the beacon's round, and puts in what has happened
// since the page was loaded. Everything works without it, by loading the page again.

import { BRISK, CALM, SECOND, fetchPatiently, pollState } from "./asking.js";

const PUNCTUAL = 60 * SECOND; // how long after the round the draw is expected every moment
const DRIFT = 3 * SECOND; // of the clocks, more than a slow answer explains
const FINAL = ["drawn", "cancelled"];

const statusLine = document.querySelector("[data-status-line]");
let page = document.querySelector("[data-raffle]");

// --- The server's clock -------------------------------------------------------------------------
// The page came with the server's time to the millisecond. Ours may be wrong, or be set meanwhile:
// it is not asked. Only sleep makes performance.now() late, and then the next answer's date tells.

const [navigation] = performance.getEntriesByType("navigation");
let started = Date.parse(page.dataset.now) - navigation.responseStart;
const now = () => started + performance.now();

function set(date) {
  if (now() < date - DRIFT || now() > date + SECOND + DRIFT) started += date - now();
}

// --- Counting down ------------------------------------------------------------------------------

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
const all = (selector) => page.querySelectorAll(selector);
const countdown = () => page.querySelector("[data-countdown]");
const roundAt = () => Date.parse(countdown()?.dataset.countdown); // NaN without a beacon

function enliven() {
  for (const hint of all("[data-live]")) hint.hidden = false;
  for (const time of all("time[data-local]")) {
    const own = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "long" });
    const told = document.createElement("span");
    told.textContent = `${own.format(new Date(time.dateTime))} where you are`;
    time.after(told);
  }
  tick();
}

function tick() {
  const left = Math.ceil((roundAt() - now()) / SECOND);
  if (Number.isNaN(left)) return;
  const hand = countdown().querySelector("[data-clock]");
  hand.dataset.time ??= hand.textContent; // of day, for afterwards
  const shown = left > 0 ? clock(left) : hand.dataset.time;
  if (hand.textContent === shown) return;
  hand.textContent = shown;
  countdown().querySelector("[data-at]").textContent = "in";
  countdown().querySelector("[data-unit]").hidden = left > 0; // UTC
  for (const part of all("[data-before]")) part.hidden = left <= 0;
  for (const part of all("[data-after]")) part.hidden = left > 0;
  if (left <= 0) statusLine.textContent = "The beacon’s round is out. The result is fixed.";
}

// --- Putting in what is new ---------------------------------------------------------------------

async function renew() {
  const response = await fetchPatiently(page.dataset.page, { cache: "no-store" });
  if (!response.ok) throw new Error(response.status);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-raffle]");
  const reached = fresh.dataset.stage !== page.dataset.stage;
  const focused = page.contains(document.activeElement);
  page.replaceWith(fresh);
  page = fresh;
  enliven();
  if (!reached) return;
  const panel = page.querySelector("[data-panel]");
  panel.classList.add("panel--new");
  if (focused) panel.focus();
  statusLine.textContent = page.dataset.news;
}

async function take(state, date) {
  set(date);
  if (state.ledger_head.seq > Number(page.dataset.seq)) await renew();
  if (FINAL.includes(page.dataset.stage)) return null;
  const left = roundAt() - now();
  if (left > 0) return Math.min(CALM, left + SECOND);
  return left > -PUNCTUAL ? BRISK : CALM;
}

window.addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(tick, SECOND / 4);
enliven();
pollState(page.dataset.api, take);
