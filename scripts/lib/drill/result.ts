import type { Objective } from "./objectives";
import type { Outage } from "./outage";
import type { Repair } from "./journal";
import type { Scenario } from "./scenarios";

/** What one failure cost, in seconds. Lacking where it couldn't be seen, or didn't come to that. */
export interface Round {
  /** From the failure until something on the host noticed it: systemd, or the run of the health check that found it. */
  readonly detectionSec?: number;
  /** From then until the repair began: how long the health check asks again before it restarts what hangs. */
  readonly confirmationSec?: number;
  /** From the repair's beginning until the first answer; of a reboot, from the command. */
  readonly recoverySec?: number;
  /** From the first request that failed until the first answer. */
  readonly totalSec?: number;
  readonly seen: Outage["seen"];
}

/** All on one clock. */
export interface Observed {
  readonly struck: number;
  readonly repair?: Repair;
  /** Lacking if no request failed. */
  readonly outage?: Outage;
}

/** Pure. */
export function roundOf({ struck, repair, outage }: Observed, by: Scenario["repairedBy"]): Round {
  const begun = by === "boot" ? struck : repair?.begun;
  // Without a request that failed it was never away.
  const answered = outage === undefined ? struck : outage.to;
  return {
    ...(repair && {
      detectionSec: repair.noticed - struck,
      confirmationSec: repair.begun - repair.noticed,
    }),
    ...(answered !== undefined && begun !== undefined && { recoverySec: Math.max(0, answered - begun) }),
    ...(answered !== undefined && { totalSec: answered - (outage?.from ?? struck) }),
    seen: outage?.seen ?? [],
  };
}

/** One figure of the seed's table over all rounds, in seconds. */
export interface Figure {
  /** Lacking if a round has none. */
  readonly median?: number;
  readonly worst?: number;
  /** Lacking where the seed promises nothing, or where it wasn't put to the test. */
  readonly objectiveSec?: number;
  /** Whether the worst round met it. */
  readonly isMet?: boolean;
}

export interface ScenarioResult {
  readonly name: string;
  readonly objective: Objective;
  /** Who noticed it: systemd, the timer's check, a check that the drill ran at once, nobody (a reboot). */
  readonly noticedBy: "systemd" | "timer" | "check at once" | "boot";
  readonly rounds: readonly Round[];
  readonly detection: Figure;
  readonly recovery: Figure;
  readonly total: Figure;
  readonly isMet: boolean;
}

/** @param isQuick the drill ran the check itself, so that the timer's share is in no figure. Pure. */
export function resultOf(scenario: Scenario, rounds: readonly Round[], isQuick: boolean): ScenarioResult {
  const { name, objective } = scenario;
  const noticedBy = noticedByOf(scenario, isQuick);
  const isTimed = noticedBy !== "check at once";
  const figures = {
    detection: figureOf(rounds, "detectionSec", isTimed ? objective.detectionSec : undefined),
    recovery: figureOf(rounds, "recoverySec", objective.recoverySec),
    total: figureOf(rounds, "totalSec", isTimed ? objective.totalSec : undefined),
  };
  const isMet = Object.values(figures).every((figure) => figure.isMet !== false);
  return { name, objective, noticedBy, rounds, ...figures, isMet };
}

export function noticedByOf(scenario: Scenario, isQuick: boolean): ScenarioResult["noticedBy"] {
  if (scenario.repairedBy !== "health check") return scenario.repairedBy;
  return isQuick || scenario.runsCheck === true ? "check at once" : "timer";
}

function figureOf(
  rounds: readonly Round[],
  key: "detectionSec" | "recoverySec" | "totalSec",
  objectiveSec: number | undefined,
): Figure {
  const seconds = rounds.map((round) => round[key]).filter((value) => value !== undefined);
  const worst = seconds.length < rounds.length ? undefined : Math.max(...seconds);
  return {
    ...(worst !== undefined && { median: median(seconds), worst }),
    ...(objectiveSec !== undefined && {
      objectiveSec,
      isMet: worst !== undefined && worst <= objectiveSec,
    }),
  };
}

/** Of an even number the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.slice(Math.ceil(sorted.length / 2) - 1, Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}
