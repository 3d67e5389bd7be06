import { parseArgs } from "node:util";

import { printable, withoutSecrets } from "../../src/drift/textDiff";
import { updateNote } from "../../src/remote/note";
import { secretTexts } from "../../src/render/secrets";
import { historyOf, type HostHistory } from "./hostHistory";
import { callHelper, chosenHosts, HostError, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { isWanted } from "./prompt";
import { type SelectedStack, selectedStack, UsageError } from "./stack";

/** A host with what it has now. */
interface Present {
  readonly host: StackHost;
  readonly revision: string;
  /** What can be brought back, the newest first. */
  readonly former: readonly string[];
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      to: { type: "string" },
      host: { type: "string" },
      yes: { type: "boolean", default: false },
      stack: { type: "string" },
    },
  });
  if (options.to !== undefined && !/^[0-9a-f]{16}$/.test(options.to)) {
    throw new UsageError(
      `${options.to} isn't a revision: 16 digits of 0-9 and a-f, as scripts/history lists them`,
    );
  }
  const stack = await selectedStack(options.stack);
  const hosts = chosenHosts(stack, options.host);
  try {
    const present = await Promise.all(hosts.map((host) => presentOf(host, stack)));
    const revision = options.to ?? formerRevision(present);
    const changing = present.filter((one) => one.revision !== revision);
    for (const { host } of present.filter((one) => one.revision === revision))
      console.log(`${host.name}: has revision ${revision} already`);
    for (const one of changing) requireKept(one, revision);
    for (const one of changing) console.log(await difference(one, revision, stack));
    if (changing.length === 0) return EXIT.ok;
    const names = changing.map(({ host }) => host.name).join(", ");
    const question = `Bring revision ${revision} back on ${names}?`;
    if (!options.yes && !(await isWanted(question, "look at the difference, and say --yes"))) {
      console.log("nothing was changed");
      return EXIT.refused;
    }
    return await bringBack(changing, revision, stack);
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    console.error(`error: ${error.message}`);
    return error.exitCode;
  }
}

async function presentOf(host: StackHost, stack: SelectedStack): Promise<Present> {
  const { current, open, kept }: HostHistory = await historyOf(host, stack).catch((error: unknown) => {
    throw error instanceof HostError
      ? new HostError(error.exitCode, `${host.name}: ${error.message}`)
      : error;
  });
  if (current === undefined)
    throw new HostError(EXIT.refused, `${host.name}: nothing is confirmed there; run pulumi up`);
  if (open !== undefined) {
    throw new HostError(
      EXIT.refused,
      `${host.name}: an update to revision ${open} is open: it's confirmed or rolled back within two minutes`,
    );
  }
  return {
    host,
    revision: current.revision,
    former: kept
      .filter((one) => one.stack === stack.fullName && one.revision !== current.revision)
      .map((one) => one.revision),
  };
}

/** The one before the present one, if it's the same everywhere: of hosts that differ, one may be back already. */
function formerRevision(present: readonly Present[]): string {
  const revisions = new Set(present.map(({ revision }) => revision));
  const former = new Set(present.map(({ former: [newest] }) => newest));
  if (revisions.size > 1 || former.size > 1) {
    const each = present.map(({ host, revision }) => `${host.name} has ${revision}`).join(", ");
    throw new UsageError(
      `the hosts differ (${each}): say which revision with --to, or which host with --host`,
    );
  }
  const [revision] = former;
  if (revision !== undefined) return revision;
  throw new HostError(EXIT.refused, "no former configuration is kept there; scripts/history lists what was");
}

function requireKept({ host, former }: Present, revision: string): void {
  if (former.includes(revision)) return;
  throw new HostError(
    EXIT.refused,
    `${host.name}: revision ${revision} isn't kept there; scripts/history lists those that are`,
  );
}

async function difference(
  { host, revision: from }: Present,
  to: string,
  stack: SelectedStack,
): Promise<string> {
  const text = await callHelper(host, stack, { words: ["compare", to], timeoutSec: 100 });
  const { secretEnvironment: environment, alerts } = stack.config;
  const secrets = secretTexts({ environment, alerts });
  const shown = withoutSecrets(printable(text), secrets).trimEnd().replace(/^/gm, "  ");
  return `${host.name} (${host.address}): revision ${from} becomes ${to}\n${shown}`;
}

/** Host after host; the first that fails is the last. */
async function bringBack(hosts: readonly Present[], revision: string, stack: SelectedStack): Promise<number> {
  const { user, commit } = await updateNote();
  for (const [index, { host, revision: former }] of hosts.entries()) {
    try {
      await callHelper(host, stack, {
        words: ["return", revision],
        stdin: `${stack.fullName}\t${user}\t${commit}\n`,
        timeoutSec: 450,
        whenLost: "the host brings it back or keeps what it has, by itself: scripts/history tells which",
      });
      console.log(`${host.name}: revision ${revision} is back`);
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      console.error(`error: ${host.name}: ${error.message}`);
      const isLost = error.exitCode === EXIT.unreachable;
      if (hosts.length > 1)
        console.error(standing(hosts, index, revision, isLost ? "it isn't known" : former));
      return error.exitCode;
    }
  }
  console.log("pulumi preview names it as drift: the next pulumi up installs the configured revision again");
  return EXIT.ok;
}

/** Which host has what, after the one at `failed` failed. */
const standing = (hosts: readonly Present[], failed: number, revision: string, left: string): string =>
  hosts
    .map(({ host, revision: former }, index) => {
      if (index === failed) return `  ${host.name}: ${left}`;
      return `  ${host.name}: ${index < failed ? `${revision}, brought back` : `${former}, not touched`}`;
    })
    .join("\n");

runProgram(main);
