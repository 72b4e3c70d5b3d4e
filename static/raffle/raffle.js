// Brings a raffle's page to life: fresh counts by polling, and a button that never buys twice.
// Everything works without it; where something unexpected happens, it hands over to the plain form.

const page = document.querySelector("[data-raffle]");
const form = page.querySelector("[data-buy]");
const button = form?.querySelector("button");
const quantity = form?.querySelector("[data-quantity]");
const note = page.querySelector("[data-note]");

const SECOND = 1000;
const BRISK = 2 * SECOND; // between polls while things happen
const CALM = 15 * SECOND; // and while they do not
const CALM_AFTER = 30 * SECOND;
const LONGEST = 60 * SECOND; // between polls that fail
const TRIES = 5; // of one purchase, before its buyer is asked
const PATIENCE = 10 * SECOND; // for one answer
const MILESTONES = [1, 5, 10, 25, 50];

const words = {
  idle: () => "Buy",
  pending: () => "Getting your tickets…",
  retrying: () => "Checking…",
  error: () => "Try again",
  limit_reached: () => "Limit reached",
  sold_out: () => "Sold out",
  closed: () => "Sales closed",
  not_open_yet: () => "Not open yet",
};
const notes = {
  idle: () => `You hold ${raffle.held} of the ${raffle.limit} that one person may hold.`,
  pending: () => "",
  retrying: () =>
    "Connection dropped. Checking whether your ticket went through: you cannot be entered twice.",
  error: () => "Trying again asks about the same purchase: you cannot be entered twice.",
  limit_reached: () => `You hold ${raffle.held} tickets, the most that one person may hold.`,
  sold_out: () => "Every ticket has been sold.",
  closed: () => "Ticket sales have closed. No more tickets can be bought.",
  not_open_yet: () => "Ticket sales have not started. This page will tell you when they do.",
};

const raffle = {
  capacity: Number(page.dataset.capacity),
  limit: Number(page.dataset.limit),
  remaining: Number(page.dataset.remaining),
  held: Number(page.dataset.held),
  void: Number(page.dataset.void),
  opensAt: page.dataset.opens && page.dataset.status === "OPEN" ? Date.parse(page.dataset.opens) : 0,
  selling: page.dataset.selling !== undefined,
};
let now = Date.now(); // the server's clock, as of its last answer
let updated = now;
let changed = now;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const jittered = (ms) => ms * (0.75 + Math.random() / 2);
const fullJitter = (failures) => Math.random() * Math.min(LONGEST, SECOND * 2 ** failures);
const list = new Intl.ListFormat("en");
const most = () => Math.min(raffle.limit - raffle.held, raffle.remaining);

function restingState() {
  if (!raffle.selling) return raffle.opensAt > now ? "not_open_yet" : "closed";
  if (form && raffle.held >= raffle.limit) return "limit_reached";
  return raffle.remaining > 0 ? "idle" : "sold_out";
}

function retryAfter(response) {
  return 1000 * (Number.parseInt(response.headers.get("Retry-After"), 10) || 0);
}

// --- Showing ---------------------------------------------------------------------------------------

function show(name, text) {
  for (const place of page.querySelectorAll(`[data-show="${name}"]`)) place.textContent = text;
}

function announce(text) {
  page.querySelector("[data-status-line]").textContent = text;
}

function showCounts() {
  const sold = raffle.capacity - raffle.remaining;
  const entries = sold - raffle.void;
  show("remaining", raffle.remaining);
  show("sold", sold);
  show("entries", entries);
  page.querySelector('[data-show="odds"]').hidden = entries < 1;
  page.querySelector("progress").value = sold;
}

function showAge() {
  const seconds = Math.floor((Date.now() - updated) / SECOND);
  show("age", seconds < 2 ? ", up to date" : `, updated ${seconds} s ago`);
}

function showState(state = restingState(), sentence = notes[state]()) {
  const visitor = page.querySelector("[data-visitor]");
  if (visitor) visitor.hidden = !["idle", "not_open_yet"].includes(state);
  if (visitor && state === "idle") sentence = "";
  if (form) {
    form.dataset.state = state;
    button.disabled = false; // a button that is disabled loses the focus
    button.setAttribute("aria-busy", state === "pending" || state === "retrying");
    button.setAttribute("aria-disabled", !["idle", "success", "error"].includes(state));
    button.textContent = words[state]?.() ?? sentence;
    showQuantity(state);
  }
  if (note && (form || visitor)) note.textContent = sentence;
}

function showQuantity(state) {
  quantity.hidden = !["idle", "success", "pending", "retrying", "error"].includes(state) || most() < 1;
  quantity.disabled = !["idle", "success"].includes(state); // what is under way stays as it is
  show("most", most());
  const typed = quantity.querySelector("[type=number]");
  if (typed) typed.max = Math.max(most(), 1);
  for (const choice of quantity.querySelectorAll("[type=radio]")) {
    const possible = Number(choice.value) <= most();
    choice.closest("label").hidden = !possible;
    if (!possible && choice.checked && most() > 0) form.elements.quantity.value = most();
  }
}

function complain(text) {
  const alert = form.querySelector("[data-alert]");
  alert.textContent = text;
  alert.hidden = !text;
}

// --- Polling ---------------------------------------------------------------------------------------

let timer;
let failures = 0;
let milestone = currentMilestone();
let lastAnnounced = 0;

async function poll() {
  clearTimeout(timer);
  if (document.hidden) return; // visibilitychange polls at once
  let wait;
  try {
    const response = await fetch(`${page.dataset.api}state`, {
      cache: "no-cache", credentials: "omit", signal: AbortSignal.timeout(PATIENCE),
    });
    wait = retryAfter(response);
    if (!response.ok) throw new Error(response.status);
    take(await response.json(), Date.parse(response.headers.get("Date")) || Date.now());
    failures = 0;
    const busy = Date.now() - changed < CALM_AFTER || (raffle.opensAt > now && raffle.opensAt - now < LONGEST);
    wait = Math.max(wait, jittered(busy ? BRISK : CALM));
  } catch {
    failures += 1;
    wait = Math.max(wait ?? 0, SECOND, fullJitter(failures));
  }
  clearTimeout(timer);
  timer = setTimeout(poll, wait);
}

function take(state, date) {
  if (state.winning_ticket !== undefined && !busy) return location.reload(); // the final state
  now = date;
  updated = Date.now();
  const before = `${raffle.remaining} ${raffle.selling} ${restingState()}`;
  raffle.remaining = Math.min(raffle.remaining, state.remaining); // what is sold is never unsold
  raffle.selling = state.status === "OPEN";
  if (before !== `${raffle.remaining} ${raffle.selling} ${restingState()}`) changed = updated;
  show("seq", state.ledger_head.seq);
  show("hash", state.ledger_head.hash.slice(0, 16));
  showCounts();
  showAge();
  if (!busy && !["success", "error"].includes(form?.dataset.state)) showState();
  announceMilestone();
}

function currentMilestone() {
  const state = restingState();
  if (state === "closed") return "Ticket sales have closed.";
  if (raffle.remaining === 0) return "Every ticket has been sold.";
  if (state === "not_open_yet") return "";
  const mark = MILESTONES.find((few) => raffle.remaining <= few);
  return mark ? `${mark} or fewer tickets are left.` : "Ticket sales are open.";
}

function announceMilestone() {
  const reached = currentMilestone();
  if (reached === milestone || Date.now() - lastAnnounced < 30 * SECOND) return;
  milestone = reached;
  lastAnnounced = Date.now();
  announce(reached);
}

// --- Buying ----------------------------------------------------------------------------------------

let busy = false;

async function buy(event) {
  event.preventDefault();
  if (busy || button.ariaDisabled === "true" || !form.reportValidity()) return;
  busy = true;
  complain("");
  quantity.disabled = false; // a disabled field has no value
  const wanted = Number(new FormData(form).get("quantity"));
  showState("pending");
  const answer = await askUntilKnown(wanted);
  busy = false;
  settle(answer, wanted);
  poll();
}

// The same key each time: however often the answer is lost, the tickets are bought once.
async function askUntilKnown(wanted) {
  for (let failed = 0; failed < TRIES; failed += 1) {
    if (failed) showState("retrying");
    let wait = 0;
    try {
      const response = await fetch(`${page.dataset.api}purchase`, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "Idempotency-Key": form.elements.key.value,
          "X-CSRFToken": form.elements.csrfmiddlewaretoken.value,
        },
        body: JSON.stringify({ quantity: wanted }),
        signal: AbortSignal.timeout(PATIENCE),
      });
      if (response.status < 500 && response.status !== 429) {
        return { ok: response.ok, ...(await response.json()) };
      }
      wait = retryAfter(response);
    } catch { /* the answer was lost, or was none */ }
    await sleep(Math.max(wait, jittered(SECOND * 1.5 ** failed)));
  }
  return { code: "unreachable" };
}

function settle(answer, wanted) {
  if (answer.ok) return celebrate(answer);
  switch (answer.code) {
    case "unreachable":
      complain("We could not find out whether your ticket went through.");
      return showState("error");
    case "limit_reached": // perhaps bought in another tab: there is room for fewer than wanted
      raffle.held = Math.max(raffle.held, raffle.limit - wanted + 1);
      break;
    case "not_enough_left":
      raffle.remaining = Math.min(raffle.remaining, wanted - 1);
      break;
    case "sold_out":
      raffle.remaining = 0;
      break;
    case "closed":
      raffle.selling = false;
      break;
    case "not_open_yet":
    case "idempotency_key_reused":
      break;
    default: // signed out, an old token, …: the plain form explains
      quantity.disabled = false;
      return form.submit();
  }
  changed = Date.now();
  renewKey();
  showCounts();
  showState();
  complain(answer.detail);
}

function celebrate({ tickets, remaining }) {
  raffle.held += tickets.length;
  raffle.remaining = Math.min(raffle.remaining, remaining);
  changed = Date.now();
  renewKey();
  showCounts();
  tickets.forEach(addTicket);
  const news = `${tickets.length === 1 ? "Ticket" : "Tickets"} ${list.format(tickets.map(String))}`;
  const sentence = `${news} ${tickets.length === 1 ? "is" : "are"} yours. ${notes.idle()}`;
  showState("success", sentence);
  button.textContent = "Yours. Good luck!";
  announce(sentence);
  setTimeout(() => form.dataset.state === "success" && showState(restingState(), sentence), 3 * SECOND);
}

function addTicket(number) {
  const ticket = page.querySelector("[data-new-ticket]").content.cloneNode(true);
  ticket.querySelector("[data-number]").textContent = number;
  ticket.firstElementChild.classList.add("stub--new");
  page.querySelector("[data-tickets]").append(ticket);
  page.querySelector("[data-yours]").hidden = false;
}

function renewKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  form.elements.key.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// --- Off we go -------------------------------------------------------------------------------------

form?.addEventListener("submit", buy);
document.addEventListener("visibilitychange", poll);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
setInterval(showAge, SECOND);
if (form) showState();
poll();
