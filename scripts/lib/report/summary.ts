import type { Incident } from "./incidents";
import type { Segment } from "./timeline";

/** What an operator wants to know first. Times are milliseconds, shares are from 0 to 1. */
export interface Summary {
  readonly upMs: number;
  /** With what isn't certain, and with the time that the host was off. */
  readonly downMs: number;
  /** Of downMs: between a good sign and a bad one. */
  readonly uncertainMs: number;
  /** Of downMs. */
  readonly offMs: number;
  readonly maintenanceMs: number;
  readonly unknownMs: number;
  /** up / (up + down), where all that isn't certain is taken for down; undefined if nothing is known. */
  readonly availability?: number;
  /** The same where none of it is. */
  readonly availabilityAtBest?: number;
  /** The downtime that the objective leaves in the time that is known. */
  readonly budgetMs: number;
  /** Negative if more was spent. */
  readonly budgetLeftMs: number;
  readonly isMet: boolean;
  /** Of the incidents that are over; undefined if there are none. */
  readonly meanTimeToRecoveryMs?: number;
  readonly longestMs?: number;
}

/**
 * Pure.
 *
 * @param objective a share: 0.999
 */
export function summaryOf(
  segments: readonly Segment[],
  incidents: readonly Incident[],
  objective: number,
): Summary {
  const sum = (holds: (segment: Segment) => boolean): number =>
    segments.filter(holds).reduce((total, { from, to }) => total + (to - from), 0);
  const upMs = sum(({ state }) => state === "up");
  const offMs = sum(({ state }) => state === "off");
  const downMs = offMs + sum(({ state }) => state === "down");
  const uncertainMs = sum(({ state, isCertain }) => state === "down" && !isCertain);
  const knownMs = upMs + downMs;
  const budgetMs = (1 - objective) * knownMs;
  const counted = incidents.filter(({ isCounted }) => isCounted);
  const lengths = counted.map(({ downMs: length }) => length);
  const over = counted.flatMap(({ from, to }) => (to === undefined ? [] : [to - from]));
  return {
    ...{ upMs, downMs, uncertainMs, offMs },
    maintenanceMs: sum(({ state }) => state === "maintenance"),
    unknownMs: sum(({ state }) => state === "unknown"),
    ...(knownMs > 0 && {
      availability: upMs / knownMs,
      availabilityAtBest: (upMs + uncertainMs) / knownMs,
    }),
    budgetMs,
    budgetLeftMs: budgetMs - downMs,
    isMet: knownMs > 0 && upMs / knownMs >= objective,
    ...(over.length > 0 && { meanTimeToRecoveryMs: over.reduce((a, b) => a + b, 0) / over.length }),
    ...(lengths.length > 0 && { longestMs: Math.max(...lengths) }),
  };
}
