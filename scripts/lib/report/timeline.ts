import type { UnitEventKind } from "./hostRecord";
import type { Layer, Observation } from "./observation";

export type State = "up" | "down" | "off" | "maintenance" | "unknown";

/** A stretch of time in which the service was in one state. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  readonly state: State;
  /** Whether it's known to be so, or only lies between a good sign and a bad one: a hang is noticed by the next check. */
  readonly isCertain: boolean;
  /** The units at fault while it's down. */
  readonly units: readonly string[];
}

export interface Window {
  readonly from: number;
  readonly to: number;
  /** How long a good sign holds when no other follows: two rounds of the health check and a minute. */
  readonly maxGapMs: number;
}

/** What ends maintenance starts the service; so long that start is still part of it. */
export const START_AFTER_MAINTENANCE_MS = 60_000;
/** Within it, systemd's own messages about a unit overrule what a check says of the same. */
const SAME_MOMENT_MS = 20_000;

interface LayerState {
  unit: "up" | "down" | "unknown";
  /** Whether it answers; a start is trusted until the next check, but for one of a check that waits for the answer itself. */
  answers: boolean;
  isBeingRepaired: boolean;
  /** Of systemd's last message. */
  toldAt: number;
}

/** Folds observations into a gapless timeline of the window. Pure. */
export function timelineOf(
  observations: readonly Observation[],
  layers: readonly Layer[],
  window: Window,
): readonly Segment[] {
  const sweep = new Sweep(layers, window.maxGapMs);
  for (const observation of observations) if (observation.at <= window.to) sweep.see(observation);
  sweep.advance(window.to, "end");
  return clipped(sweep.segments, window);
}

/** How what follows bears on the time since the last sign. */
type Next = "good" | "bad" | "exact" | "end";

class Sweep {
  readonly segments: Segment[] = [];
  private readonly layers = new Map<string, LayerState>();
  private isOff = false;
  private isHeld = false;
  /** Until when maintenance goes on though nobody holds it. */
  private startsUntil = -Infinity;
  private reached: number | undefined;

  constructor(
    layers: readonly Layer[],
    private readonly maxGapMs: number,
  ) {
    for (const { unit } of layers) {
      this.layers.set(unit, { unit: "unknown", answers: true, isBeingRepaired: false, toldAt: -Infinity });
    }
  }

  /** Closes the time up to `at` with what was so, in the light of what comes. */
  advance(at: number, next: Next): void {
    const from = this.reached;
    this.reached = Math.max(at, from ?? at);
    if (from === undefined || at <= from) return;
    if (from < this.startsUntil && !this.isHeld && this.current() !== "up") {
      const until = Math.min(at, this.startsUntil);
      this.push(from, until, "maintenance", true);
      if (until < at) this.push(until, at, ...this.classified(at - until, next));
      return;
    }
    if (!this.isHeld) this.startsUntil = -Infinity;
    this.push(from, at, ...this.classified(at - from, next));
  }

  private classified(length: number, next: Next): [State, boolean] {
    const state = this.current();
    const isFresh = length <= this.maxGapMs;
    if (state === "up") {
      if (!isFresh) return ["unknown", true];
      return next === "bad" ? ["down", false] : ["up", true];
    }
    if (state !== "down" || this.hasStoppedUnit()) return [state, true];
    // It only didn't answer when it was asked.
    if (next === "good") return isFresh ? ["down", false] : ["unknown", true];
    return ["down", isFresh];
  }

  private current(): State {
    if (this.isHeld) return "maintenance";
    if (this.isOff) return "off";
    const layers = [...this.layers.values()];
    if (layers.some(({ unit, answers }) => unit === "down" || !answers)) return "down";
    return layers.every(({ unit }) => unit === "up") ? "up" : "unknown";
  }

  private hasStoppedUnit(): boolean {
    return [...this.layers.values()].some(({ unit }) => unit === "down");
  }

  private push(from: number, to: number, state: State, isCertain: boolean): void {
    const units =
      state === "down"
        ? [...this.layers]
            .filter(([, layer]) => layer.unit === "down" || !layer.answers)
            .map(([unit]) => unit)
        : [];
    const last = this.segments.at(-1);
    const isSame =
      last?.state === state && last.isCertain === isCertain && last.units.join() === units.join();
    if (isSame) this.segments[this.segments.length - 1] = { ...last, to };
    else this.segments.push({ from, to, state, isCertain, units });
  }

  see(observation: Observation): void {
    const { at } = observation;
    switch (observation.kind) {
      case "unit":
        this.seeUnit(at, observation.event.unit, observation.event.kind);
        return;
      case "passed":
        this.seePassed(at);
        return;
      case "noAnswer":
        this.seeNoAnswer(at, observation.unit);
        return;
      case "notRunning":
        this.seeNotRunning(at, observation.unit);
        return;
      case "repairBegan":
        this.setRepairing(observation.unit, true);
        return;
      case "repairFailed":
        this.setRepairing(observation.unit, false);
        return;
      case "repaired":
        this.setRepairing(observation.unit, false);
        if (this.isUpOrUntold(observation.unit, at)) this.set(at, "exact", observation.unit, "up");
        return;
      case "bootBegan":
        this.advance(at, "exact");
        this.isOff = false;
        for (const layer of this.layers.values())
          Object.assign(layer, { unit: "down", answers: true, isBeingRepaired: false });
        return;
      case "bootEnded":
        this.advance(at, "exact");
        this.isOff = true;
        return;
      case "maintenance":
        this.advance(at, "exact");
        if (this.isHeld && !observation.isOn) this.startsUntil = at + START_AFTER_MAINTENANCE_MS;
        this.isHeld = observation.isOn;
        return;
      case "external":
        return;
    }
  }

  private seeUnit(at: number, unit: string, kind: UnitEventKind): void {
    const layer = this.layers.get(unit);
    if (layer === undefined) return;
    const state = AFTER[kind];
    if (state !== undefined) {
      this.set(at, "exact", unit, state);
      layer.toldAt = at;
    }
  }

  private set(at: number, next: Next, unit: string, state: "up" | "down"): void {
    const layer = this.layers.get(unit);
    if (layer === undefined) return;
    this.advance(at, next);
    layer.unit = state;
    if (state === "down") return;
    layer.answers = !layer.isBeingRepaired;
    // Whatever the clock did at boot.
    this.isOff = false;
  }

  private setRepairing(unit: string, isBeingRepaired: boolean): void {
    const layer = this.layers.get(unit);
    if (layer !== undefined) layer.isBeingRepaired = isBeingRepaired;
  }

  /** The log's lines have whole seconds: systemd's word on a start may come behind. */
  private isUpOrUntold(unit: string, at: number): boolean {
    return this.layers.get(unit)?.unit === "up" || !this.isTold(unit, at);
  }

  private isTold(unit: string, at: number): boolean {
    return at - (this.layers.get(unit)?.toldAt ?? -Infinity) < SAME_MOMENT_MS;
  }

  private seePassed(at: number): void {
    const isStale = [...this.layers].some(
      ([unit, { unit: state }]) => state === "down" && this.isTold(unit, at),
    );
    if (isStale) return;
    this.advance(at, "good");
    for (const layer of this.layers.values())
      Object.assign(layer, { unit: "up", answers: true, isBeingRepaired: false });
  }

  private seeNoAnswer(at: number, unit: string): void {
    this.advance(at, "bad");
    // Who asks for an answer has found all units running.
    for (const layer of this.layers.values()) if (layer.unit === "unknown") layer.unit = "up";
    const layer = this.layers.get(unit);
    if (layer !== undefined) layer.answers = false;
  }

  private seeNotRunning(at: number, unit: string): void {
    const layer = this.layers.get(unit);
    if (layer === undefined || layer.unit === "down" || this.isTold(unit, at)) return;
    this.set(at, "bad", unit, "down");
  }
}

/** What a unit is after a message of systemd; the others change nothing of it. */
const AFTER: Partial<Readonly<Record<UnitEventKind, "up" | "down">>> = {
  started: "up",
  stopping: "down",
  stopped: "down",
  exited: "down",
  failed: "down",
  deactivated: "down",
  "start-failed": "down",
};

/** The window's part; before the first observation nothing is known. */
function clipped(segments: readonly Segment[], { from, to }: Window): readonly Segment[] {
  const inside = segments
    .map((segment) => ({ ...segment, from: Math.max(segment.from, from), to: Math.min(segment.to, to) }))
    .filter((segment) => segment.to > segment.from);
  const [first, ...rest] = inside;
  if (first?.from === from) return inside;
  if (first?.state === "unknown") return [{ ...first, from }, ...rest];
  return [{ from, to: first?.from ?? to, state: "unknown", isCertain: true, units: [] }, ...inside];
}
