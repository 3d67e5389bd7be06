import { constants } from "node:os";

import type { UnitEvent, UpdateSpan } from "./hostRecord";
import type { Observation } from "./observation";

export type Finder = "systemd" | "health check";
export type Mender = Finder | "boot" | "update" | "operator" | "itself";

/** The log's lines have whole seconds. */
const SECOND_MS = 1_000;
/** What only those tell. */
const IN_LINES: ReadonlySet<Observation["kind"]> = new Set(["noAnswer", "notRunning"] as const);
/** How far a repair's line and the messages of systemd about it lie apart. */
export const MOMENT_MS = 3_000;
/** systemd gives units 90 s to stop. */
const SHUTDOWN_MS = 100_000;

/** What is known about one incident. */
export class Story {
  private readonly found: string[] = [];
  private readonly detections: { at: number; by: Finder }[] = [];
  private readonly stopped = new Set<string>();
  private readonly hung = new Set<string>();
  private readonly starting = new Set<string>();
  private crashes = 0;

  constructor(
    private readonly near: readonly Observation[],
    private readonly updates: readonly UpdateSpan[],
    private readonly span: { readonly from: number; readonly to: number },
  ) {
    for (const observation of near) {
      const at = IN_LINES.has(observation.kind) ? observation.at + SECOND_MS : observation.at;
      if (at >= span.from && observation.at <= span.to) this.tell(observation);
    }
  }

  causes(): readonly string[] {
    const unique = [...new Set(this.found)];
    if (unique.length === 0) return [this.isAfterMaintenance() ? "not started after maintenance" : "unknown"];
    return this.crashes > 1 ? [...unique, `${this.crashes} crashes in a row`] : unique;
  }

  private isAfterMaintenance(): boolean {
    return this.near.some((one) => one.kind === "maintenance" && !one.isOn && one.at <= this.span.from);
  }

  detected(): { at: number; by: Finder } | undefined {
    return this.detections[0];
  }

  private tell(observation: Observation): void {
    const at = Math.max(observation.at, this.span.from);
    switch (observation.kind) {
      case "unit":
        this.tellUnit(observation.event);
        return;
      case "noAnswer":
        this.detections.push({ at, by: "health check" });
        this.hung.add(observation.unit);
        if (!this.stopped.has(observation.unit)) {
          this.found.push(`${observation.unit} didn't answer (${observation.reason})`);
        }
        return;
      case "notRunning":
        this.detections.push({ at, by: "health check" });
        if (!this.stopped.has(observation.unit) && !this.hasEndedNear(observation.unit, observation.at)) {
          this.found.push(`${observation.unit} was found not running`);
        }
        return;
      case "bootEnded":
        this.found.push(
          observation.isOrderly ? "reboot or shutdown" : "the host went off without a shutdown",
        );
        return;
      default:
    }
  }

  private hasEndedNear(unit: string, at: number): boolean {
    return this.near.some(
      (one) =>
        one.kind === "unit" &&
        one.event.unit === unit &&
        ENDS.has(one.event.kind) &&
        Math.abs(one.at - at) < MOMENT_MS,
    );
  }

  private tellUnit(event: UnitEvent): void {
    const { at, unit, kind, result } = event;
    const wasUp = !this.stopped.has(unit);
    const isStart = this.starting.has(unit);
    if (kind === "started") this.stopped.delete(unit);
    if (kind === "starting") this.starting.add(unit);
    else this.starting.delete(unit);
    if (!ENDS.has(kind)) return;
    this.stopped.add(unit);
    if (kind === "exited" || kind === "failed" || kind === "start-failed") {
      // A failure is systemd's own finding only if nobody asked for the stop.
      if (wasUp) this.detections.push({ at, by: "systemd" });
    }
    if (kind === "exited" && wasUp) {
      this.crashes += 1;
      this.found.push(`${unit} ${endOf(event)}`);
    } else if (kind === "exited" && isStart && !this.found.includes(`${unit} ${endOf(event)}`)) {
      this.found.push(`${unit} ${endOf(event)} when it was started`);
    } else if (kind === "failed" && (wasUp || RESULTS[result] !== undefined)) {
      this.found.push(`${unit} ${RESULTS[result] ?? `failed (${result})`}`);
    } else if (kind === "deactivated" && wasUp) {
      this.detections.push({ at, by: "systemd" });
      this.found.push(`${unit} ended by itself`);
    } else if (kind === "stopping" && wasUp) {
      this.tellStop(event);
    }
  }

  private tellStop(event: UnitEvent): void {
    const { at, unit } = event;
    const update = this.updateAt(at);
    if (update !== undefined) {
      const how = update.result === "rolled-back" ? "that was rolled back" : `to revision ${update.revision}`;
      this.found.push(`an update ${how}`);
      return;
    }
    if (this.isRepair(unit, at) || this.isShutdown(at)) return;
    this.found.push(`${unit} was ${this.isRestart(event) ? "restarted" : "stopped"} by hand`);
  }

  /** When it begins, a restart's job is still that of a stop; what systemd says at the stop's end tells. */
  private isRestart({ at, unit }: UnitEvent): boolean {
    const end = this.near.find(
      (one) => one.kind === "unit" && one.event.unit === unit && one.event.kind === "stopped" && one.at >= at,
    );
    return end?.kind === "unit" && end.event.jobType === "restart";
  }

  private isShutdown(at: number): boolean {
    const end = Math.min(at + SHUTDOWN_MS, this.span.to);
    return this.near.some(
      (one) => one.kind === "bootEnded" && one.isOrderly && one.at >= at && one.at <= end,
    );
  }

  /** The health check stops what runs only if it doesn't answer. */
  private isRepair(unit: string, at: number): boolean {
    return (
      this.hung.has(unit) &&
      this.near.some(
        (one) => one.kind === "repairBegan" && one.unit === unit && Math.abs(one.at - at) < MOMENT_MS,
      )
    );
  }

  private updateAt(at: number): UpdateSpan | undefined {
    return this.updates.find(({ from, to }) => at >= from && at <= to);
  }

  /** A repair that didn't help ended nothing, unless the check only didn't wait for its end. */
  private hasFailed({ at, unit }: { readonly at: number; readonly unit: string }): boolean {
    const outcome = this.near.find(
      (one) => (one.kind === "repairFailed" || one.kind === "repaired") && one.unit === unit && one.at >= at,
    );
    return outcome?.kind === "repairFailed" && !outcome.goesOn;
  }

  /** By what came last before the end. */
  mendedBy(): Mender {
    if (this.updateAt(this.span.to) !== undefined) return "update";
    const menders = this.near.flatMap((one): readonly Mender[] => {
      if (one.at > this.span.to || one.at < this.span.from - SECOND_MS) return [];
      if (one.kind === "repairBegan") return this.hasFailed(one) ? [] : ["health check"];
      if (one.kind === "bootBegan") return ["boot"];
      if (one.kind !== "unit") return [];
      if (one.event.kind === "restart-scheduled") return ["systemd"];
      return ["operator"];
    });
    // An operator's start has nothing before it but what systemd says of the unit anyway.
    const mender = menders.filter((one) => one !== "operator").at(-1) ?? menders.at(-1);
    return mender ?? "itself";
  }
}

const ENDS: ReadonlySet<UnitEvent["kind"]> = new Set([
  ...(["stopping", "stopped", "exited", "failed", "deactivated", "start-failed"] as const),
]);

/** Results that say more than how the process ended; see `$SERVICE_RESULT` in systemd.exec(5). */
const RESULTS: Partial<Readonly<Record<string, string>>> = {
  "oom-kill": "was killed because memory ran out",
  timeout: "took too long to start or stop",
  watchdog: "missed its watchdog",
  "start-limit-hit": "reached its start limit: systemd gave up",
  protocol: "broke systemd's protocol (it never said that it's ready)",
  resources: "couldn't be started for lack of resources",
};

/** `was killed by SIGKILL`, `exited with status 3`. */
function endOf({ exitCode, exitStatus }: UnitEvent): string {
  if (exitCode === "exited") return `exited with status ${exitStatus}`;
  const signal = Object.entries(constants.signals).find(([, number]) => number === Number(exitStatus))?.[0];
  return `was killed by ${signal ?? `signal ${exitStatus}`}`;
}
