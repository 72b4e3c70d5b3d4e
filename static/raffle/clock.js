// The server's clock, and how long it is until something happens.

import { SECOND } from "./asking.js";
import { language } from "./translating.js";

const DRIFT = 3 * SECOND; // of the clocks, more than a slow answer explains
const DAY = 24 * 60 * 60;

// The page came with the server's time to the millisecond. Ours may be wrong, or be set meanwhile:
// it is not asked. Only sleep makes performance.now() late, and then the next answer's date tells.
export function serverClock(told) {
  const [navigation] = performance.getEntriesByType("navigation");
  let started = Date.parse(told) - navigation.responseStart;
  const now = () => started + performance.now();
  const set = (date) => {
    if (now() < date - DRIFT || now() > date + SECOND + DRIFT) started += date - now();
  };
  return { now, set };
}

const two = (number) => String(number).padStart(2, "0");
const counted = (number, unit) =>
  new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay: "long" }).format(number);

// "3 days, 4 hours", and by the clock on the last day: "4:05:06", "5:06".
export function spell(seconds) {
  const hours = Math.floor(seconds / 3600);
  if (seconds >= DAY) {
    const parts = [counted(Math.floor(seconds / DAY), "day")];
    if (hours % 24) parts.push(counted(hours % 24, "hour"));
    return parts.join(", ");
  }
  const minutes = Math.floor(seconds / 60);
  const rest = two(seconds % 60);
  return hours ? `${hours}:${two(minutes % 60)}:${rest}` : `${minutes}:${rest}`;
}

// Fills in what is left until the times that the page names; once one is over, its line goes.
export function countDown(page, now) {
  for (const line of page.querySelectorAll("[data-until]")) {
    const left = Math.ceil((Date.parse(line.dataset.until) - now()) / SECOND);
    line.hidden = left <= 0;
    const shown = spell(Math.max(left, 0));
    const place = line.querySelector("[data-left]");
    if (place.textContent !== shown) place.textContent = shown;
  }
}

export const roundAt = (page) => Date.parse(page.querySelector("[data-countdown]")?.dataset.countdown);

// Counts down to the beacon's round, if one is sealed. True at the moment when it is out.
export function countToTheRound(page, now) {
  const left = Math.ceil((roundAt(page) - now()) / SECOND);
  if (Number.isNaN(left)) return false;
  const countdown = page.querySelector("[data-countdown]");
  const hand = countdown.querySelector("[data-clock]");
  hand.dataset.time ??= hand.textContent; // of day, for afterwards
  const shown = left > 0 ? spell(left) : hand.dataset.time;
  if (hand.textContent === shown) return false;
  hand.textContent = shown;
  countdown.querySelector("[data-at]").hidden = true;
  countdown.querySelector("[data-in]").hidden = false;
  countdown.querySelector("[data-unit]").hidden = left > 0; // the zone
  for (const part of page.querySelectorAll("[data-before]")) part.hidden = left <= 0;
  for (const part of page.querySelectorAll("[data-after]")) part.hidden = left > 0;
  return left <= 0;
}
