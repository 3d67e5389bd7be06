import { parseArgs } from "node:util";

import { updateNote } from "../../src/remote/note";
import { callHelper, chosenHosts, HostError, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { type SelectedStack, selectedStack, UsageError } from "./stack";

/** More than the helper's own limit, which says a sentence. */
const LIMIT_SEC = 180;

type Verb = "on" | "off" | "status";

interface Hold {
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

interface HostResult {
  readonly name: string;
  readonly address: string;
  readonly code: number;
  readonly maintenance?: boolean;
  /** By who holds it: `config`, `operator`. */
  readonly holds?: Readonly<Record<string, Hold>>;
  /** What systemd says of the service: `active`, `inactive`. */
  readonly service?: string;
  /** What was done, and what is wrong. */
  readonly said: readonly string[];
}

interface Request {
  readonly verb: Verb;
  readonly reason: string;
}

async function main(): Promise<number> {
  const { values: options, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      reason: { type: "string" },
      host: { type: "string" },
      stack: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const request = requestOf(positionals, options.reason);
  const stack = await selectedStack(options.stack);
  const hosts = chosenHosts(stack, options.host);
  const results: HostResult[] = [];
  // One after another: not all of them down or starting at once.
  for (const host of hosts) {
    const result = await resultFor(host, stack, request);
    results.push(result);
    if (!options.json) print(result);
  }
  if (options.json) console.log(JSON.stringify({ stack: stack.fullName, hosts: results }, undefined, 2));
  return Math.max(...results.map(({ code }) => code));
}

/** @throws UsageError */
function requestOf([verb, ...more]: readonly string[], reason: string | undefined): Request {
  if ((verb !== "on" && verb !== "off" && verb !== "status") || more.length > 0) {
    throw new UsageError("say on, off or status; see scripts/maintenance --help");
  }
  if (reason !== undefined && verb !== "on") throw new UsageError("--reason belongs to `on`");
  // eslint-disable-next-line no-control-regex -- it's shown in logs and on terminals
  if (reason !== undefined && !/^[^\u0000-\u001f\u007f]{1,200}$/u.test(reason)) {
    throw new UsageError("--reason must be one line of 1 to 200 characters");
  }
  return { verb, reason: reason ?? "" };
}

async function resultFor(host: StackHost, stack: SelectedStack, request: Request): Promise<HostResult> {
  const { name, address } = host;
  const { user: by } = await updateNote();
  const call = (verb: Verb): Promise<string> =>
    callHelper(host, stack, {
      words: ["maintenance", verb],
      stdin: `stack ${stack.fullName}\nby ${by}\nreason ${request.reason}\n`,
      timeoutSec: LIMIT_SEC,
    });
  const failures: HostError[] = [];
  const tried = (verb: Verb): Promise<string> =>
    call(verb).catch((error: unknown) => {
      if (!(error instanceof HostError)) throw error;
      failures.push(error);
      return "";
    });
  const done = request.verb === "status" ? "" : await tried(request.verb);
  // What is so now, also where it failed.
  const status = failures[0]?.exitCode === EXIT.unreachable ? "" : await tried("status");
  return {
    ...{ name, address, code: failures[0]?.exitCode ?? EXIT.ok },
    ...(status !== "" && stateOf(status)),
    said: [...linesOf(done), ...linesOf(failures[0]?.message ?? "")],
  };
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** What `helper maintenance SERVICE status` prints. */
function stateOf(stdout: string): Pick<HostResult, "maintenance" | "holds" | "service"> {
  const rows = linesOf(stdout).map((line) => line.split("\t"));
  const holds = rows
    .filter(([kind]) => kind === "hold")
    .map(([, owner = "", since = "", by = "", reason = ""]): [string, Hold] => [
      owner,
      { since, by, reason },
    ]);
  return {
    maintenance: holds.length > 0,
    holds: Object.fromEntries(holds),
    service: rows.find(([kind]) => kind === "unit")?.[2] ?? "unknown",
  };
}

function print({ name, address, maintenance, holds = {}, service = "", said }: HostResult): void {
  const state =
    maintenance === undefined
      ? "not known"
      : `${maintenance ? "in maintenance" : "not in maintenance"}, the service is ${service}`;
  console.log(`${name} (${address}): ${state}`);
  for (const [owner, { since, by, reason }] of Object.entries(holds)) {
    console.log(`  held by ${owner} since ${since} (${by}${reason === "" ? "" : `: ${reason}`})`);
  }
  for (const line of said) console.log(`  ${line}`);
}

runProgram(main);
