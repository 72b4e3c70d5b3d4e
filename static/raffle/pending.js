// A purchase whose answer is still to come, kept while its page is loaded again: asking once more
// with the same key gives the same tickets, and not others.

const PATIENCE = 5 * 60 * 1000; // ms; whoever comes back later looks for themselves

// Of this buyer and this raffle: another person may sign in within the same tab.
const place = (form) => `purchase ${form.dataset.buyer} ${form.getAttribute("action")}`;

export function remember(form, wanted) {
  form.pending = recall(form) ?? { key: form.elements.key.value, wanted };
  try {
    sessionStorage.setItem(place(form), JSON.stringify({ ...form.pending, at: Date.now() }));
  } catch { /* no storage: then the form alone remembers */ }
}

export function recall(form) {
  if (form.pending) return form.pending;
  try {
    const kept = JSON.parse(sessionStorage.getItem(place(form)));
    if (kept && Date.now() - kept.at < PATIENCE) form.pending = { key: kept.key, wanted: kept.wanted };
  } catch { /* no storage, nothing pending */ }
  return form.pending;
}

export function forget(form) {
  delete form.pending;
  try {
    sessionStorage.removeItem(place(form));
  } catch { /* as above */ }
}
