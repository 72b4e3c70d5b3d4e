// Follows a raffle after its sales: counts down to the beacon's round, and puts in what has happened
// since the page was loaded. Everything works without it, by loading the page again.

import { BRISK, CALM, SECOND, fetchPatiently, pollState } from "./asking.js";
import { countToTheRound, roundAt, serverClock } from "./clock.js";
import { reveal } from "./reveal.js";
import { addOwnTimes } from "./times.js";
import { gettext } from "./translating.js";

const PUNCTUAL = 60 * SECOND; // how long after the round the draw is expected every moment
const FINAL = ["drawn", "cancelled"];

const statusLine = document.querySelector("[data-status-line]");
const main = document.querySelector("main");
let page = document.querySelector("[data-raffle]");
const { now, set } = serverClock(page.dataset.now);

function enliven() {
  for (const hint of page.querySelectorAll("[data-live]")) hint.hidden = false;
  addOwnTimes(page);
  tick();
}

function tick() {
  if (countToTheRound(page, now)) statusLine.textContent = gettext("The beacon’s round is out. The result is fixed.");
}

// --- Putting in what is new ---------------------------------------------------------------------

async function renew() {
  const response = await fetchPatiently(page.dataset.page, { cache: "no-store" });
  if (!response.ok) throw new Error(response.status);
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelector("[data-raffle]");
  const before = page.dataset.stage;
  const focused = page.contains(document.activeElement);
  page.replaceWith(fresh);
  page = fresh;
  enliven();
  if (page.dataset.stage !== before) await arrive(focused);
}

async function arrive(focused) {
  const panel = page.querySelector("[data-panel]");
  panel?.classList.add("panel--new");
  if (focused) main.focus({ preventScroll: true }); // where it was is gone
  if (page.dataset.stage === "drawn") await reveal(page);
  if (focused && document.activeElement === main) panel?.focus();
  statusLine.textContent = page.dataset.news;
}

async function take(state, date) {
  set(date);
  if (state.ledger_head.seq > Number(page.dataset.seq)) await renew();
  if (FINAL.includes(page.dataset.stage)) return null;
  const left = roundAt(page) - now();
  if (left > 0) return Math.min(CALM, left + SECOND);
  return left > -PUNCTUAL ? BRISK : CALM;
}

window.addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(tick, SECOND / 4);
enliven();
pollState(page.dataset.api, take);
