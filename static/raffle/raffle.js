// Brings a raffle's page to life: fresh counts, and a button that says how it stands.
// Everything works without it, and what it does not know it leaves to the plain form.

import { BRISK, CALM, SECOND, pollState, purchase } from "./asking.js";
import { countDown, serverClock } from "./clock.js";
import { forget, recall, remember } from "./pending.js";
import "./times.js";
import { gettext, interpolate, language, ngettext } from "./translating.js";

const CALM_AFTER = 30 * SECOND; // once nothing has changed for so long
const OPENS_SOON = 60 * SECOND;
const FEW_LEFT = [1, 5, 10, 25, 50]; // worth an announcement

const page = document.querySelector("[data-raffle]");
const statusLine = document.querySelector("[data-status-line]");
const form = page.querySelector("[data-buy]");
const button = form?.querySelector("button");
const note = page.querySelector("[data-note]");
const visitor = page.querySelector("[data-visitor]");
const quantity = page.querySelector("[data-quantity]");

const { dataset } = page;
const capacity = Number(dataset.capacity);
const limit = Number(dataset.limit);
const opensAt = dataset.opens ? Date.parse(dataset.opens) : 0; // of a raffle that is to open
let remaining = Number(dataset.remaining);
let held = Number(dataset.held);
let selling = "selling" in dataset;
const { now, set } = serverClock(dataset.now);
let updated = Date.now(); // by our clock
let changed = updated; // when something last happened
let busy = false; // with a purchase

const most = () => Math.min(limit - held, remaining);
const holding = () => interpolate(gettext("You hold %(held)s of the %(limit)s that one person may hold."), { held, limit }, true);

// What the button says, and the sentence below it.
const words = {
  idle: () => [gettext("Buy"), holding()],
  pending: () => [gettext("Getting your tickets…"), ""],
  retrying: () => [gettext("Checking…"),
    gettext("Connection dropped. Checking whether your ticket went through: you cannot be entered twice.")],
  error: () => [gettext("Try again"),
    gettext("Trying again asks about the same purchase: you cannot be entered twice.")],
  success: () => [gettext("Yours. Good luck!"), ""],
  limit_reached: () => [gettext("Limit reached"), interpolate(ngettext(
    "You hold %(held)s ticket, the most that one person may hold.",
    "You hold %(held)s tickets, the most that one person may hold.", held), { held }, true)],
  sold_out: () => [gettext("Sold out"), gettext("Every ticket has been sold.")],
  closed: () => [gettext("Sales closed"), gettext("Ticket sales have closed. No more tickets can be bought.")],
  not_open_yet: () => [gettext("Not open yet"),
    gettext("Ticket sales have not started. This page tells you when they do.")],
};

function restingState() {
  if (!selling) return opensAt > now() ? "not_open_yet" : "closed";
  if (remaining === 0) return "sold_out";
  return form && held >= limit ? "limit_reached" : "idle";
}

// --- Showing ------------------------------------------------------------------------------------

function show(name, text) {
  for (const place of page.querySelectorAll(`[data-show="${name}"]`)) place.textContent = text;
}

function announce(text) {
  statusLine.textContent = text;
}

function complain(text) {
  const alert = form.querySelector("[data-alert]");
  alert.textContent = text;
  alert.hidden = !text;
}

function showCounts() {
  const sold = capacity - remaining;
  const entries = sold - Number(dataset.void);
  show("remaining", remaining);
  show("sold", sold);
  show("entries", entries);
  show("chance", Math.min(Number(dataset.prizes), entries));
  show("most", most());
  page.querySelector('[data-show="odds"]').hidden = entries < 1;
  page.querySelector("progress").value = sold;
}

function showTime() {
  const seconds = Math.floor((Date.now() - updated) / SECOND);
  show("age", seconds < 2 ? gettext(", updated just now") :
    interpolate(gettext(", updated %(seconds)s s ago"), { seconds }, true));
  countDown(page, now);
}

function showState(state = restingState(), sentence = words[state]()[1]) {
  for (const line of page.querySelectorAll('[data-show="next"]')) line.hidden = remaining > 0;
  if (visitor) {
    const focused = visitor.contains(document.activeElement);
    visitor.hidden = !["idle", "not_open_yet"].includes(state);
    note.textContent = state === "idle" ? "" : sentence;
    quantity.hidden = state !== "idle";
    if (state === "idle") fitQuantity();
    if (focused && visitor.hidden) note.focus();
    return;
  }
  if (!form) return;
  form.dataset.state = state;
  note.textContent = sentence;
  button.textContent = words[state]()[0];
  button.disabled = false; // it would lose the focus
  button.setAttribute("aria-disabled", !["idle", "error"].includes(state));
  button.setAttribute("aria-busy", ["pending", "retrying"].includes(state));
  quantity.hidden = most() < 1 || ["closed", "not_open_yet"].includes(state);
  quantity.disabled = state !== "idle"; // what is being bought stays as it is
  if (state === "idle") fitQuantity();
}

function fitQuantity() {
  const typed = quantity.querySelector("[type=number]");
  if (typed) typed.max = Math.max(most(), 1);
  for (const choice of quantity.querySelectorAll("[type=radio]")) {
    const possible = choice.value <= most();
    choice.closest("label").hidden = !possible;
    if (choice.checked && !possible) (form ?? visitor).elements.quantity.value = most();
  }
}

function addTicket(number) {
  const ticket = page.querySelector("[data-new-ticket]").content.cloneNode(true);
  ticket.querySelector("[data-number]").textContent = number;
  ticket.firstElementChild.classList.add("stub--new");
  page.querySelector("[data-tickets]").append(ticket);
  page.querySelector("[data-yours]").hidden = false;
}

// --- Polling ------------------------------------------------------------------------------------

function take(state, date) {
  const over = state.cancelled || "sealed" in state; // what follows is on another kind of page
  if (over && !busy) {
    clearInterval(timer);
    import("./draw.js"); // goes on from here, on this page
    return null;
  }
  const before = restingState();
  const fewer = state.remaining < remaining;
  set(date);
  updated = Date.now();
  remaining = Math.min(remaining, state.remaining); // what is sold is never for sale again
  selling = state.status === "OPEN";
  if (fewer || before !== restingState()) changed = updated;
  show("seq", state.ledger_head.seq);
  show("hash", state.ledger_head.hash.slice(0, 16));
  showCounts();
  showTime();
  if (!busy && !["success", "error"].includes(form?.dataset.state)) showState();
  announceMilestone();
  const opensSoon = opensAt > now() && opensAt - now() < OPENS_SOON;
  return opensSoon || updated - changed < CALM_AFTER ? BRISK : CALM;
}

function milestone() {
  if (remaining === 0) return gettext("Every ticket has been sold.");
  if (!selling) return opensAt > now() ? "" : gettext("Ticket sales have closed.");
  const few = FEW_LEFT.find((count) => remaining <= count);
  if (!few) return gettext("Ticket sales are open.");
  return interpolate(ngettext("Only %(few)s ticket is left.", "At most %(few)s tickets are left.", few), { few }, true);
}

let announced = milestone();
let quietUntil = 0;

function announceMilestone() {
  const reached = milestone();
  if (reached === announced || Date.now() < quietUntil) return;
  announced = reached;
  quietUntil = Date.now() + 30 * SECOND;
  announce(reached);
}

// --- Buying -------------------------------------------------------------------------------------

async function buy(event) {
  event.preventDefault();
  if (busy || button.getAttribute("aria-disabled") === "true") return; // a double click buys once
  quantity.disabled = false; // a disabled field has no value
  if (!form.reportValidity()) return;
  remember(form, Number(new FormData(form).get("quantity")));
  showState("pending");
  await send();
}

async function send() {
  const { key, wanted } = recall(form);
  busy = true;
  complain("");
  const token = form.elements.csrfmiddlewaretoken.value;
  const answer = await purchase(dataset.api, key, token, wanted, () => showState("retrying"));
  busy = false;
  changed = Date.now();
  settle(answer, wanted);
}

function settle(answer, wanted) {
  if (answer.code === "unknown") {
    complain(gettext("We could not find out whether your ticket went through."));
    return showState("error");
  }
  forget(form);
  if (answer.success) return celebrate(answer);
  if (answer.code === "limit_reached") held = Math.max(held, limit - wanted + 1); // by another tab
  else if (answer.code === "not_enough_left") remaining = Math.min(remaining, wanted - 1);
  else if (answer.code === "sold_out") remaining = 0;
  else if (answer.code === "closed") selling = false;
  else if (!["not_open_yet", "idempotency_key_reused"].includes(answer.code)) {
    quantity.disabled = false;
    return form.submit(); // signed out, an old token, …: the plain form explains it
  }
  refresh();
  showState();
  complain(answer.detail);
}

function addReceipt(id, numbers) {
  const link = page.querySelector("[data-new-receipt]").content.cloneNode(true).querySelector("a");
  link.href = link.getAttribute("href").replace("00000000-0000-0000-0000-000000000000", id);
  link.textContent = numbers.length === 1 ?
    interpolate(gettext("ticket %(number)s"), { number: numbers[0] }, true) :
    interpolate(gettext("tickets %(first)s to %(last)s"), { first: numbers[0], last: numbers.at(-1) }, true);
  page.querySelector("[data-receipts]").append(link);
}

function celebrate(bought) {
  const shown = new Set(Array.from(page.querySelectorAll("[data-tickets] [data-number]"), (place) => Number(place.textContent)));
  const unseen = bought.tickets.filter((number) => !shown.has(number)); // all, unless the page came later
  held += unseen.length;
  remaining = Math.min(remaining, bought.remaining);
  refresh();
  unseen.forEach(addTicket);
  if (unseen.length) addReceipt(bought.purchase, bought.tickets);
  const numbers = new Intl.ListFormat(language).format(bought.tickets.map(String));
  const news = interpolate(ngettext("Ticket %(numbers)s is yours.", "Tickets %(numbers)s are yours.",
    bought.tickets.length), { numbers }, true);
  showState("success", `${news} ${holding()}`);
  announce(note.textContent);
  setTimeout(showState, 3 * SECOND);
}

function refresh() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID() wants HTTPS
  form.elements.key.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  showCounts();
  poll();
}

form?.addEventListener("submit", buy);
window.addEventListener("pageshow", (event) => event.persisted && location.reload());
const timer = setInterval(showTime, SECOND);
if (form || visitor) showState();
const poll = pollState(dataset.api, take);
if (form && recall(form)) { // the page was loaded again before the answer was there
  showState("retrying", gettext("Checking whether your ticket went through: you cannot be entered twice."));
  send();
}
