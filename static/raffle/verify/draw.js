// The seal, the beacon and the picks.

import { bytesOf, sha256, sha256OfEach } from "./hashes.js";
import { roundAfter, timeOfRound } from "./times.js";
import { gettext_noop } from "./words.js";

const CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"; // quicknet
const PUBLIC_KEY =
  "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
  "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const SIGNATURE = /^[0-9a-f]{96}$/;
const HEX = /^([0-9a-f]{2})+$/i;
const ALL = 2n ** 256n;

const sameList = (left, right) => left.length === right.length && left.every((item, i) => item === right[i]);

// How many tickets are picked, out of n.
export function picksOf(terms, n) {
  const prizes = terms.prizes.length + terms.alternates;
  return Math.min(n, terms.one_prize_each ? (prizes - 1) * terms.limit + 1 : prizes);
}

export function checkSeal(replay, findings) {
  const { sealed, closed } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "seal", why);
  const n = replay.sold - replay.voided.size;
  const { method } = replay.terms;
  expect(sealed.method === method, `The seal is of the method ${sealed.method}, and ${method} was promised.`);
  expect(sealed.manifest === closed?.manifest, "The seal is of another list than the frozen one.");
  expect(sealed.entries === n, `The seal says ${sealed.entries} entries, and there are ${n}.`);
  const m = method === "manual" ? 0 : picksOf(replay.terms, n);
  expect(sealed.offsets.length === m, `The seal has ${sealed.offsets.length} offsets, and ${m} are needed.`);
  expect(sealed.offsets.every((offset, i) => offset >= 0 && offset < n - i), "An offset is out of range.");
}

// Everything about the beacon but whether its signature is genuine.
export function checkRound(replay, findings) {
  const { sealed, drawn } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "beacon", why);
  if (sealed.method !== "beacon") {
    return expect(!("signature" in (drawn ?? {})), "The draw shows a beacon’s signature, and uses no beacon.");
  }
  const { chain, round, time } = sealed.beacon;
  expect(chain === CHAIN, "The seal names another network than quicknet.");
  const due = roundAfter(sealed.at);
  expect(round === due, `The seal names round ${round}, and the rule gives ${due}.`);
  expect(round >= 1 && time === timeOfRound(round), `Round ${round} is not at ${time}.`);
  return expect(!drawn || drawn.at >= timeOfRound(round), "The draw came before the beacon’s round.");
}

// Whether the signature is genuine, by the round and quicknet's public key.
export async function isGenuine(signature, round) {
  if (!SIGNATURE.test(signature ?? "") || !(round >= 1)) return false;
  const { verifySignature } = await import("./bls12-381.js");
  const eight = new Uint8Array(8);
  new DataView(eight.buffer).setBigUint64(0, BigInt(round));
  const message = bytesOf(await sha256(eight));
  try {
    return verifySignature(bytesOf(signature), message, bytesOf(PUBLIC_KEY));
  } catch {
    return false; // not even a point of the curve
  }
}

export async function checkPicks(replay, findings) {
  const { sealed, drawn } = replay.lines;
  const expect = (holds, why) => findings.expect(holds, "draw", why);
  const entries = replay.entries();
  const { order, picked } = drawn;
  expect(drawn.manifest === sealed.manifest, "The draw is from another list than the sealed one.");
  expect(drawn.entries === entries.length, `The draw says ${drawn.entries} entries, and there are ${entries.length}.`);
  const drawable = new Set(order).size === order.length && order.every((number) => replay.isValid(number));
  expect(drawable, "A ticket was drawn twice, or one that took no part.");
  if (sealed.method === "manual") {
    const { terms } = replay;
    const least = Math.min(entries.length, terms.prizes.length + terms.alternates);
    const most = picksOf(terms, entries.length);
    expect(order.length >= least && order.length <= most,
      `${order.length} tickets were drawn, and it had to be ${least} to ${most}.`);
    return expect(!drawable || sameList(picked, picksFrom(order, entries)), "What was picked does not follow from the order.");
  }
  const due = await combined(replay);
  if (!due) return findings.leaveOpen("draw", gettext_noop("Without a beacon the picks cannot be worked out."));
  expect(sameList(picked, due), "What was picked does not follow from the seal and the beacon.");
  return expect(sameList(order, orderFrom(picked, entries)), "The order does not follow from what was picked.");
}

// Each pick by the rule; null if there is no beacon to work it out from.
async function combined(replay) {
  const { sealed, drawn } = replay.lines;
  if (sealed.method !== "beacon") return sealed.offsets;
  if (!HEX.test(drawn.signature ?? "")) return null;
  const randomness = await sha256(bytesOf(drawn.signature));
  const stem = `raffle-draw/v1|${sealed.raffle}|${sealed.manifest}|${sealed.beacon.round}|${randomness}`;
  const n = replay.sold - replay.voided.size;
  const offsets = sealed.offsets.slice(0, n);
  const firsts = await sha256OfEach(offsets.map((_, i) => `${stem}|${i}|0`));
  const picks = [];
  for (const [i, offset] of offsets.entries()) {
    const left = BigInt(n - i);
    const fits = ALL - (ALL % left);
    let x = BigInt(`0x${firsts[i]}`);
    for (let t = 1; x >= fits; t += 1) x = BigInt(`0x${await sha256(`${stem}|${i}|${t}`)}`);
    const sum = (BigInt(offset) + (x % left)) % left;
    picks.push(Number(sum < 0n ? sum + left : sum));
  }
  return picks;
}

// Takes the picked one of what is left, again and again. Ends early at a pick that is out of range.
function orderFrom(picked, entries) {
  const left = new Left(entries.length);
  const order = [];
  for (const pick of picked) {
    if (pick < 0 || pick >= left.count) break;
    order.push(entries[left.take(pick)]);
  }
  return order;
}

function picksFrom(order, entries) {
  const places = new Map(entries.map((number, place) => [number, place]));
  const left = new Left(entries.length);
  return order.map((number) => left.drop(places.get(number)));
}

// Which of the places 0, 1, 2, … are left, as a tree of sums: each step takes log2(size).
class Left {
  #sums;

  constructor(size) {
    this.count = size;
    this.size = size;
    this.#sums = Float64Array.from({ length: size + 1 }, (_, i) => i & -i);
  }

  // Takes the place that has `before` places left before it.
  take(before) {
    let place = 0;
    let rest = before;
    for (let step = 2 ** Math.floor(Math.log2(this.size)); step >= 1; step /= 2) {
      if (place + step <= this.size && this.#sums[place + step] <= rest) {
        place += step;
        rest -= this.#sums[place];
      }
    }
    this.#remove(place);
    return place;
  }

  // Takes `place`, and says how many were left before it.
  drop(place) {
    let before = 0;
    for (let i = place; i > 0; i -= i & -i) before += this.#sums[i];
    this.#remove(place);
    return before;
  }

  #remove(place) {
    this.count -= 1;
    for (let i = place + 1; i <= this.size; i += i & -i) this.#sums[i] -= 1;
  }
}
