// Goes through the ledger line by line and keeps what is so after each: the terms, who holds what,
// what is void, frozen, sealed, drawn and given. Every handler says what its line may not do.

import { canonical } from "./canonical.js";
import { Prizes } from "./prizes.js";
import { wrongTerms } from "./shapes.js";

// Which kinds may follow, by how far the raffle has come. That terms changed after the close, or
// that nobody confirmed the figures before the seal, is told by a check of its own.
const MAY_FOLLOW = {
  nothing: ["created"],
  created: ["changed", "opened"],
  opened: ["changed", "purchase", "proposed", "void", "closed", "cancelled"],
  closed: ["changed", "proposed", "reconciled", "sealed", "cancelled"],
  reconciled: ["changed", "proposed", "sealed", "cancelled"],
  sealed: ["changed", "drawn"],
  drawn: ["changed", "claimed", "forfeited"],
  cancelled: [],
};
const STAGES = ["created", "opened", "closed", "reconciled", "sealed", "drawn", "cancelled"];
// After a line that breaks one of these there is no saying what the next ones mean.
const ENDING = ["chain", "life", "terms", "numbers"];

const OPERATOR = "operator";

const same = (left, right) => canonical(left) === canonical(right);

export class Replay {
  stage = "nothing";
  brokenAt = 0; // the line that could not be followed, if any
  terms = null;
  leaves = []; // of ticket 1, 2, 3, …
  buyers = []; // and who holds them
  voided = new Set();
  prizes = null;
  lines = {}; // the one line of each stage
  sales = new Map(); // the line in which each number was sold
  codes = []; // shown with a claim or a forfeit: {seq, number, code}
  #held = new Map();
  #proposed = new Set();

  constructor(findings) {
    this.findings = findings;
  }

  get sold() {
    return this.leaves.length;
  }

  get isCancelled() {
    return this.stage === "cancelled";
  }

  isSold(number) {
    return number >= 1 && number <= this.sold;
  }

  isValid(number) {
    return this.isSold(number) && !this.voided.has(number);
  }

  // The numbers that take part in the draw, in their order.
  entries() {
    return this.leaves.map((_, index) => index + 1).filter((number) => !this.voided.has(number));
  }

  take(line) {
    const { kind } = line;
    if (!this.#expect(MAY_FOLLOW[this.stage].includes(kind), "life", line, `is “${kind}” after “${this.stage}”`)) return;
    this[`_${kind}`](line);
    if (!STAGES.includes(kind)) return;
    this.stage = kind;
    this.lines[kind] = line;
  }

  // Says what line `seq` breaks; some rules leave nothing to follow after it.
  breaks(check, seq, why) {
    this.findings.expect(false, check, `Line ${seq} ${why}.`);
    if (ENDING.includes(check)) this.brokenAt ||= seq;
  }

  #expect(holds, check, line, why) {
    if (!holds) this.breaks(check, line.seq, why);
    return holds;
  }

  // --- The terms ------------------------------------------------------------------------------

  _created(line) {
    const wrong = wrongTerms(line.terms);
    this.#expect(!wrong, "terms", line, `has no right “${wrong}” in its terms`);
    this.terms = line.terms;
  }

  _changed(line) {
    const { before, after } = line;
    const names = Object.keys(after);
    const expect = (holds, why) => this.#expect(holds, "terms", line, why);
    expect(!this.lines.closed, "changes terms after the close");
    expect(this.sold === 0 || names.every((name) => name === "description"), "changes terms after the first sale");
    expect(same(names.sort(), Object.keys(before).sort()), "does not say of each term what it was and became");
    const now = (name) => (Object.hasOwn(this.terms, name) ? this.terms[name] : null);
    const were = Object.fromEntries(Object.keys(before).map((name) => [name, now(name)]));
    expect(same(before, were), "says wrongly what the terms were");
    this.terms = { ...this.terms, ...after };
    const wrong = wrongTerms(this.terms);
    expect(!wrong, `leaves no right “${wrong}” in the terms`);
  }

  _opened(line) {
    this.#expect(same(line.terms, this.terms), "terms", line, "opens on other terms than were set");
  }

  // --- Tickets --------------------------------------------------------------------------------

  _purchase(line) {
    const { at, buyer, tickets } = line;
    const { capacity, limit, opens_at: opens, closes_at: closes } = this.terms;
    this.#expect(tickets.length > 0, "numbers", line, "sells no ticket");
    for (const { number, leaf } of tickets) {
      const next = this.sold + 1;
      this.#expect(number === next, "numbers", line, `sells number ${number}, and ${next} comes next`);
      this.#expect(number <= capacity, "numbers", line, `sells number ${number}, and there are only ${capacity}`);
      if (this.brokenAt) return;
      this.leaves.push(leaf);
      this.buyers.push(buyer);
      this.sales.set(number, line);
    }
    const held = (this.#held.get(buyer) ?? 0) + tickets.length;
    this.#held.set(buyer, held);
    this.#expect(held <= limit, "limit", line, `gives somebody ${held} tickets, and ${limit} is the limit`);
    this.#expect(opens === null || at >= opens, "window", line, `sells before ${opens}`);
    this.#expect(closes === null || at < closes, "window", line, `sells after ${closes}`);
  }

  _void(line) {
    const { number } = line;
    this.#expectTwo(line, `void ${number}`, this.terms.two_people);
    if (!this.#expect(this.isSold(number), "void", line, `makes ${number} void, which was not sold`)) return;
    this.#expect(!this.voided.has(number), "void", line, `makes ${number} void a second time`);
    this.voided.add(number);
  }

  // --- Two people -----------------------------------------------------------------------------

  _proposed(line) {
    const isLate = line.act === "void" && this.stage !== "opened";
    this.#expect(!isLate, "life", line, "asks for a void after the close");
    this.#proposed.add(`${line.by} ${line.act === "void" ? `void ${line.number}` : "draw"}`);
  }

  // `act`: what one person must have asked for and another one confirmed.
  #expectTwo(line, act, isNeeded) {
    const expect = (holds, why) => this.#expect(holds, "two_people", line, why);
    const { by, second = null } = line;
    if (second === null) expect(!isNeeded, "was done without a second person");
    else if (by === second) expect(false, "has the same person twice");
    else if ([by, second].includes(OPERATOR)) expect(false, "counts the server itself as a person");
    else expect(this.#proposed.has(`${by} ${act}`), "was not proposed before by the person who did it");
  }

  // --- The close, the seal and the draw: what follows from them is checked in draw.js -----------

  _closed() {}

  _reconciled() {}

  _sealed(line) {
    this.#expectTwo(line, "draw", this.terms.two_people || this.terms.method === "manual");
  }

  _drawn(line) {
    this.prizes = new Prizes(this.terms, line, (number) => this.buyers[number - 1]);
    const fair = same(line.winners, this.prizes.due);
    this.#expect(fair, "winners", line, "gives prizes to others than come first in its order");
  }

  // --- Prizes ---------------------------------------------------------------------------------

  _claimed(line) {
    const why = this.prizes.claim(line);
    this.#expect(!why, "winners", line, why);
    this.codes.push(line);
  }

  _forfeited(line) {
    const why = this.prizes.forfeit(line);
    this.#expect(!why, "winners", line, why);
    if (line.code !== null) this.codes.push(line);
  }

  _cancelled(line) {
    this.#expect(line.tickets === this.sold, "void", line, `makes ${line.tickets} tickets void, and ${this.sold} were sold`);
  }
}
