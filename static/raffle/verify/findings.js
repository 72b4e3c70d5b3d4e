// What was looked at, and what did not hold.

import { gettext_noop } from "./words.js";

// Every check by its name, in the order of the report.
export const CHECKS = {
  chain: gettext_noop("Every line of the ledger follows from the one before"),
  life: gettext_noop("Everything happened in the right order, and once"),
  terms: gettext_noop("The terms stayed as they were promised"),
  numbers: gettext_noop("Ticket numbers are 1, 2, 3, … and no more than there were to be"),
  limit: gettext_noop("Nobody holds more tickets than one person may"),
  window: gettext_noop("Nothing was sold before the opening or after the close"),
  void: gettext_noop("Only sold tickets were made void, each once"),
  manifest: gettext_noop("The frozen list of tickets is what the ledger adds up to"),
  reconciled: gettext_noop("Sold, void and unsold tickets add up, and a person has confirmed it"),
  seal: gettext_noop("The draw was sealed for that list and no other"),
  beacon: gettext_noop("The beacon’s round is the one that the rule gives, and its signature is genuine"),
  draw: gettext_noop("The tickets drawn follow from the seal and the beacon"),
  winners: gettext_noop("Prizes, claims and forfeits are as the rules say"),
  two_people: gettext_noop("Two people acted where two were needed"),
  draw_file: gettext_noop("The summary of the draw says what the ledger says"),
  receipt: gettext_noop("Your tickets are in the ledger, as on your receipt"),
  witness: gettext_noop("The ledger still has the head that was kept"),
};

const MOST = 20; // of a thoroughly broken record nobody reads more

export class Findings {
  #problems = Object.fromEntries(Object.keys(CHECKS).map((name) => [name, []]));
  #absent = {};

  // Returns whether it holds.
  expect(holds, name, why) {
    if (!holds && this.#problems[name].length < MOST) this.#problems[name].push(why);
    return holds;
  }

  // The check has nothing to look at, and why.
  leaveOpen(name, why) {
    this.#absent[name] = why;
  }

  // {name, title, state: "ok" | "failed" | "absent", problems, why}
  report() {
    return Object.entries(CHECKS).map(([name, title]) => {
      const problems = this.#problems[name];
      const why = problems.length ? "" : (this.#absent[name] ?? "");
      const state = problems.length ? "failed" : why ? "absent" : "ok";
      return { name, title, state, problems, why };
    });
  }
}
