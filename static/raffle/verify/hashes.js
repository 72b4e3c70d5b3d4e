// SHA-256 by the browser's own WebCrypto, and tickets' leaves.

const AT_ONCE = 5000; // so many wait together: 100,000 lines then take less than a second
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
const encoder = new TextEncoder();

export const NO_HASH = "0".repeat(64);

// 64 hexadecimal digits, of bytes or of a text's UTF-8.
export async function sha256(data) {
  const bytes = typeof data === "string" ? encoder.encode(data) : data;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  let text = "";
  for (const byte of digest) text += HEX[byte];
  return text;
}

export async function sha256OfEach(items) {
  const hashes = [];
  for (let start = 0; start < items.length; start += AT_ONCE) {
    hashes.push(...(await Promise.all(items.slice(start, start + AT_ONCE).map(sha256))));
  }
  return hashes;
}

export function leafText(raffle, number, code) {
  return `ticket/v1|${raffle}|${number}|${code}`;
}

export function bytesOf(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
