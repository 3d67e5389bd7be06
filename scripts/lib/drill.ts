import { parseArgs } from "node:util";

import { type DrillResult, runDrill } from "./drill/drill";
import { type Request, productionRefusal, requestOf } from "./drill/request";
import { noticedByOf } from "./drill/result";
import { SCENARIOS } from "./drill/scenarios";
import { drillTable } from "./drill/table";
import { historyOf } from "./hostHistory";
import { chosenHosts, HostError, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { isWanted } from "./prompt";
import { type SelectedStack, selectedStack, UsageError } from "./stack";

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      only: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      url: { type: "string" },
      production: { type: "string" },
      host: { type: "string" },
      stack: { type: "string" },
      yes: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
    },
  });
  const stack = await selectedStack(options.stack);
  const possible = SCENARIOS.filter(({ needsProxy }) => needsProxy !== true || stack.config.proxy);
  const request = requestOf(options, SCENARIOS, possible);
  const host = onlyHost(stack, options.host);
  try {
    const refusal = productionRefusal(shortName(stack), options.production);
    if (refusal !== undefined) throw new HostError(EXIT.refused, refusal);
    const { current, open } = await historyOf(host, stack);
    if (current === undefined) throw new HostError(EXIT.refused, "nothing is confirmed there; run pulumi up");
    if (open !== undefined) throw new HostError(EXIT.refused, `an update to revision ${open} is open`);
    if (!options.yes && !(await isWanted(question(host, request), "say --yes"))) {
      console.error("nothing was done");
      return EXIT.refused;
    }
  } catch (error) {
    if (!(error instanceof HostError)) throw error;
    console.error(`error: ${host.name}: ${error.message}`);
    return error.exitCode;
  }
  const result = await runDrill(host, stack, request, (sentence) => {
    console.error(`==> ${sentence}`);
  });
  report({ host, stack, request, result, isJson: options.json });
  return result.code;
}

/** @throws UsageError unless it's clear which: a drill of one is no drill of the others. */
function onlyHost(stack: SelectedStack, name: string | undefined): StackHost {
  const [host, ...others] = chosenHosts(stack, name);
  if (host !== undefined && others.length === 0) return host;
  throw new UsageError(
    `the stack has several hosts; say which with --host: ${stack.config.hosts.map((one) => one.name).join(", ")}`,
  );
}

const shortName = ({ fullName }: SelectedStack): string => fullName.split("/").at(-1) ?? fullName;

/** Seconds that a failure takes besides the outage: looking before and after it. */
const AROUND_SEC = 15;

function question({ name, address }: StackHost, { scenarios, rounds, isQuick }: Request): string {
  const failures = scenarios.length * rounds;
  const seconds = scenarios.map((scenario) => {
    const { totalSec, detectionSec = 0 } = scenario.objective as { totalSec: number; detectionSec?: number };
    const isTimed = noticedByOf(scenario, isQuick) !== "check at once";
    return AROUND_SEC + totalSec - (isTimed ? 0 : detectionSec);
  });
  const minutes = Math.ceil((rounds * seconds.reduce((sum, value) => sum + value, 0)) / 60);
  const names = scenarios.map((scenario) => scenario.name).join(", ");
  return `Take the service on ${name} (${address}) down ${failures} ${failures === 1 ? "time" : "times"} (${names}), for up to ${minutes} minutes altogether?`;
}

interface Report {
  readonly host: StackHost;
  readonly stack: SelectedStack;
  readonly request: Request;
  readonly result: DrillResult;
  readonly isJson: boolean;
}

function report({ host: { name, address }, stack, request, result, isJson }: Report): void {
  const { code, scenarios, said } = result;
  const observed = request.url ?? "proxy, through ssh";
  if (isJson) {
    const facts = { rounds: request.rounds, quick: request.isQuick, observed };
    const hosts = [{ name, address, code, ...facts, scenarios, said }];
    console.log(JSON.stringify({ stack: stack.fullName, hosts }, undefined, 2));
  } else if (scenarios.length > 0) {
    console.log(`${name} (${address}), observed at: ${observed}`);
    console.log(drillTable(scenarios));
  }
  for (const sentence of said) console.error(`error: ${name}: ${sentence}`);
}

runProgram(main);
