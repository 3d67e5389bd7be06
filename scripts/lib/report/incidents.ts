import { between } from "./between";
import type { UpdateSpan } from "./hostRecord";
import type { Observation } from "./observation";
import { type Finder, type Mender, MOMENT_MS, Story } from "./story";
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

/** Up for less than this between two failures of a unit makes them one: a crash loop. */
const FLAPPING_MS = 30_000;

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
