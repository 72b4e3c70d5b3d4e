// Times as the record spells them: UTC with microseconds, 2026-11-22T17:03:00.000000Z.
// All are of the same length, so that they sort as text.

const SPELLED = /^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;
const SECOND = 1_000_000n;
const DAY = 86_400n * SECOND;
const FOREVER = "9999-12-31T23:59:59.999999Z";
const LAST = 253_402_300_799_999_999n; // the same as a number
const GENESIS = 1_692_803_367n * SECOND; // of quicknet: its round 1
const PERIOD = 3n * SECOND;
const LEAD = 120n * SECOND; // from the seal to the first round that it may name

export function isTime(text) {
  return typeof text === "string" && SPELLED.test(text) && isDay(text.slice(0, 10));
}

let lastDay = ""; // asked about line by line, which mostly are of the same one
let wasDay = false;

function isDay(day) {
  if (day !== lastDay) {
    const midnight = new Date(`${day}T00:00:00Z`); // which may be of the month after
    lastDay = day;
    wasDay = !Number.isNaN(midnight.valueOf()) && midnight.toISOString().startsWith(day);
  }
  return wasDay;
}

// Microseconds since 1970.
function read(time) {
  return BigInt(Date.parse(`${time.slice(0, 19)}Z`)) * 1000n + BigInt(time.slice(20, 26));
}

function spell(micros) {
  if (micros > LAST) return FOREVER;
  const seconds = new Date(Number(micros / SECOND) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(micros % SECOND).padStart(6, "0")}Z`;
}

export function daysAfter(time, days) {
  return spell(read(time) + BigInt(days) * DAY);
}

// The first round at or after 120 seconds after `sealed`.
export function roundAfter(sealed) {
  const wait = read(sealed) + LEAD - GENESIS;
  return wait <= 0n ? 1 : Number((wait + PERIOD - 1n) / PERIOD) + 1;
}

export function timeOfRound(round) {
  return spell(GENESIS + PERIOD * (BigInt(round) - 1n));
}
