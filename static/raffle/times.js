// Adds the reader's own time where it is not the one that is shown.

import { gettext, interpolate, language } from "./translating.js";

const minutes = (offset) => Number(`${offset[0]}1`) * (60 * Number(offset.slice(1, 3)) + Number(offset.slice(3, 5)));

export function addOwnTimes(page) {
  for (const time of page.querySelectorAll("time[data-offset]")) {
    const date = new Date(time.dateTime);
    const shown = minutes(time.dataset.offset);
    if (shown === -date.getTimezoneOffset()) continue;
    const own = new Intl.DateTimeFormat(language, {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
      second: "seconds" in time.dataset ? "2-digit" : undefined, timeZoneName: "short",
    });
    const told = document.createElement("span");
    told.className = "own-time";
    told.textContent = interpolate(gettext("%(time)s where you are"), { time: own.format(date) }, true);
    time.removeAttribute("data-offset"); // once
    time.after(" ", told);
  }
}

addOwnTimes(document);
