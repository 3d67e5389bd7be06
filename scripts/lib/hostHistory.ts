import { otherStackSentence } from "../../src/errors";
import { printable } from "../../src/drift/textDiff";
import { releaseCommand } from "../../src/outputs";
import { connectionTo } from "../../src/remote/connection";
import { callHelper, HostError, type StackHost } from "./hosts";
import { EXIT } from "./program";
import type { SelectedStack } from "./stack";

/** What a host keeps of its past. */
export interface HostHistory {
  /** What is confirmed; lacking where nothing is. */
  readonly current?: {
    readonly stack: string;
    readonly revision: string;
    readonly id: string;
    readonly time: string;
    /** By scripts/rollback. */
    readonly isReturned: boolean;
  };
  /** Revision of an update that is neither confirmed nor rolled back. */
  readonly open?: string;
  /** Somebody let another stack take the service over. */
  readonly isReleased: boolean;
  /** What can be brought back, the newest first; the present one is among them. */
  readonly kept: readonly { readonly revision: string; readonly stack: string }[];
  /** The newest first. */
  readonly updates: readonly Update[];
}

/** An update that ended, as host/lib/history.bash wrote it down. */
export interface Update {
  /** In ISO 8601 with the host's offset. */
  readonly time: string;
  readonly revision: string;
  readonly id: string;
  readonly stack: string;
  readonly user: string;
  readonly commit: string;
  /** `confirmed`; `returned`, by scripts/rollback; `rolled-back`. */
  readonly result: string;
  readonly changes: readonly Change[];
  /** Of a rollback. */
  readonly reason?: string;
}

export interface Change {
  /** `restored`: it had drifted. */
  readonly kind: "added" | "changed" | "removed" | "restored";
  /** A path, unit or setting. */
  readonly name: string;
}

/** Parses what `helper history` prints. Pure. */
export function parseHistory(answer: string): HostHistory {
  const lines = answer.split("\n").map((line) => line.split("\t").map(printable) as [string, ...string[]]);
  const rows = (key: string): string[][] =>
    lines.filter(([name]) => name === key).map(([, ...values]) => values);
  const [current] = rows("current");
  const open = rows("open")[0]?.[0];
  return {
    ...(current && { current: currentOf(current) }),
    ...(open !== undefined && { open }),
    isReleased: rows("released").length > 0,
    kept: rows("kept").map(([revision = "", stack = ""]) => ({ revision, stack })),
    updates: rows("update").map(updateOf).reverse(),
  };
}

const currentOf = ([stack = "", revision = "", id = "", time = "", how = ""]: string[]) => ({
  ...{ stack, revision, id, time },
  isReturned: how === "returned",
});

function updateOf([time = "", revision = "", id = "", stack = "", ...rest]: string[]): Update {
  const [user = "", commit = "", result = "", changes = "", reason = "-"] = rest;
  return {
    ...{ time, revision, id, stack, user, commit, result },
    changes: changes
      .split(" ")
      .map(changeOf)
      .filter((change) => change !== undefined),
    ...(reason !== "-" && { reason }),
  };
}

const KINDS: Readonly<Record<string, Change["kind"]>> = {
  "+": "added",
  "~": "changed",
  "-": "removed",
  "=": "restored",
};

function changeOf(word: string): Change | undefined {
  const kind = KINDS[word.slice(0, 1)];
  return kind === undefined || word.length < 2 ? undefined : { kind, name: word.slice(1) };
}

/**
 * Asks a host.
 *
 * @throws HostError also if its record is another stack's
 */
export async function historyOf(host: StackHost, stack: SelectedStack): Promise<HostHistory> {
  const history = parseHistory(await callHelper(host, stack, { words: ["history"], timeoutSec: 100 }));
  if (!history.isReleased) refuseOtherStack(host, stack, history.current?.stack);
  return history;
}

/**
 * @param owner the stack that confirmed the service on the host, if one did
 * @throws HostError if it's another one
 */
export function refuseOtherStack(host: StackHost, stack: SelectedStack, owner: string | undefined): void {
  if (owner === undefined || owner === stack.fullName) return;
  const { name } = stack.config.service;
  const command = releaseCommand(connectionTo(host, stack.config), name);
  throw new HostError(EXIT.refused, otherStackSentence(host.address, name, owner, command));
}
