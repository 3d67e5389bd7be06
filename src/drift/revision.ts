import { createHash } from "node:crypto";

import type { RenderedFile } from "../model/types";
import type { Finding } from "./finding";
import type { ObservedHost } from "./observedHost";

const short = (...parts: readonly unknown[]): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex").slice(0, 12);

/** How often this host was updated: with it, an answer to one loss or tampering differs from that to the one before. */
const countOf = ({ manifest, stateAnchor }: ObservedHost): number | string =>
  // Without a manifest (a fresh host, or one whose record was lost) it starts anew, and the anchor tells the losses apart.
  manifest === undefined || manifest === "corrupt"
    ? stateAnchor
    : (manifest.confirmed?.counter ?? stateAnchor);

/**
 * The id of the update that brings a host to a revision; it's an argument of every step from `install` on, so another id runs
 * them all.
 *
 * In sync and nothing open: the confirmed update's id, so nothing is planned. Else one made from what was observed: the same
 * in preview and `up`, new for every attempt.
 */
export function transactionOf(
  revision: string,
  observed: ObservedHost | undefined,
  findings: readonly Finding[] = [],
): string {
  if (observed === undefined) return short(revision);
  const { manifest, machineId, attempts, settledAttempts, openTransaction } = observed;
  const confirmed = manifest === "corrupt" ? undefined : manifest?.confirmed;
  // After one that was rolled back, the steps that it did have its id in Pulumi's state, the others the confirmed one.
  const isSettled = openTransaction === undefined ? attempts === settledAttempts : isClosed(observed);
  if (confirmed?.revision === revision && isSettled && findings.length === 0) return confirmed.transaction;
  return short(revision, machineId, countOf(observed), attempts);
}

/** Whether no update is open: one that was confirmed, and died before its last act, isn't any more. Pure. */
export function isClosed({ manifest, openTransaction }: ObservedHost): boolean {
  const confirmed = manifest === "corrupt" ? undefined : manifest?.confirmed;
  return (
    openTransaction === undefined ||
    (openTransaction.revision === confirmed?.revision && openTransaction.id === confirmed.transaction)
  );
}

/** The revisions which the steps that send something are called with: the kept one, or a new one after drift. */
export interface StepRevisions {
  readonly helper: string;
  readonly files: Readonly<Record<string, string>>;
}

/**
 * A new one for what drifted, and for content that isn't stored on the host: this stack may have sent it once and another
 * update swept it away since.
 */
export function stepRevisionsOf(
  files: readonly RenderedFile[],
  observed: ObservedHost | undefined,
  findings: readonly Finding[] = [],
): StepRevisions {
  const revision = (name: string, hasDrifted: boolean, anchor: string): string => {
    const kept = observed?.revisions[name];
    if (observed === undefined) return short(name);
    return kept === undefined || hasDrifted
      ? short(name, observed.machineId, countOf(observed), anchor)
      : kept;
  };
  const anchors = new Map(observed?.things.map(({ path, anchor }) => [path, anchor]));
  return {
    helper: revision(
      "helper",
      findings.some(({ step }) => step.kind === "helper"),
      observed?.helper.anchor ?? "",
    ),
    files: Object.fromEntries(
      files.map((file) => [
        file.path,
        revision(
          file.path,
          !isStored(file, observed) ||
            findings.some(({ step }) => step.kind === "stage" && step.path === file.path),
          anchors.get(file.path) ?? "",
        ),
      ]),
    ),
  };
}

function isStored({ key, secret }: RenderedFile, observed: ObservedHost | undefined): boolean {
  const isHash = observed?.staged[key];
  // A secret's key isn't its hash.
  return secret ? isHash !== undefined : isHash === true;
}
