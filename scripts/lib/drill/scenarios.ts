import type { Config } from "../../../src/config/types";
import { healthCheckTimer, healthCheckUnit, serviceUnit } from "../../../src/model/paths";
import { type Objective, OBJECTIVES } from "./objectives";

/** The units that a drill strikes at. */
export interface Target {
  readonly service: string;
  /** Empty where there is none: then no failure that needs one is made. */
  readonly proxy: string;
  readonly check: string;
  readonly timer: string;
  /** StartLimitBurst= of the proxy. */
  readonly startLimitBurst: number;
}

export function targetOf({ service, proxy }: Pick<Config, "service" | "proxy">): Target {
  const { name } = service;
  return {
    service: serviceUnit(name),
    proxy: proxy?.unit ?? "",
    check: healthCheckUnit(name),
    timer: healthCheckTimer(name),
    startLimitBurst: proxy?.startLimitBurst ?? 0,
  };
}

/** A failure that a drill makes. */
export interface Scenario {
  readonly name: string;
  readonly objective: Objective;
  /** Who brings it back: systemd, the health check, or the boot. */
  readonly repairedBy: "systemd" | "health check" | "boot";
  /** The check is run by the drill, as in the seed's section 5, whether the others wait for the timer or not. */
  readonly runsCheck?: true;
  readonly needsProxy?: true;
  /** The command is run again each time the unit has come back, until the unit stays failed; so often at most. */
  readonly untilFailed?: (target: Target) => { readonly unit: string; readonly times: number };
  /** What is run on the host as root; a word each. */
  readonly strike: (target: Target) => readonly string[];
  /** How long the service may stay away before the round is given up, in seconds. */
  readonly limitSec: number;
}

/** A start limit beyond it isn't reached in a time that anybody waits. */
const MOST_KILLS = 100;

const kill = (signal: string, unit: string) => ["systemctl", "kill", "--signal", signal, unit];
const stop = (...units: string[]) => ["systemctl", "stop", ...units];

/** Well beyond the objectives: a miss is to be measured too. */
const LIMIT_SEC = { crash: 60, httpFailure: 450, reboot: 300 } as const;

const crash = { repairedBy: "systemd", limitSec: LIMIT_SEC.crash } as const;
const httpFailure = {
  objective: OBJECTIVES.httpFailure,
  repairedBy: "health check",
  limitSec: LIMIT_SEC.httpFailure,
} as const;

export const SCENARIOS: readonly Scenario[] = [
  {
    ...{ name: "app-crash", objective: OBJECTIVES.serviceCrash, ...crash },
    strike: ({ service }) => kill("KILL", service),
  },
  {
    ...{ name: "proxy-crash", objective: OBJECTIVES.proxyCrash, ...crash, needsProxy: true },
    strike: ({ proxy }) => kill("KILL", proxy),
  },
  // systemd takes a stop for what somebody wanted, and leaves it so whatever Restart= says.
  { name: "app-stopped", ...httpFailure, strike: ({ service }) => stop(service) },
  { name: "proxy-stopped", ...httpFailure, needsProxy: true, strike: ({ proxy }) => stop(proxy) },
  {
    ...{ name: "both-stopped", ...httpFailure, needsProxy: true, runsCheck: true },
    strike: ({ service, proxy }) => stop(service, proxy),
  },
  // The unit stays active, and connections are still accepted, by the kernel.
  { name: "app-hangs", ...httpFailure, strike: ({ service }) => kill("STOP", service) },
  { name: "proxy-hangs", ...httpFailure, needsProxy: true, strike: ({ proxy }) => kill("STOP", proxy) },
  {
    ...{ name: "start-limit", ...httpFailure, needsProxy: true },
    // systemd starts it again as often as the limit allows; it counts anew if somebody reloads meanwhile.
    untilFailed: ({ proxy, startLimitBurst }) => ({
      unit: proxy,
      times: Math.min(2 * startLimitBurst + 1, MOST_KILLS),
    }),
    strike: ({ proxy }) => kill("KILL", proxy),
  },
  {
    ...{ name: "reboot", objective: OBJECTIVES.reboot, repairedBy: "boot", limitSec: LIMIT_SEC.reboot },
    strike: () => ["systemctl", "reboot"],
  },
];
