// What members a line has, and of what kind each is.

import { isTime } from "./times.js";

const isWhole = Number.isSafeInteger;
const atLeast = (least) => (value) => isWhole(value) && value >= least;
const isText = (value) => typeof value === "string";
const isTruth = (value) => typeof value === "boolean";
const matching = (pattern) => (value) => isText(value) && pattern.test(value);
const orNull = (shape) => (value) => value === null || shape(value);
const listOf = (shape) => (value) => Array.isArray(value) && value.every(shape);
const exactly = (shapes) => {
  const wrong = members(shapes);
  return (value) => isObject(value) && wrong(value) === null;
};

const isHash = matching(/^[0-9a-f]{64}$/);
const isUuid = matching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
const isCode = matching(/^[0-9a-f]{32}$/);
const isPerson = matching(/^[0-9a-f]{32}$/);
const isStaff = (value) => value === "operator" || isPerson(value);

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

// Looks whether an object has all of `must`, perhaps some of `may`, and no more. Returns a function
// that gives the name of a member that is missing, of the wrong kind or too many; null if none is.
function members(must, may = {}) {
  const required = Object.entries(must);
  const optional = Object.entries(may);
  return (object) => {
    let found = required.length;
    for (const [name, shape] of required) {
      if (!Object.hasOwn(object, name) || !shape(object[name])) return name;
    }
    for (const [name, shape] of optional) {
      if (!Object.hasOwn(object, name)) continue;
      if (!shape(object[name])) return name;
      found += 1;
    }
    const names = Object.keys(object);
    if (names.length === found) return null;
    return names.find((name) => !Object.hasOwn(must, name) && !Object.hasOwn(may, name));
  };
}

const TERMS = {
  slug: isText, name: isText, organiser: isText, contact: isText, licence: isText,
  description: isText, rules: isText, currency: isText,
  price: matching(/^(0|[1-9]\d*)\.\d\d$/),
  capacity: atLeast(1), limit: atLeast(1),
  opens_at: orNull(isTime), closes_at: orNull(isTime), draw_at: orNull(isTime),
  prizes: (value) => listOf(isText)(value) && value.length > 0,
  alternates: atLeast(0),
  one_prize_each: isTruth,
  method: (value) => ["local", "beacon", "manual"].includes(value),
  two_people: isTruth,
  claim_days: atLeast(0),
};

// The term that makes them malformed, or null.
export const wrongTerms = members(TERMS);

const FRAME = { seq: isWhole, prev: isHash, raffle: isUuid, at: isTime, kind: isText };
const FIGURES = { sold: atLeast(0), void: atLeast(0), unsold: atLeast(0), manifest: isHash };
const TICKET = exactly({ leaf: isHash, number: isWhole });
const BEACON = exactly({ chain: isHash, round: isWhole, time: isTime });
const PRIZE = { by: isStaff, prize: isWhole, number: isWhole };

// For each kind: what it must have and may have.
const KINDS = {
  created: { must: { by: isStaff, terms: isObject, software: isText } },
  changed: { must: { by: isStaff, before: isObject, after: isObject } },
  opened: { must: { by: isStaff, terms: isObject } },
  purchase: { must: { buyer: isPerson, tickets: listOf(TICKET) } },
  proposed: {
    must: { by: isStaff, act: (value) => value === "void" || value === "draw" },
    may: { number: isWhole, reason: isText },
  },
  void: { must: { by: isStaff, number: isWhole, reason: isText }, may: { second: isStaff } },
  closed: { must: { by: isStaff, reason: isText, ...FIGURES } },
  reconciled: { must: { by: isStaff, ...FIGURES } },
  sealed: {
    must: {
      by: isStaff, method: isText, manifest: isHash, entries: isWhole,
      offsets: listOf(isWhole), software: isText,
    },
    may: { second: isStaff, beacon: BEACON },
  },
  drawn: {
    must: {
      by: isStaff, manifest: isHash, entries: isWhole, picked: listOf(isWhole),
      order: listOf(isWhole), winners: listOf(orNull(isWhole)),
    },
    may: { signature: isText },
  },
  claimed: { must: { ...PRIZE, code: isCode } },
  forfeited: { must: { ...PRIZE, reason: isText, code: orNull(isCode), next: orNull(isWhole) } },
  cancelled: { must: { by: isStaff, reason: isText, tickets: isWhole } },
};

const WRONG = Object.fromEntries(
  Object.entries(KINDS).map(([kind, { must, may }]) => [kind, members({ ...FRAME, ...must }, may)]),
);
const has = (line, name) => Object.hasOwn(line, name);
// Members that depend on another one: the name of that which is missing or too many, or null.
const TOGETHER = {
  proposed: (line) => ["number", "reason"].find((name) => has(line, name) !== (line.act === "void")) ?? null,
  sealed: (line) => (has(line, "beacon") === (line.method === "beacon") ? null : "beacon"),
};

// The member that makes a line malformed, or null.
export function wrongMember(line) {
  if (!Object.hasOwn(WRONG, line.kind)) return "kind";
  return WRONG[line.kind](line) ?? TOGETHER[line.kind]?.(line) ?? null;
}
