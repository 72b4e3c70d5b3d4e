// The moment of a draw: what the server has published is uncovered, digit by digit. Nothing is made
// up meanwhile, and nothing is shown that is not in the page. Who wants no motion sees it at once.

import { SECOND } from "./asking.js";

const DIGIT = 0.22 * SECOND; // from one to the next
const LIFT = 0.5 * SECOND; // of one cover; both as in the stylesheets

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
export const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// Covers the digits of a number; the returned function uncovers them, and is done when all are seen.
export function cover(place) {
  const number = place.textContent;
  const cells = Array.from(number.trim(), (digit) => {
    const cell = document.createElement("span");
    cell.className = "cover";
    cell.textContent = digit;
    return cell;
  });
  const shown = document.createElement("span");
  shown.className = "covered";
  shown.ariaHidden = "true"; // nobody hears it earlier than others see it
  shown.append(...cells);
  place.replaceChildren(shown);
  return async () => {
    shown.classList.add("covered--lifted");
    await sleep(LIFT + DIGIT * cells.length);
    place.textContent = number;
  };
}

// Uncovers the numbers of a raffle's page, the last prize first. Until then what they mean for the
// reader is hidden, so that nobody is told before they see it.
export async function reveal(page) {
  if (isCalm()) return;
  page.classList.add("revealing");
  const places = [...page.querySelectorAll("[data-drawn]")].filter((place) => place.checkVisibility());
  const first = places.map((place) => place.textContent === places[0].textContent); // there, and in the list
  const lifts = places.map(cover);
  await sleep(0.6 * SECOND);
  for (const place of [...places.keys()].reverse()) {
    if (first[place]) continue;
    lifts[place]();
    await sleep(Math.min(0.5 * SECOND, (2 * SECOND) / places.length));
  }
  await Promise.all(lifts.filter((_, place) => first[place]).map((lift) => lift()));
  page.classList.remove("revealing");
}
