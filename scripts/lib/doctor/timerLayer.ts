import { maintenanceNotices } from "../../../src/drift/maintenance";
import { NO_SENDMAIL } from "../../../src/drift/preflight";
import { duration } from "../report/words";
import { exitReason } from "./evidence";
import { isActive, isResting, type Look, unitsOf } from "./look";
import { unitProblems } from "./unitProblems";
import { failed, type Layer, layer, onHost, type Problem, warning, word } from "./verdict";

/** Whether the health check is going to run, and how the last one ended. Pure. */
export function timerLayer(look: Look): Layer {
  const { timer } = unitsOf(look);
  const problems = unitProblems(look, timer, []);
  return layer("health check", seenOf(look), [
    ...problems,
    ...(problems.length === 0 ? runProblems(look, timer) : []),
    ...exhaustedProblems(look),
    ...(look.inspection.observed.isEmailUndeliverable ? [warning(NO_SENDMAIL)] : []),
    ...logProblems(look),
  ]);
}

function runProblems(look: Look, timer: string): Problem[] {
  const { nextRun, checkState } = look.facts;
  // While it runs, the timer waits for its end.
  const isDue = nextRun !== undefined || checkState === "activating" || !isActive(look, timer);
  return [
    ...(isDue || isResting(look)
      ? []
      : [failed(`${timer} has no next run`, onHost(`systemctl restart ${timer}`))]),
    ...brokenOff(look.facts).map((sentence) =>
      warning(sentence, onHost(`journalctl -u ${timer.replace(/timer$/, "service")} -n 30 --no-pager`)),
    ),
  ];
}

/** How the last check ended, if not by itself; see Result= in org.freedesktop.systemd1(5). */
function brokenOff({ checkResult: result, checkStatus: status }: Look["facts"]): string[] {
  // Its own status for a failure that remains.
  if (["", "success"].includes(result) || (result === "exit-code" && status === "1")) return [];
  switch (result) {
    case "timeout":
      return ["the last check was stopped at its time limit"];
    case "signal":
    case "core-dump":
      return [`the last check was ended by signal ${status}`];
    case "oom-kill":
      return ["the last check was ended by the kernel for want of memory"];
    case "exit-code":
      return [
        `the last check ended with exit status ${status}: ${exitReason(status) ?? "it couldn't check"}`,
      ];
    default:
      return [`the last check couldn't run: systemd says ${result}`];
  }
}

/** What it won't restart any more for a while, whatever fails. */
function exhaustedProblems(look: Look): Problem[] {
  const { maxRepairs, repairWindowSec } = look.config.healthCheck;
  const state = `/var/lib/pulumi-systemd-ha/${look.config.service.name}`;
  return Object.entries(look.facts.repairs).flatMap(([unit, times]) => {
    const recent = times.filter((time) => time + repairWindowSec * 1000 > hostNow(look));
    const oldest = recent.at(-maxRepairs);
    if (maxRepairs === 0 || oldest === undefined) return [];
    const rest = duration(oldest + repairWindowSec * 1000 - hostNow(look));
    return [
      warning(
        `${unit} was repaired ${recent.length} times in the last ${duration(repairWindowSec * 1000)}: the health check doesn't restart it again within the next ${rest}, unless you let it`,
        onHost(`rm -f {${state},/run/pulumi-systemd-ha-${look.config.service.name}}/repairs.${word(unit)}`),
      ),
    ];
  });
}

const hostNow = ({ now, clock }: Look): number => now + clock.offsetSec * 1000;

function logProblems({ facts }: Look): Problem[] {
  return Object.entries(facts.logs)
    .filter(([path, why]) => why !== "" && path.endsWith("/health-check.log"))
    .map(([path, why]) =>
      warning(
        `its log ${path} can't be written: ${why}`,
        onHost(`ls -ld ${word(path)}; findmnt -T ${word(path)}`),
      ),
    );
}

function seenOf(look: Look): string {
  const { nextRun, health } = look.facts;
  const now = hostNow(look);
  const next =
    nextRun === undefined ? "running or waiting" : `next in ${duration(Math.max(0, nextRun - now))}`;
  const passed = health["passed"];
  if (passed === undefined) return `${next}, none has run yet`;
  const ended = Date.parse(health["time"] ?? "");
  const ago = Number.isNaN(ended) ? "" : ` ${duration(Math.max(0, now - ended))} ago`;
  return `${next}, the last ${passed === "true" ? "passed" : "failed"}${ago}`;
}

/** Who keeps the service stopped, which is no fault. Pure. */
export function maintenanceLayer(look: Look): Layer {
  const {
    inspection: { desired, observed },
    config: { service },
    facts: { drill },
  } = look;
  const held = observed.maintenance.length > 0;
  const [sentence] = held ? maintenanceNotices(desired, observed) : [];
  const drilled =
    drill === undefined
      ? `nobody keeps ${service.name} stopped`
      : `a drill makes failures of ${service.name} since ${duration(Math.max(0, hostNow(look) - drill))}`;
  return layer("maintenance", sentence ?? drilled, []);
}
