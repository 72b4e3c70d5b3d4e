// Who has which prize: given along the order of the draw, claimed in time or passed on. What the
// ledger says is kept even where it is wrong, so that one lie is told once.

import { daysAfter } from "./times.js";

export class Prizes {
  #order;
  #next = 0; // the place in the order that comes next
  #given = new Set(); // buyers who have been given a prize, be it forfeited since
  #prizes;

  // `buyerOf(number)` is who holds a ticket.
  constructor(terms, drawn, buyerOf) {
    this.terms = terms;
    this.buyerOf = buyerOf;
    this.#order = drawn.order;
    this.due = terms.prizes.map(() => this.#nextInLine()); // who should have won
    this.#prizes = terms.prizes.map((name, index) => ({ prize: index + 1, name, isForfeited: false }));
    for (const [index, prize] of this.#prizes.entries()) this.#give(prize, drawn.winners[index] ?? null, drawn.at);
  }

  // The next ticket of the order that can be given a prize; null if none is left.
  #nextInLine() {
    while (this.#next < this.#order.length) {
      const number = this.#order[this.#next];
      this.#next += 1;
      const buyer = this.buyerOf(number);
      if (buyer === undefined) continue; // never sold: the check of the draw tells
      if (this.terms.one_prize_each && this.#given.has(buyer)) continue;
      this.#given.add(buyer);
      return number;
    }
    return null;
  }

  #give(prize, number, at) {
    const claimBy = number === null ? null : daysAfter(at, this.terms.claim_days);
    Object.assign(prize, { number, claimBy, isClaimed: false });
  }

  // Says what is wrong with a claim; "" if nothing is. The code is held against its leaf elsewhere.
  claim({ prize, number, at }) {
    const won = this.#prizes[prize - 1];
    const wrong = cannotBeOf(won, number) || (at > won.claimBy ? "claims a prize too late" : "");
    if (won) won.isClaimed = true;
    return wrong;
  }

  forfeit({ prize, number, code, next, at }) {
    const won = this.#prizes[prize - 1];
    const due = this.#nextInLine();
    let wrong = cannotBeOf(won, number);
    if (!won) return wrong;
    // With the code its winner gives it up, whenever that is.
    if (code === null && at <= won.claimBy) wrong ||= "takes away a prize that can still be claimed";
    if (next !== due) wrong ||= `passes the prize on to ${next ?? "nobody"}, and ${due ?? "nobody"} is next`;
    this.#give(won, next, at);
    won.isForfeited = true;
    return wrong;
  }

  // As draw.json tells it.
  summary() {
    return this.#prizes.map(({ prize, name, number, claimBy, isClaimed, isForfeited }) => ({
      prize, name, number, claim_by: claimBy,
      state: isClaimed ? "claimed" : number === null && isForfeited ? "forfeited" : "unclaimed",
    }));
  }
}

function cannotBeOf(won, number) {
  if (!won) return "is of a prize that does not exist";
  if (won.number !== number) return `is of ticket ${number}, which does not have this prize`;
  return won.isClaimed ? "is of a prize that was claimed already" : "";
}
