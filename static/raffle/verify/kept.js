// What people have kept: receipts, heads of the ledger, and the codes that they have shown.

import { leafText, sha256 } from "./hashes.js";
import { gettext_noop } from "./words.js";

export const RECEIPT = /^([1-9]\d{0,15})-([0-9a-f]{32})-([1-9]\d{0,15})-([0-9a-f]{64})$/;
export const WITNESS = /^([1-9]\d{0,15}):([0-9a-f]{64})$/;

// Codes shown with claims and forfeits must make the leaf of their ticket.
export async function checkCodes(replay, findings) {
  for (const { seq, raffle, number, code } of replay.codes) {
    const fits = (await sha256(leafText(raffle, number, code))) === replay.leaves[number - 1];
    findings.expect(fits, "winners", `Line ${seq} shows a code that is not ticket ${number}’s.`);
  }
}

// Returns the tickets of the receipts that hold: {number, seq, isVoid}.
export async function checkReceipts(receipts, replay, hashes, findings) {
  if (!receipts.length) findings.leaveOpen("receipt", gettext_noop("No receipt was given."));
  const tickets = [];
  for (const receipt of receipts) {
    const why = await wrongReceipt(receipt, replay, hashes);
    if (findings.expect(!why, "receipt", why)) {
      const [, number, , seq] = RECEIPT.exec(receipt);
      tickets.push({ number: Number(number), seq: Number(seq), isVoid: replay.isCancelled || replay.voided.has(Number(number)) });
    }
  }
  return tickets;
}

async function wrongReceipt(receipt, replay, hashes) {
  const parts = RECEIPT.exec(receipt);
  if (!parts) return `“${receipt.slice(0, 160)}” is not a receipt line: number, code, line and hash.`;
  const [, number, code, seq, hash] = parts;
  if (hashes[seq - 1] !== hash) return `Ticket ${number}: line ${seq} is not as it was when the ticket was bought.`;
  const sale = replay.sales.get(Number(number));
  if (sale?.seq !== Number(seq)) return `Ticket ${number} was not sold in line ${seq}.`;
  const leaf = await sha256(leafText(sale.raffle, number, code));
  return leaf === replay.leaves[number - 1] ? "" : `Ticket ${number} in the ledger is not the one of this receipt.`;
}

// Returns the heads that are in the ledger: {seq}.
export function checkWitnesses(witnesses, hashes, findings) {
  if (!witnesses.length) findings.leaveOpen("witness", gettext_noop("No head of the ledger was given."));
  const heads = [];
  for (const witness of witnesses) {
    const [, seq, hash] = WITNESS.exec(witness) ?? [];
    const said = seq ? `Line ${seq} of the ledger is not the one that was kept.` : `“${witness.slice(0, 160)}” is not a head: line:hash.`;
    if (findings.expect(Boolean(seq) && hashes[seq - 1] === hash, "witness", said)) heads.push({ seq: Number(seq) });
  }
  return heads;
}
