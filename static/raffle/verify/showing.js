// The verdict as a person reads it.

// What goes wrong is told in English, in the words of the stand-alone verifier.

import { QUESTIONS } from "./verdict.js";

const MARKS = { ok: "✓", failed: "✗", absent: "–" };
const STATES = { ok: gettext("holds"), failed: gettext("does not hold"), absent: gettext("nothing to check") };
const CLAIMS = { unclaimed: gettext("unclaimed"), claimed: gettext("claimed"), forfeited: gettext("forfeited") };
// "Against the staff" is the record's term; to a reader it sounds like an accusation.
const ANSWERS = { no: gettext("No"), "against the staff": gettext("Yes, as far as the staff go"), yes: gettext("Yes") };
const NOT_PROVEN = [
  gettext("That every e-mail address is a person of its own."),
  gettext("That the prizes are handed over."),
  gettext("That this page tells the truth: it comes from the organiser whom you check. Check without this site, too."),
];
const LANGUAGE = { en: "en-GB" }[document.documentElement.lang] ?? document.documentElement.lang;

const SO_FAR = {
  created: gettext("Everything agrees so far. Sales have not opened."),
  opened: gettext("Everything agrees so far. Sales go on."),
  closed: gettext("Everything agrees so far. The list of tickets is fixed."),
  reconciled: gettext("Everything agrees so far. The list of tickets is fixed and confirmed."),
  sealed: gettext("Everything agrees so far. The draw is sealed and waits for its numbers."),
  cancelled: gettext("Everything agrees. The raffle was cancelled: there is no draw."),
};

export function sentenceOf({ holds, level, reached, checks }) {
  const failed = checks.filter(({ state }) => state === "failed").length;
  if (!holds) return counted(ngettext("Something is wrong: one check fails.", "Something is wrong: %(count)s checks fail.", failed), failed);
  if (reached !== "drawn") return SO_FAR[reached];
  return level === "L3" ? gettext("Everything agrees, and nobody could pick the winner.") : gettext("Everything agrees: the winners follow from the record.");
}

// The elements of the verdict, its heading in the first.
export function show(verdict) {
  const said = [...mine(verdict), questions(verdict), ...winners(verdict)];
  const all = [checks(verdict), head(verdict)];
  return [ticket(verdict), ...(verdict.holds ? [...said, ...all] : [...all, ...said]), notProven()].filter(Boolean);
}

function ticket(verdict) {
  const { holds, level, reached, raffle } = verdict;
  const isEarly = !["drawn", "cancelled"].includes(reached);
  const tone = holds ? (isEarly ? "early" : "good") : "bad";
  const title = make("h2", { class: "verdict__title", tabindex: "-1" }, sentenceOf(verdict));
  return make("section", { class: `verdict verdict--${tone} ticket` },
    make("div", { class: "ticket__body" }, make("p", { class: "eyebrow" }, raffle.name || gettext("The record")), title, ...advice(verdict)),
    make("div", { class: "ticket__stub" },
      make("span", { class: "verdict__mark", "aria-hidden": "true" }, holds ? "✓" : "✗"),
      make("span", { class: "stub__label" }, holds ? fill(gettext("Level %(level)s"), { level }) : gettext("Not proven"))));
}

function advice({ holds, checks: all, condition, level, raffle, reached, answers }) {
  if (!holds) {
    const problems = all.flatMap(({ problems: [first] }) => first ?? []);
    return [make("ul", { class: "verdict__failed" }, ...problems.map((problem) => make("li", {}, problem))),
      make("p", {}, gettext("Save the three files as they are now, ask the organiser, and show them to others: anybody can repeat this check."))];
  }
  const sold = counted(ngettext("%(count)s ticket sold.", "%(count)s tickets sold.", raffle.sold), raffle.sold);
  const isVoid = raffle.void ? ` ${counted(ngettext("%(count)s of them is void.", "%(count)s of them are void.", raffle.void), raffle.void)}` : "";
  const said = [make("p", {}, sold + isVoid)];
  if (reached === "drawn" && level !== "L0" && level !== "L3") said.push(make("p", {}, gettext(answers.d.why)));
  if (condition) {
    const text = condition.before
      ? gettext("This holds if the head of line %(seq)s was really kept before %(time)s: one copied from here today proves nothing.")
      : gettext("This holds if the head of line %(seq)s was really kept when you say it was: one copied from here today proves nothing.");
    said.push(make("p", {}, fill(text, { seq: condition.seq, time: condition.before && spelled(condition.before) })));
  }
  if (level === "L1" && reached !== "cancelled") said.push(make("p", {}, gettext("A head of the ledger that you keep from now on proves more the next time.")));
  return said;
}

function mine({ tickets, winners: won }) {
  if (!tickets.length) return [];
  const stubs = tickets.map(({ number, seq, isVoid }) => {
    const prize = won.find((winner) => winner.number === number);
    const label = isVoid ? gettext("Void ticket") : prize ? fill(gettext("Won: %(prize)s"), { prize: prize.name }) : gettext("In the record");
    const kind = isVoid ? "stub stub--void" : prize ? "stub stub--won" : "stub";
    return make("li", { class: kind }, make("span", { class: "stub__label" }, label),
      make("span", { class: `stub__number${number > 9999 ? " stub__number--long" : ""}` }, String(number)),
      make("span", { class: "stub__label" }, fill(gettext("line %(seq)s"), { seq })));
  });
  return [make("section", {}, make("h2", {}, gettext("Your tickets")), make("ul", { class: "stubs" }, ...stubs))];
}

function questions(verdict) {
  const rows = Object.entries(QUESTIONS).map(([letter, question]) => {
    const { answer, why } = verdict.answers[letter];
    return make("div", { class: `answer answer--${answer === "yes" ? "yes" : answer === "no" ? "no" : "partly"}` },
      make("dt", {}, gettext(question)),
      make("dd", {}, make("strong", {}, `${ANSWERS[answer]}.`), ` ${gettext(why)}`));
  });
  return make("section", {}, make("h2", {}, gettext("What this proves")), make("dl", { class: "answers" }, ...rows));
}

function winners({ winners: won }) {
  if (!won.length) return [];
  const rows = won.map(({ prize, name, number, state, claim_by: until }) => {
    const held = number === null ? gettext("nobody was left") : fill(gettext("ticket %(number)s"), { number });
    const how = state === "unclaimed" && until ? fill(gettext("to be claimed until %(time)s"), { time: spelled(until) }) : CLAIMS[state];
    return make("li", {}, make("span", { class: "prize" }, `${prize}. ${name}`), make("strong", {}, held), make("span", { class: "fine" }, number === null ? "" : how));
  });
  return [make("section", {}, make("h2", {}, won.length === 1 ? gettext("The winner") : gettext("The winners")), make("ul", { class: "prizes" }, ...rows))];
}

function checks({ checks: all, brokenAt }) {
  const rows = all.map(({ name, title, state, problems, why }) => {
    const notes = problems.length ? problems : why ? [fill(gettext(why), { line: brokenAt })] : [];
    return make("li", { class: `checked checked--${state}`, "data-name": name, "data-state": state },
      make("span", { class: "checked__mark", "aria-hidden": "true" }, MARKS[state]),
      make("div", {}, make("p", {}, gettext(title)), ...notes.map((note) => make("p", { class: "checked__note" }, note))),
      make("span", { class: "checked__state" }, STATES[state]));
  });
  return make("section", {}, make("h2", {}, gettext("Every check")), make("ul", { class: "checked-list" }, ...rows));
}

function head({ head: { seq, hash }, holds }) {
  if (!holds) return null;
  return make("section", {}, make("h2", {}, gettext("Keep this line")),
    make("div", { class: "prose" },
      make("p", {}, gettext("It is the ledger’s head as you saw it. Write it down, or send it to a friend. Enter it here another time: if anything before it has been changed by then, you will see it.")),
      make("p", {}, make("code", { class: "kept" }, `${seq}:${hash}`))));
}

function notProven() {
  return make("section", {}, make("h2", {}, gettext("What is not proven")),
    make("ul", { class: "not-proven" }, ...NOT_PROVEN.map((text) => make("li", {}, text))));
}

const fill = (text, values) => interpolate(text, values, true);
const counted = (text, count) => fill(text, { count: count.toLocaleString(LANGUAGE) });

// As the site spells times: 5 December 2026, 17:03 UTC.
function spelled(time) {
  const at = new Date(`${time.slice(0, 23)}Z`);
  const day = at.toLocaleDateString(LANGUAGE, { dateStyle: "long", timeZone: "UTC" });
  return `${day}, ${time.slice(11, 16)} UTC`;
}

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}
