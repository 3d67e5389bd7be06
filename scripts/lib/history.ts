import { parseArgs } from "node:util";

import { aligned } from "./columns";
import { type Change, historyOf, type HostHistory, type Update } from "./hostHistory";
import { chosenHosts, HostError, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { type SelectedStack, selectedStack } from "./stack";

interface HostResult {
  readonly host: StackHost;
  readonly code: number;
  readonly history?: HostHistory;
  readonly error?: string;
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      host: { type: "string" },
      stack: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const stack = await selectedStack(options.stack);
  const results = await Promise.all(chosenHosts(stack, options.host).map((host) => resultFor(host, stack)));
  if (options.json)
    console.log(JSON.stringify({ stack: stack.fullName, hosts: results.map(plain) }, undefined, 2));
  else for (const result of results) console.log(shown(result));
  return Math.max(...results.map(({ code }) => code));
}

async function resultFor(host: StackHost, stack: SelectedStack): Promise<HostResult> {
  try {
    return { host, code: EXIT.ok, history: await historyOf(host, stack) };
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    return { host, code: error.exitCode, error: error.message };
  }
}

/** For programs. */
const plain = ({ host: { name, address }, code, history, error }: HostResult) => ({
  name,
  address,
  code,
  ...(error !== undefined && { error }),
  ...(history && {
    ...history,
    updates: history.updates.map((update) => ({ ...update, isCurrent: isCurrent(update, history) })),
  }),
});

/** The line of the update that made the host what it is. */
const isCurrent = (update: Update, { current, updates }: HostHistory): boolean =>
  updates.find(
    ({ id, revision, result }) =>
      id === current?.id && revision === current.revision && result !== "rolled-back",
  ) === update;

function shown({ host: { name, address }, history, error }: HostResult): string {
  const where = `${name} (${address})`;
  if (history === undefined) return `${where}: ${error ?? ""}`;
  const { current, open, updates } = history;
  const now = current === undefined ? "nothing is confirmed" : `revision ${current.revision}`;
  const head = [
    `${where}: ${now}${current?.isReturned === true ? ", brought back by scripts/rollback" : ""}`,
    ...(open === undefined ? [] : [`  an update to revision ${open} is open`]),
  ];
  if (updates.length === 0) return head.join("\n");
  return [...head, ...aligned([HEADER, ...updates.map((update) => cells(update, history))])].join("\n");
}

const HEADER = ["", "WHEN", "REVISION", "RESULT", "STACK", "USER", "COMMIT", "WHAT"];

function cells(update: Update, history: HostHistory): string[] {
  const { time, revision, result, stack, user, commit, changes, reason } = update;
  const isKept =
    history.kept.some((kept) => kept.revision === revision) &&
    history.updates.find((other) => other.revision === revision && other.result !== "rolled-back") === update;
  return [
    isCurrent(update, history) ? "now" : isKept && history.current?.revision !== revision ? "kept" : "",
    time.replace("T", " "),
    revision,
    result.replace("-", " "),
    ...[stack, user, commit],
    [...summaries(changes), ...(reason === undefined ? [] : [reason])].join("; "),
  ];
}

const KINDS: readonly Change["kind"][] = ["added", "changed", "removed", "restored"];
const MAX_NAMES = 4;

/** `changed shop.service, shop.env`. */
const summaries = (changes: readonly Change[]): string[] =>
  KINDS.flatMap((kind) => {
    const names = changes.filter((change) => change.kind === kind).map(({ name }) => shortName(name));
    if (names.length === 0) return [];
    const more = names.length - MAX_NAMES;
    return [`${kind} ${names.slice(0, MAX_NAMES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`];
  });

/** Without the directory; every drop-in of ours is called restart.conf. */
const shortName = (name: string): string =>
  name
    .split("/")
    .slice(name.endsWith(".d/restart.conf") ? -2 : -1)
    .join("/");

runProgram(main);
