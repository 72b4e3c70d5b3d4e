// The one spelling of a line: sorted members, no blanks, ASCII, whole numbers. It is what Python's
// json.dumps(x, sort_keys=True, separators=(",", ":"), allow_nan=False) writes.

const PLAIN = /^[ !#-[\]-~]*$/; // spelled as it is
const LONG = /[:,[]-?\d{16}/; // so many digits may be more than 2^53
const TEXTS_AND_LONG = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d{16,}/g;
const MARK = "\\u0000";
const BEYOND_ASCII = /[\u007f-\uffff]/g;
const BEYOND_ORDER = /[\ud800-\uffff]/; // from here on UTF-16 sorts otherwise than Unicode

// Throws a RangeError on a number that is not whole, or rounded: what is beyond 2^53 is a BigInt.
export function canonical(value) {
  if (typeof value === "string") return spell(value);
  if (typeof value === "number" && !Number.isSafeInteger(value)) throw new RangeError("not a whole number");
  if (typeof value !== "object" || value === null) return String(value);
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  const members = sorted(Object.keys(value)).map((name) => `${spell(name)}:${canonical(value[name])}`);
  return `{${members.join(",")}}`;
}

// What a text of canonical JSON says; null if it is not JSON, or not in its canonical form.
export function parseCanonical(text) {
  try {
    const value = parse(text);
    return canonical(value) === text ? value : null;
  } catch {
    return null;
  }
}

// JSON.parse() rounds great numbers: they go through it as text, and come out as BigInts.
function parse(text) {
  if (!LONG.test(text)) return JSON.parse(text);
  const safe = text.replace(TEXTS_AND_LONG, (token) => (token[0] === '"' ? token : `"${MARK}${token}"`));
  return JSON.parse(safe, (_, value) => {
    if (typeof value !== "string" || !value.startsWith("\0")) return value;
    const exact = BigInt(value.slice(1));
    return Number.isSafeInteger(Number(exact)) ? Number(exact) : exact;
  });
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
