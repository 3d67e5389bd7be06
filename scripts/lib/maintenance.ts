import { hostname, userInfo } from "node:os";
import { parseArgs } from "node:util";

import type { HostConfig } from "../../src/config/types";
import { contactSentence } from "../../src/errors";
import * as commands from "../../src/remote/commands";
import { connectionTo } from "../../src/remote/connection";
import { ContactError, type Ended, runOnHost } from "../../src/remote/session";
import { helperVersion } from "../../src/render/templates";
import { EXIT, runProgram } from "./program";
import { type SelectedStack, selectedStack, UsageError } from "./stack";

/** More than the helper's own limit, which says a sentence. */
const LIMIT_SEC = 180;

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
  readonly verb: commands.MaintenanceVerb;
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
  const hosts = chosen(stack.config.hosts, options.host);
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

/** @throws UsageError */
function chosen(hosts: readonly HostConfig[], name: string | undefined): readonly HostConfig[] {
  if (name === undefined) return hosts;
  const found = hosts.filter((host) => host.name === name);
  if (found.length > 0) return found;
  throw new UsageError(
    `there is no host ${name}; the stack has ${hosts.map((host) => host.name).join(", ")}`,
  );
}

async function resultFor(host: HostConfig, stack: SelectedStack, request: Request): Promise<HostResult> {
  const { name, address, user, port } = host;
  const call = async (verb: commands.MaintenanceVerb): Promise<Ended> => {
    const { config, fullName } = stack;
    const line = commands.helperLine(helperVersion(), commands.maintenance(config.service.name, verb));
    const stdin = `stack ${fullName}\nby ${userInfo().username}@${hostname()}\nreason ${request.reason}\n`;
    const ended = await runOnHost(connectionTo(host, config), line, { stdin, timeoutSec: LIMIT_SEC });
    if (!ended.stderr.startsWith("sudo:")) return ended;
    throw new ContactError({ kind: "sudo", reason: linesOf(ended.stderr)[0] ?? "" });
  };
  try {
    const done = request.verb === "status" ? undefined : await call(request.verb);
    const status = await call("status");
    const failed = [done, status].find((ended) => ended !== undefined && ended.code !== 0);
    return {
      ...{ name, address, code: failed === undefined ? EXIT.ok : codeOf(failed) },
      ...(status.code === 0 && stateOf(status.stdout)),
      said: [...linesOf(done?.stdout ?? ""), ...(failed === undefined ? [] : reasonsOf(failed))],
    };
  } catch (error) {
    if (!(error instanceof ContactError)) throw error;
    const target = error.target ?? { host: address, user, port };
    return { name, address, code: EXIT.unreachable, said: [contactSentence(target, error.failure)] };
  }
}

const linesOf = (text: string): string[] => text.split("\n").filter((line) => line !== "");

/** The shell's for a program that isn't there. */
const NOT_FOUND = [126, 127];

const codeOf = ({ code }: Ended): number =>
  code === EXIT.refused || NOT_FOUND.includes(code ?? 0) ? EXIT.refused : EXIT.finding;

const reasonsOf = ({ code, stderr }: Ended): string[] =>
  NOT_FOUND.includes(code ?? 0)
    ? ["the helper of this release isn't on the host; run `pulumi up` first"]
    : linesOf(stderr);

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
