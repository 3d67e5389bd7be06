import { constants } from "node:os";

import { between } from "./between";
import type { UnitEvent, UpdateSpan } from "./hostRecord";
import type { Observation } from "./observation";
import { type Segment, START_AFTER_MAINTENANCE_MS, type Window } from "./timeline";

/** A time in which the service wasn't up, or couldn't be reached from outside. */
export interface Incident {
  readonly from: number;
  /** Undefined while it lasts. */
  readonly to?: number;
  /** Whether the beginning is known exactly, by systemd; else it's the last good sign before it. */
  readonly isExact: boolean;
  /** In words, the first one first. */
  readonly causes: readonly string[];
  /** When it was noticed, and by whom; undefined if nobody did before it was over, or the host was off. */
  readonly detected?: { readonly at: number; readonly by: Finder };
  /** Who ended it. */
  readonly mendedBy?: Mender;
  /** False if only what is outside of the host was at fault: that is no downtime of the server's. */
  readonly isCounted: boolean;
  /** In milliseconds, without the moments between the crashes of a loop; 0 if it isn't counted. */
  readonly downMs: number;
}

export type Finder = "systemd" | "health check";
export type Mender = Finder | "boot" | "update" | "operator" | "itself";

/** Up for less than this between two failures of a unit makes them one: a crash loop. */
const FLAPPING_MS = 30_000;
/** The log's lines have whole seconds. */
const SECOND_MS = 1_000;
/** How far a repair's line and the messages of systemd about it lie apart. */
const MOMENT_MS = 3_000;
/** systemd gives units 90 s to stop. */
const SHUTDOWN_MS = 100_000;

/** What went wrong in the window, the oldest first; with what only outside was wrong. Pure. */
export function incidentsOf(
  segments: readonly Segment[],
  observations: readonly Observation[],
  updates: readonly UpdateSpan[],
  window: Window,
): readonly Incident[] {
  const local = groupsOf(segments, stopsOf(observations)).map((group) => {
    const [from, to] = [group[0]?.from ?? 0, group.at(-1)?.to ?? 0];
    const begin = from - MOMENT_MS - START_AFTER_MAINTENANCE_MS;
    const near = between(observations, begin, to + MOMENT_MS);
    const story = new Story(near, updates, { from, to });
    const isOver = to < window.to;
    return {
      from,
      ...(isOver && { to, mendedBy: story.mendedBy() }),
      isExact: group[0]?.isCertain ?? true,
      causes: story.causes(),
      ...detectedIn(story),
      isCounted: true,
      downMs: group.filter(isDown).reduce((sum, segment) => sum + segment.to - segment.from, 0),
    };
  });
  return [...local, ...outsideOf(observations, window)].sort((a, b) => a.from - b.from);
}

function detectedIn(story: Story): Pick<Incident, "detected"> {
  const detected = story.detected();
  return detected === undefined ? {} : { detected };
}

/** When somebody asked for a stop: what begins so is a matter of its own, however soon after another. */
const stopsOf = (observations: readonly Observation[]): ReadonlySet<number> =>
  new Set(
    observations.filter((one) => one.kind === "unit" && one.event.kind === "stopping").map(({ at }) => at),
  );

/** Runs of downtime; of a crash loop, all of it. */
function groupsOf(segments: readonly Segment[], stops: ReadonlySet<number>): Segment[][] {
  const groups: Segment[][] = [];
  let former: Segment | undefined;
  let beforeThat: Segment | undefined;
  for (const segment of segments) {
    if (isDown(segment)) {
      const group = groups.at(-1);
      const goesOn = isDown(former) || (!stops.has(segment.from) && isPause(beforeThat, former, segment));
      if (group !== undefined && goesOn) group.push(segment);
      else groups.push([segment]);
    }
    [beforeThat, former] = [former, segment];
  }
  return groups;
}

const isDown = (segment: Segment | undefined): boolean =>
  segment?.state === "down" || segment?.state === "off";

/** Up for a moment between two failures of the same unit. */
const isPause = (before: Segment | undefined, pause: Segment | undefined, after: Segment): boolean =>
  pause?.state === "up" &&
  pause.to - pause.from < FLAPPING_MS &&
  before?.state === "down" &&
  before.units.some((unit) => after.units.includes(unit));

/** What is known about one incident. */
class Story {
  private readonly found: string[] = [];
  private readonly detections: { at: number; by: Finder }[] = [];
  private readonly stopped = new Set<string>();
  private readonly hung = new Set<string>();
  private crashes = 0;

  constructor(
    private readonly near: readonly Observation[],
    private readonly updates: readonly UpdateSpan[],
    private readonly span: { readonly from: number; readonly to: number },
  ) {
    for (const observation of near) {
      const at = observation.kind === "unit" ? observation.at : observation.at + SECOND_MS;
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
    if (kind === "started") this.stopped.delete(unit);
    if (!ENDS.has(kind)) return;
    this.stopped.add(unit);
    if (kind === "exited" || kind === "failed" || kind === "start-failed") {
      // A failure is systemd's own finding only if nobody asked for the stop.
      if (wasUp) this.detections.push({ at, by: "systemd" });
    }
    if (kind === "exited" && wasUp) {
      this.crashes += 1;
      this.found.push(`${unit} ${endOf(event)}`);
    } else if (kind === "failed" && (wasUp || RESULTS[result] !== undefined)) {
      this.found.push(`${unit} ${RESULTS[result] ?? `failed (${result})`}`);
    } else if (kind === "deactivated" && wasUp) {
      this.detections.push({ at, by: "systemd" });
      this.found.push(`${unit} ended by itself`);
    } else if (kind === "stopping" && wasUp) {
      this.tellStop(event);
    }
  }

  private tellStop({ at, unit, jobType }: UnitEvent): void {
    const update = this.updateAt(at);
    if (update !== undefined) {
      const how = update.result === "rolled-back" ? "that was rolled back" : `to revision ${update.revision}`;
      this.found.push(`an update ${how}`);
      return;
    }
    if (this.isRepair(unit, at) || this.isShutdown(at)) return;
    this.found.push(jobType === "restart" ? `${unit} was restarted by hand` : `${unit} was stopped by hand`);
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

  /** By what came last before the end. */
  mendedBy(): Mender {
    if (this.updateAt(this.span.to) !== undefined) return "update";
    const menders = this.near.flatMap((one): readonly Mender[] => {
      if (one.at > this.span.to || one.at < this.span.from - SECOND_MS) return [];
      if (one.kind === "repairBegan") return ["health check"];
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

/** When the service's public address wasn't reachable though all on the host was well. */
function outsideOf(observations: readonly Observation[], window: Window): Incident[] {
  const incidents: Incident[] = [];
  let lastGood: number | undefined;
  let open: Incident | undefined;
  for (const observation of observations) {
    if (observation.kind !== "external") continue;
    const { at, reason } = observation;
    if (reason === undefined) {
      if (open !== undefined) incidents.push({ ...open, to: at, mendedBy: "itself" });
      open = undefined;
      lastGood = at;
    } else if (open === undefined) {
      const isRecent = lastGood !== undefined && at - lastGood <= window.maxGapMs;
      open = {
        ...{ from: isRecent && lastGood !== undefined ? lastGood : at, isExact: false, causes: [reason] },
        ...{ detected: { at, by: "health check" }, isCounted: false, downMs: 0 },
      };
    }
  }
  if (open !== undefined) incidents.push(open);
  return incidents
    .filter(({ from, to = window.to }) => to > window.from && from < window.to)
    .map((incident) => ({ ...incident, from: Math.max(incident.from, window.from) }));
}
