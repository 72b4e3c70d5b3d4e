// draw.json, held against the ledger.

import { canonical } from "./canonical.js";
import { bytesOf, sha256 } from "./hashes.js";
import { isObject } from "./shapes.js";
import { gettext_noop } from "./words.js";

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[-\d][^\s,\]}]*|:/g;
const WHOLE = /^-?\d+$/;

const same = (left, right) => {
  try {
    return canonical(left) === canonical(right);
  } catch {
    return false; // numbers that no ledger has
  }
};

export async function checkSummary(replay, hashes, file, complete, findings) {
  const { sealed } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "draw_file", why);
  if (replay.brokenAt) return findings.leaveOpen("draw_file", gettext_noop("The ledger cannot be followed to its end."));
  if (!sealed) {
    if (file) expect(false, "There is a summary of a draw, and none has been sealed.");
    return findings.leaveOpen("draw_file", gettext_noop("The draw has not been sealed."));
  }
  if (!file) {
    if (complete) return expect(false, "The draw has been sealed, and there is no draw.json.");
    return findings.leaveOpen("draw_file", gettext_noop("draw.json was not given."));
  }
  const told = parseStrictly(file);
  if (!told) return expect(false, "draw.json is not a JSON object of whole numbers that says everything once.");
  const due = await summaryOf(replay, hashes);
  for (const name of new Set([...Object.keys(due), ...Object.keys(told)])) {
    const agrees = Object.hasOwn(due, name) && Object.hasOwn(told, name) && same(told[name], due[name]);
    expect(agrees, `“${name}” in draw.json does not follow from the ledger.`);
  }
  return undefined;
}

// JSON.parse() lets pass what other readers see differently: a name twice, 7.0 for 7.
function parseStrictly(file) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(file);
    const value = JSON.parse(text);
    const tokens = text.match(TOKENS) ?? [];
    const names = tokens.filter((token) => token === ":").length;
    const isWhole = tokens.every((token) => !/^[-\d]/.test(token) || WHOLE.test(token));
    return isObject(value) && isWhole && names === countNames(value) ? value : null;
  } catch {
    return null; // not UTF-8, not JSON, or nested without end
  }
}

function countNames(value) {
  if (typeof value !== "object" || value === null) return 0;
  const own = Array.isArray(value) ? 0 : Object.keys(value).length;
  return Object.values(value).reduce((count, inner) => count + countNames(inner), own);
}

async function summaryOf({ lines: { sealed, drawn }, terms, prizes }, hashes) {
  const head = (seq) => ({ seq, hash: hashes[seq - 1] });
  const signature = drawn?.signature ?? null;
  const randomness = signature === null ? null : await sha256(bytesOf(signature));
  return {
    format: "raffle-draw/v1",
    raffle: sealed.raffle,
    slug: terms.slug, name: terms.name, organiser: terms.organiser, method: terms.method,
    manifest: sealed.manifest, entries: sealed.entries, offsets: sealed.offsets,
    seal: head(sealed.seq),
    beacon: sealed.beacon ? { ...sealed.beacon, signature, randomness } : null,
    order: drawn?.order ?? [],
    winners: prizes?.summary() ?? [],
    software: sealed.software,
    ledger: head(hashes.length),
  };
}
