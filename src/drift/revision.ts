import { createHash } from "node:crypto";

import type { ObservedHost } from "./observedHost";

const short = (parts: readonly unknown[], length: number): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, length);

/** The revision of a configuration: a hash of its desired manifest, as the host computes it too. */
export const revisionOf = (manifest: string): string =>
  createHash("sha256").update(manifest).digest("hex").slice(0, 16);

/**
 * The id of the update that brings a host to a revision; it's an argument of every step, so another id runs them all.
 *
 * In sync and nothing open: the confirmed update's id, so nothing is planned. Else one made from what was observed: the same
 * in preview and `up`, new for every attempt.
 */
export function transactionOf(revision: string, observed: ObservedHost | undefined): string {
  if (observed === undefined) return short([revision], 12);
  const { confirmed, openTransaction, machineId, stateAnchor } = observed;
  // One that is open with the confirmed content died between its last two acts; nothing is left to do.
  const isSettled = openTransaction === undefined || openTransaction.revision === confirmed?.revision;
  if (confirmed?.revision === revision && isSettled) return confirmed.transaction;
  // Without a manifest (a fresh host, or one whose state directory was lost) the anchor tells this loss from the one before.
  const count = confirmed?.counter ?? stateAnchor;
  return short([revision, machineId, count, openTransaction?.attempt ?? ""], 12);
}
