// The one spelling of a line: sorted members, no blanks, ASCII, whole numbers. It is what Python's
// json.dumps(x, sort_keys=True, separators=(",", ":"), allow_nan=False) writes.

const PLAIN = /^[ !#-[\]-~]*$/; // spelled as it is
const BEYOND_ASCII = /[\u007f-\uffff]/g;
const BEYOND_ORDER = /[\ud800-\uffff]/; // from here on UTF-16 sorts otherwise than Unicode

// Throws a RangeError on a number that is not whole, or too great to be read exactly (2^53).
export function canonical(value) {
  if (typeof value === "string") return spell(value);
  if (typeof value === "number") {
    if (!Number.isSafeInteger(value)) throw new RangeError("not a whole number below 2^53");
    return String(value);
  }
  if (value === null || typeof value === "boolean") return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = sorted(Object.keys(value)).map((name) => `${spell(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

// What a text of canonical JSON says; null if it is not JSON, or not in its canonical form.
export function parseCanonical(text) {
  try {
    const value = JSON.parse(text);
    return canonical(value) === text ? value : null;
  } catch {
    return null;
  }
}

function spell(text) {
  if (PLAIN.test(text)) return `"${text}"`;
  return JSON.stringify(text).replace(BEYOND_ASCII, escaped);
}

function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function sorted(names) {
  return names.some((name) => BEYOND_ORDER.test(name)) ? names.sort(byCodePoint) : names.sort();
}

function byCodePoint(left, right) {
  const [a, b] = [Array.from(left), Array.from(right)];
  const at = a.findIndex((character, place) => character !== b[place]);
  if (at < 0) return a.length - b.length;
  return at < b.length ? a[at].codePointAt(0) - b[at].codePointAt(0) : 1;
}
