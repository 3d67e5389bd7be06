import type { Segment, State, Window } from "./timeline";

/** The timeline as a picture: a strip a day, or one for a shorter time. Lengths are pixels of the SVG. */
export interface Strips {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly labels: readonly { readonly text: string; readonly y: number }[];
  readonly ticks: readonly { readonly text: string; readonly x: number }[];
  readonly bars: readonly Bar[];
}

export interface Bar {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  /** A class of the page's style sheet. */
  readonly look: State | "uncertain";
  readonly from: number;
  readonly to: number;
  /** How many segments it stands for. */
  readonly count: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const WEEK_MS = 7 * DAY_MS;
/** Beyond that, a strip is a week. */
const MAX_DAYS = 100;

const LEFT = 86;
const LENGTH = 960;
const TOP = 18;
/** Of a tick's `hh:mm`. */
const TEXT = 30;
/** What would be too narrow to be seen is drawn so wide: a minute of a day is less than a pixel. */
const MIN_WIDTH = 2.5;

/** Pure. */
export function stripsOf(segments: readonly Segment[], { from, to }: Window): Strips {
  const span = to - from;
  const strip = span <= DAY_MS ? span : span <= MAX_DAYS * DAY_MS ? DAY_MS : WEEK_MS;
  const begin = strip === span ? from : Math.floor(from / DAY_MS) * DAY_MS;
  const rows = Math.max(1, Math.ceil((to - begin) / strip));
  const pitch = rows === 1 ? 40 : rows <= 40 ? 16 : 10;
  const bars = merged(segments.flatMap((segment) => barsOf(segment, { begin, strip, pitch })));
  return {
    ...{ width: LEFT + LENGTH + 4, height: TOP + rows * pitch + 4, left: LEFT, bars },
    labels: Array.from({ length: rows }, (_, row) => ({
      text: new Date(begin + row * strip).toISOString().slice(0, 10),
      y: TOP + row * pitch + pitch / 2,
    })),
    ticks: ticksOf(begin, strip),
  };
}

interface Grid {
  readonly begin: number;
  readonly strip: number;
  readonly pitch: number;
}

/** One bar for each strip that the segment touches. */
function barsOf({ from, to, state, isCertain }: Segment, { begin, strip, pitch }: Grid): readonly Bar[] {
  const first = Math.floor((from - begin) / strip);
  const last = Math.floor((to - 1 - begin) / strip);
  return Array.from({ length: last - first + 1 }, (_, index): Bar => {
    const row = first + index;
    const [left, right] = [begin + row * strip, begin + (row + 1) * strip].map(
      (edge) => ((Math.min(Math.max(edge, from), to) - begin - row * strip) / strip) * LENGTH,
    ) as [number, number];
    const width = Math.max(right - left, MIN_WIDTH);
    return {
      x: round(LEFT + Math.min(left, LENGTH - width)),
      y: TOP + row * pitch + 1,
      width: round(width),
      height: pitch - 2,
      look: state === "down" && !isCertain ? "uncertain" : state,
      ...{ from, to, count: 1 },
    };
  });
}

/** What would lie upon each other is one: a crash loop has thousands. */
function merged(bars: readonly Bar[]): readonly Bar[] {
  const last = new Map<string, number>();
  const kept: Bar[] = [];
  for (const bar of bars) {
    const index = last.get(`${bar.look} ${bar.y}`);
    const former = index === undefined ? undefined : kept[index];
    if (index !== undefined && former !== undefined && bar.x < former.x + former.width) {
      const width = round(Math.max(bar.x + bar.width, former.x + former.width) - former.x);
      kept[index] = { ...former, width, to: bar.to, count: former.count + 1 };
    } else {
      last.set(`${bar.look} ${bar.y}`, kept.push(bar) - 1);
    }
  }
  return kept;
}

const round = (pixels: number): number => Math.round(pixels * 100) / 100;

/** At about eight round times of a strip, in UTC. */
function ticksOf(begin: number, strip: number): Strips["ticks"] {
  if (strip === WEEK_MS) {
    return Array.from({ length: 7 }, (_, day) => ({ text: `day ${day + 1}`, x: LEFT + (day / 7) * LENGTH }));
  }
  const step = STEPS.find((one) => strip / one <= 12) ?? 3 * HOUR_MS;
  const ticks: { text: string; x: number }[] = [];
  // None whose text would reach beyond the end.
  const end = begin + strip * (1 - TEXT / LENGTH);
  for (let at = Math.ceil(begin / step) * step; at < end; at += step) {
    ticks.push({
      text: new Date(at).toISOString().slice(11, 16),
      x: round(LEFT + ((at - begin) / strip) * LENGTH),
    });
  }
  return ticks;
}

const STEPS = [60_000, 5 * 60_000, 15 * 60_000, HOUR_MS, 3 * HOUR_MS];
