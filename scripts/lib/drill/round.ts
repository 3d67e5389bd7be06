import { setTimeout as sleep } from "node:timers/promises";

import { commandLine } from "../../../src/remote/commands";
import { HostError } from "../hosts";
import { EXIT } from "../program";
import type { DrilledHost } from "./drilledHost";
import { type Repair, repairByCheck, repairBySystemd } from "./journal";
import { FORBIDDEN } from "./looks";
import { now, type Observer } from "./observer";
import type { Outage } from "./outage";
import { noticedByOf, type Round, roundOf } from "./result";
import type { Scenario, Target } from "./scenarios";

/** What a round works with. */
export interface Field {
  readonly host: DrilledHost;
  readonly observer: Observer;
  readonly target: Target;
  readonly isQuick: boolean;
  /** How many runs of the check it takes until it repairs. */
  readonly failuresBeforeRepair: number;
  /** Aborted when the operator doesn't want any more. */
  readonly signal: AbortSignal;
  readonly say: (sentence: string) => void;
}

/** How long a unit may take to come back, or to fail for good, in seconds. */
const UNIT_WITHIN_SEC = 90;
/** How long the service may take to answer the observer before anything is done to it, in seconds. */
const ANSWER_WITHIN_SEC = 15;
/** Beyond the failure's own limit: what comes before and after it, in seconds. */
const MARGIN_SEC = 120;

/**
 * Makes one failure and measures what it costs. The host may be left down; `settle` of the host sets it right.
 *
 * @throws HostError if the host refuses the drill, or the connection fails; AbortError
 */
export async function runRound(scenario: Scenario, field: Field): Promise<Round> {
  const { host, observer, target, signal } = field;
  const { times } = scenario.untilFailed?.(target) ?? { times: 0 };
  await host.arm(scenario.limitSec + MARGIN_SEC + times * UNIT_WITHIN_SEC);
  signal.throwIfAborted();
  const command = scenario.strike(target);
  const offset = await host.clockOffset();
  const boot = await host.bootId();
  const struck = (await makeFailure(scenario, command, field)) - offset;
  const noticedBy = noticedByOf(scenario, field.isQuick);
  const checks = noticedBy === "check at once" ? runChecks(field, scenario.limitSec) : Promise.resolve();
  if (noticedBy === "timer") field.say(`  waiting for ${target.timer}, and for the service`);
  const checksFailed = new AbortController();
  checks.catch(() => {
    checksFailed.abort();
  });
  const ended = AbortSignal.any([signal, checksFailed.signal]);
  // What the checks failed of comes first.
  const [, outage] = await Promise.all([checks, observer.outage(struck, scenario.limitSec, ended)]);
  const repair = await repairOf(scenario, field, struck + offset);
  if (scenario.repairedBy === "boot" && (await host.bootId()) === boot) {
    throw new HostError(EXIT.finding, `the host hasn't rebooted after ${command.join(" ")}`);
  }
  field.say(`  ${sentenceOf(outage)}`);
  return roundOf(
    {
      struck,
      ...(repair && { repair: { noticed: repair.noticed - offset, begun: repair.begun - offset } }),
      ...(outage && { outage }),
    },
    scenario.repairedBy,
  );
}

/** @returns when it was made, by the host's clock */
async function makeFailure(
  { untilFailed }: Scenario,
  command: readonly string[],
  field: Field,
): Promise<number> {
  const { host, target } = field;
  if (untilFailed === undefined) return strike(command, field);
  const { unit, times } = untilFailed(target);
  for (let time = 1; time <= times; time++) {
    const former = await host.activeProcess(unit);
    const struck = await strike(command, field);
    // A kill takes effect a moment after its command has ended: until then the unit is active as before.
    const outcome = await eventually(field, `${unit} has neither come back nor failed`, async () => {
      if (await host.hasFailed(unit)) return "failed";
      const process = await host.activeProcess(unit);
      return process === undefined || process === former ? undefined : "back";
    });
    if (outcome === "failed") return struck;
  }
  throw new HostError(EXIT.finding, `${unit} came back ${times} times: it doesn't reach its start limit`);
}

/** Healthy on the host, and not for the observer: then it's the observer's way that fails. */
async function requireAnswer(observer: Observer): Promise<void> {
  if (await observer.answers(ANSWER_WITHIN_SEC)) return;
  const { last = "nothing" } = observer;
  if (last === FORBIDDEN) {
    throw new HostError(
      EXIT.usage,
      `${FORBIDDEN} (AllowTcpForwarding): allow it for this login, or use --url`,
    );
  }
  throw new HostError(
    EXIT.finding,
    `the health check finds the service healthy, but the observer sees: ${last}`,
  );
}

/** @returns when, by the host's clock. It's asked in the same breath. */
async function strike(command: readonly string[], { host, observer, say }: Field): Promise<number> {
  await requireAnswer(observer);
  // Or the end of what came before would be taken for the failure.
  observer.forget();
  say(`  ${command.join(" ")}`);
  const { stdout, stderr, code } = await host.run([
    "bash",
    "-c",
    `date +%s.%N; exec ${commandLine(command)}`,
  ]);
  const struck = Number(/^\d+\.\d+$/m.exec(stdout)?.[0]);
  // A health check that comes while a unit takes long to stop starts it again.
  const isOvertaken = /^(Job for \S+ canceled\.\s*)+$/.test(stderr);
  // There is no code where a reboot ends the connection; and systemctl also warns of what it did.
  if (Number.isNaN(struck) || (code !== null && code !== 0 && !isOvertaken)) {
    throw new HostError(EXIT.finding, `${command.join(" ")} failed: ${stderr.trim() || "no answer"}`);
  }
  return struck;
}

/** Asks until there is an answer. */
async function eventually<T>(
  { signal }: Field,
  otherwise: string,
  ask: () => Promise<T | undefined>,
): Promise<T> {
  const end = now() + UNIT_WITHIN_SEC;
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    signal.throwIfAborted();
    if (now() > end) throw new HostError(EXIT.finding, `${otherwise} after ${UNIT_WITHIN_SEC} s`);
    await sleep(250, undefined, { signal });
  }
}

/** As often as the check wants to see a failure before it repairs it; once more for a run that was under way already. */
async function runChecks(field: Field, limitSec: number): Promise<void> {
  const { host, observer, target, failuresBeforeRepair, signal } = field;
  const end = now() + limitSec;
  for (let run = 0; run <= failuresBeforeRepair && now() < end; run++) {
    signal.throwIfAborted();
    if (run > 0 && (await observer.answers(2))) return;
    field.say(`  systemctl start ${target.check}`);
    await host.run(["systemctl", "start", target.check], limitSec);
  }
}

/** The journal's lines come a moment later. */
const JOURNAL_WITHIN_SEC = 5;

async function repairOf(
  { repairedBy }: Scenario,
  { host, target, signal }: Field,
  struck: number,
): Promise<Repair | undefined> {
  if (repairedBy === "boot") return undefined;
  const end = now() + JOURNAL_WITHIN_SEC;
  for (;;) {
    const repair = await lookedUp(repairedBy, host, target, struck);
    if (repair !== undefined || now() > end) return repair;
    await sleep(500, undefined, { signal });
  }
}

async function lookedUp(
  repairedBy: "systemd" | "health check",
  host: DrilledHost,
  { service, proxy, check }: Target,
  struck: number,
): Promise<Repair | undefined> {
  if (repairedBy === "health check") return repairByCheck(await host.journalOf(check, struck), struck);
  const units = [service, ...(proxy === "" ? [] : [proxy])];
  const repairs = await Promise.all(
    units.map(async (unit) => repairBySystemd(await host.journalOf(unit, struck), struck)),
  );
  return repairs.find((repair) => repair !== undefined);
}

function sentenceOf(outage: Outage | undefined): string {
  if (outage === undefined) return "no request failed";
  const seen = outage.seen.map(({ what, seconds }) => `${what} for ${seconds.toFixed(1)} s`).join(", ");
  return outage.to === undefined
    ? `it doesn't answer again: ${seen}`
    : `it answers again after ${(outage.to - outage.from).toFixed(1)} s: ${seen}`;
}
