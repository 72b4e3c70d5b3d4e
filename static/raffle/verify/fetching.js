// Downloads the three files, all as of one moment.

const PATIENCE = 30_000; // ms without a byte
const TRIES = 4;
const PAUSE = 2000; // ms
const NEW_LINE = 10;

export class Unreachable extends Error {}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

// `told`: the addresses `ledger`, `manifest` and `draw`, and about how many `lines` the ledger has
// and the raffle's `capacity`. Files that are not there yet are null. Throws Unreachable.
export async function fetchRecord(told, progress) {
  const expected = Number(told.lines) + Number(told.capacity);
  for (let tries = 1; ; tries += 1) {
    let lines = 0;
    const count = (more) => progress(Math.min(1, (lines += more) / expected));
    const how = tries === 1 ? "no-cache" : "reload";
    const draw = await download(told.draw, how, () => {});
    const ledger = await download(told.ledger, how, count);
    const manifest = await download(told.manifest, how, count);
    if (!ledger) throw new Unreachable(gettext("There is no ledger at this address."));
    if (tries === TRIES || isOfOneMoment(ledger, manifest, draw)) return { ledger, manifest, draw };
    await sleep(PAUSE);
  }
}

// Something may happen between one download and the next: then they are fetched again. What never
// comes to agree is given to the verifier as it is.
function isOfOneMoment(ledger, manifest, draw) {
  const end = new TextDecoder("latin1").decode(ledger.subarray(-65_536));
  if (!draw && end.includes('"kind":"sealed"')) return false;
  if (!manifest && end.includes('"kind":"closed"')) return false;
  if (!draw) return true;
  try {
    return JSON.parse(new TextDecoder().decode(draw)).ledger.seq === JSON.parse(end.trimEnd().split("\n").at(-1)).seq;
  } catch {
    return true; // for the verifier to tell what is wrong
  }
}

// The bytes of a file; null if it is not there.
async function download(address, cache, count) {
  const stop = new AbortController();
  try {
    const response = await inTime(stop, fetch(address, { cache, credentials: "omit", signal: stop.signal }));
    if (response.status === 404) return null;
    if (!response.ok) throw new Unreachable(interpolate(gettext("The record could not be downloaded: the server answered %s. Try again."), [response.status]));
    const parts = [];
    const reader = response.body.getReader();
    for (;;) {
      const { done, value } = await inTime(stop, reader.read());
      if (done) return new Uint8Array(await new Blob(parts).arrayBuffer());
      parts.push(value);
      count(value.reduce((lines, byte) => lines + (byte === NEW_LINE), 0));
    }
  } catch (problem) {
    if (problem instanceof Unreachable) throw problem;
    throw new Unreachable(gettext("The record could not be downloaded: the connection broke. Try again."));
  }
}

async function inTime(stop, promise) {
  const timer = setTimeout(() => stop.abort(), PATIENCE);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}
