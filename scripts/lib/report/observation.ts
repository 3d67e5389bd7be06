import { between } from "./between";
import type { HostRecord, UnitEvent } from "./hostRecord";
import type { TimedLine } from "./localTime";

/** The layers whose state is the service's, in the order in which a request doesn't pass them: the application first. */
export interface Layer {
  readonly unit: string;
  /** What the health check asks; a tunnel has none. */
  readonly url?: string;
}

/** Something that was seen at a moment. */
export type Observation = { readonly at: number } & (
  | { readonly kind: "unit"; readonly event: UnitEvent }
  /** A health check found all local layers well. */
  | { readonly kind: "passed" }
  /** A layer doesn't answer. */
  | { readonly kind: "noAnswer"; readonly unit: string; readonly reason: string }
  /** A health check found a unit not running, which systemd's own messages tell more exactly. */
  | { readonly kind: "notRunning"; readonly unit: string }
  | { readonly kind: "repairBegan"; readonly unit: string }
  | { readonly kind: "repaired"; readonly unit: string }
  /** Or it took longer than the check waits, and goes on. */
  | { readonly kind: "repairFailed"; readonly unit: string; readonly goesOn: boolean }
  | { readonly kind: "external"; readonly reason?: string }
  | { readonly kind: "bootBegan" }
  | { readonly kind: "bootEnded"; readonly isOrderly: boolean }
  | { readonly kind: "maintenance"; readonly isOn: boolean; readonly holders: readonly string[] }
);

/** Every moment of which something is known, the earliest first. Pure. */
export function observationsOf(
  record: HostRecord,
  lines: readonly TimedLine[],
  layers: readonly Layer[],
): readonly Observation[] {
  const events = [...record.events].sort((a, b) => a.at - b.at);
  return [
    ...holdsOf(record),
    ...events
      .filter(({ unit }) => layers.some((layer) => layer.unit === unit))
      // A reload's or a stop's own command that fails ends nothing.
      .filter(({ kind, command }) => kind !== "exited" || command === "ExecStart")
      .map((event) => ({ at: event.at, kind: "unit", event }) as const),
    ...lines.flatMap((line) => ofLine(line, layers)).map((one) => afterItsStop(one, events)),
    // Behind what happened in the same moment.
    ...bootsOf(record),
  ].sort((a, b) => a.at - b.at);
}

/** The log's lines have whole seconds: what stopped within the same one stopped before it was found so. */
function afterItsStop(observation: Observation, events: readonly UnitEvent[]): Observation {
  if (observation.kind !== "notRunning") return observation;
  const { at, unit } = observation;
  const stop = between(events, at, at + 999).find((event) => event.unit === unit && event.kind !== "started");
  return stop === undefined ? observation : { ...observation, at: stop.at };
}

/** How long before a boot's last entry systemd has reached its shutdown target, at most. */
const SHUTDOWN_MS = 10 * 60_000;

function bootsOf({ boots, events }: HostRecord): Observation[] {
  const shutdowns = events.filter(({ unit, kind }) => unit === "shutdown.target" && kind === "started");
  return boots.flatMap(({ id, to }, index): Observation[] => {
    const next = boots[index + 1];
    if (next === undefined) return [];
    const isOrderly = shutdowns.some(({ at, boot }) => boot === id && at > to - SHUTDOWN_MS);
    return [
      { at: to, kind: "bootEnded", isOrderly },
      // Its first entry is known to the second, which may have begun before the last one of the boot before.
      { at: Math.max(next.from, to + 1), kind: "bootBegan" },
    ];
  });
}

/** Several may hold the service; it's over when the last lets go. */
function holdsOf({ holds }: HostRecord): Observation[] {
  const holders = new Map<string, string>();
  return [...holds]
    .sort((a, b) => a.at - b.at)
    .map(({ at, change, owner, by, reason }): Observation => {
      // The end is written down within its second.
      if (change === "end") holders.delete(owner);
      else holders.set(owner, `${owner}: ${reason || by || "somebody"}`);
      return { at, kind: "maintenance", isOn: holders.size > 0, holders: [...holders.values()] };
    });
}

/** What each line of templates/health-check says; others say nothing about a layer. */
function ofLine({ at, text }: TimedLine, layers: readonly Layer[]): Observation[] {
  const unitOf = (name: string | undefined): string | undefined =>
    layers.find(({ unit }) => unit === name)?.unit;
  if (/^SUCCESS: All (?:local )?checks passed$/.test(text)) {
    return [
      { at, kind: "passed" },
      // The other wording is an update's, to which what is outside is only a warning.
      ...(text.includes("local") ? [] : [{ at, kind: "external" } as const]),
    ];
  }
  const [, outside, why] = /^(?:ERROR|WARNING): (\S+) is not reachable: (.*)$/.exec(text) ?? [];
  // It's asked only when all local layers are well.
  if (outside !== undefined) {
    return [
      { at, kind: "passed" },
      { at, kind: "external", reason: `${outside} is not reachable: ${why ?? ""}` },
    ];
  }
  const [, url, still, reason = ""] =
    /^ERROR: (\S+) (still )?does not answer as expected: (.*)$/.exec(text) ?? [];
  if (url !== undefined) {
    const unit = (layers.find((one) => one.url === url) ?? layers[0])?.unit;
    return unit === undefined
      ? []
      : [{ at, kind: "noAnswer", unit, reason }, ...repairFailed(at, unit, still)];
  }
  const [, name, failure] = /^ERROR: (\S+) (?:is not running|could not be restarted: (.*))$/.exec(text) ?? [];
  const stopped = unitOf(name);
  if (stopped !== undefined) {
    return [{ at, kind: "notRunning", unit: stopped }, ...repairFailed(at, stopped, failure)];
  }
  const begun = unitOf(/^Attempting to restart (\S+)\.\.\.$/.exec(text)?.[1]);
  if (begun !== undefined) return [{ at, kind: "repairBegan", unit: begun }];
  const repaired = unitOf(/^SUCCESS: (\S+) restarted successfully$/.exec(text)?.[1]);
  return repaired === undefined ? [] : [{ at, kind: "repaired", unit: repaired }];
}

const repairFailed = (at: number, unit: string, words: string | undefined): Observation[] =>
  words === undefined
    ? []
    : [{ at, kind: "repairFailed", unit, goesOn: words === "its restart still goes on" }];
