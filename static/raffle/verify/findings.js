// What was looked at, and what did not hold.

// Every check by its name, in the order of the report.
export const CHECKS = {
  chain: "Every line of the ledger follows from the one before",
  life: "Everything happened in the right order, and once",
  terms: "The terms stayed as they were promised",
  numbers: "Ticket numbers are 1, 2, 3, … and no more than there were to be",
  limit: "Nobody holds more tickets than one person may",
  window: "Nothing was sold before the opening or after the close",
  void: "Only sold tickets were made void, each once",
  manifest: "The frozen list of tickets is what the ledger adds up to",
  reconciled: "Sold, void and unsold tickets add up, and a person has confirmed it",
  seal: "The draw was sealed for that list and no other",
  beacon: "The beacon’s round is the one that the rule gives, and its signature is genuine",
  draw: "The tickets drawn follow from the seal and the beacon",
  winners: "Prizes, claims and forfeits are as the rules say",
  two_people: "Two people acted where two were needed",
  draw_file: "The summary of the draw says what the ledger says",
  receipt: "Your tickets are in the ledger, as on your receipt",
  witness: "The ledger still has the head that was kept",
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
