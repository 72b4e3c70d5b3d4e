// How far the proof goes, and what that means in words.

import { gettext_noop } from "./words.js";

const NO = "no";
const STAFF = "against the staff";
const YES = "yes";

export const QUESTIONS = {
  a: gettext_noop("Was the list of tickets fixed before the draw?"),
  b: gettext_noop("Is my ticket in it?"),
  c: gettext_noop("Is everything unchanged since?"),
  d: gettext_noop("Is it certain that nobody could pick the winner?"),
};

// The verdict: `holds`; `level`, "L0" to "L3", and the `condition` on which it is so high; all
// `checks`; the line where the ledger is `brokenAt`, or 0; the `answers` a to d, each {answer: "no", "against the staff" or "yes", why}; what stage
// was `reached`; the `head` of the ledger; one's own `tickets`; the `winners` as in draw.json.
export function judge({ replay, hashes, findings, kept, beaconChecked }) {
  leaveUnreadOpen(replay, findings);
  const checks = findings.report();
  const holds = checks.every(({ state }) => state !== "failed");
  const isListed = checks.some(({ name, state }) => name === "manifest" && state === "ok");
  const [level, condition] = holds && isListed ? levelOf(replay, kept, beaconChecked) : ["L0", null];
  return {
    holds,
    level,
    condition,
    checks,
    brokenAt: replay.brokenAt,
    answers: answersOf(holds, level, replay, kept),
    reached: replay.stage,
    raffle: { name: replay.terms?.name ?? "", method: replay.terms?.method ?? "", sold: replay.sold, void: replay.voided.size },
    head: { seq: hashes.length, hash: hashes.at(-1) },
    tickets: kept.receipts,
    winners: holds ? (replay.prizes?.summary() ?? []) : [],
  };
}

// What was not looked at to its end does not hold yet.
function leaveUnreadOpen({ brokenAt, lines, terms }, findings) {
  const isNeeded = terms?.two_people || (lines.sealed && terms.method === "manual");
  if (!isNeeded) findings.leaveOpen("two_people", gettext_noop("Nothing needed two people."));
  if (!brokenAt) return;
  const why = gettext_noop("The ledger cannot be followed beyond line %(line)s.");
  const unread = ["life", "terms", "numbers", "limit", "window", "void", "two_people"];
  if (!lines.closed) unread.push("manifest", "reconciled");
  if (!lines.sealed) unread.push("seal", "beacon");
  if (!lines.drawn) unread.push("draw");
  for (const name of [...unread, "winners"]) findings.leaveOpen(name, why);
}

// The level of a closed raffle, and on what condition it has it, which only the keeper of a head can
// say: that line `seq` was kept outside the site, and `before` a time if there is one.
function levelOf({ lines: { closed, sealed, drawn } }, { witnesses }, beaconChecked) {
  const late = witnesses.filter(({ seq }) => seq >= closed.seq);
  if (!late.length) return ["L1", null];
  const before = beaconChecked && late.find(({ seq }) => seq >= sealed.seq && seq < drawn.seq);
  if (before) return ["L3", { seq: before.seq, before: sealed.beacon.time }];
  return ["L2", { seq: late[0].seq, before: null }];
}

function answersOf(holds, level, replay, kept) {
  const proves = Number(level[1]);
  const said = (answer, why) => ({ answer, why });
  const given = kept.receipts.length > 0;
  const byStaff = gettext_noop("Only somebody who owns the database could have rewritten everything.");
  const outside = gettext_noop("The head that was kept outside is in it.");
  if (!holds) {
    const none = said(NO, gettext_noop("Something does not hold."));
    return { a: none, b: none, c: none, d: none };
  }
  if (!proves) {
    const none = said(NO, !replay.lines.closed ? gettext_noop("There is no closed list.") : gettext_noop("The list of tickets was not given."));
    return { a: none, b: given ? said(NO, gettext_noop("It is in the ledger, and the list is not fixed yet.")) : none, c: none, d: none };
  }
  const fixed = proves > 1 ? said(YES, outside) : said(STAFF, byStaff);
  return {
    a: fixed,
    b: mine(kept.receipts),
    c: fixed,
    d: proves > 2 ? said(YES, gettext_noop("The beacon’s numbers came after the seal, and its signature is genuine.")) : said(NO, whyNot(replay)),
  };
}

function mine(tickets) {
  if (!tickets.length) return { answer: NO, why: gettext_noop("No receipt was given.") };
  if (tickets.every(({ isVoid }) => isVoid)) return { answer: NO, why: gettext_noop("It was made void, and takes no part.") };
  return { answer: YES, why: gettext_noop("The receipt’s code, line and hash are in the ledger.") };
}

function whyNot({ lines: { drawn, sealed } }) {
  if (!drawn) return gettext_noop("Nothing has been drawn.");
  return {
    local: gettext_noop("The organiser’s server drew by itself: you trust it in this."),
    manual: gettext_noop("The numbers came from a drum: you trust those who entered them."),
    beacon: gettext_noop("The beacon’s signature is genuine, but no head of the seal was given that was kept before its moment."),
  }[sealed.method];
}
