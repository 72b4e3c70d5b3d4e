// Asking the server, patiently: how long to wait, and for what.

export const SECOND = 1000;
export const BRISK = 2 * SECOND; // between polls while things change,
export const CALM = 15 * SECOND; // and while they do not
const LONGEST = 60 * SECOND; // while the server does not answer
const PATIENCE = 10 * SECOND; // for one answer
const TRIES = 5; // of one purchase before its buyer is asked

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const jittered = (ms) => ms * (0.75 + Math.random() / 2);
const retryAfter = (response) => SECOND * Number.parseInt(response.headers.get("Retry-After") ?? 0, 10) || 0;

export const fetchPatiently = (address, options = {}) =>
  fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options });

// Asks for the state again and again while the page is seen. `take(state, date)`, where date is the
// server's clock then, says in how many ms to ask again; null: never. Returns a function that asks now.
export function pollState(api, take) {
  let timer;
  let failures = 0;

  async function poll() {
    clearTimeout(timer);
    if (document.hidden) return; // polls at once when it is seen again
    let wait = 0;
    try {
      const response = await fetchPatiently(`${api}state`, { cache: "no-cache", credentials: "omit" });
      wait = retryAfter(response);
      if (!response.ok) throw new Error(response.status);
      const next = await take(await response.json(), Date.parse(response.headers.get("Date")) || Date.now());
      if (next === null) return;
      failures = 0;
      wait = Math.max(wait, jittered(next));
    } catch {
      failures += 1;
      wait = Math.max(wait, SECOND, Math.random() * Math.min(LONGEST, BRISK * 2 ** failures));
    }
    clearTimeout(timer);
    timer = setTimeout(poll, wait);
  }

  document.addEventListener("visibilitychange", poll);
  poll();
  return poll;
}

// The same key every time: however many answers are lost, the tickets are bought once.
export async function purchase(api, key, token, quantity, retrying) {
  for (let tries = 1; tries <= TRIES; tries += 1) {
    let wait = 0;
    try {
      const response = await fetchPatiently(`${api}purchase`, {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": key, "X-CSRFToken": token },
        body: JSON.stringify({ quantity }),
      });
      if (response.status < 500 && response.status !== 429) return await response.json();
      wait = retryAfter(response);
    } catch { /* the connection broke, or the answer was none: ask again */ }
    retrying();
    if (tries < TRIES) await sleep(Math.max(wait, jittered(SECOND * 1.5 ** tries)));
  }
  return { code: "unknown" };
}
