/** Milliseconds of systemd's units of time, by their names; see systemd.time(7). */
const UNITS: readonly (readonly [names: readonly string[], ms: number])[] = [
  [["ms"], 1],
  [["", "s", "sec", "second", "seconds"], 1000],
  [["m", "min", "minute", "minutes"], 60_000],
  [["h", "hr", "hour", "hours"], 3_600_000],
  [["d", "day", "days"], 86_400_000],
  [["w", "week", "weeks"], 604_800_000],
];

/** `30d`, `1h 30min`, `90`: a systemd time span in milliseconds; undefined if it is none. */
export function timeSpanMs(text: string): number | undefined {
  if (!/^\d+ ?[a-z]*( ?\d+ ?[a-z]+)*$/.test(text)) return undefined;
  let total = 0;
  for (const [, number = "", name = ""] of text.matchAll(/(\d+) ?([a-z]*)/g)) {
    const unit = UNITS.find(([names]) => names.includes(name));
    if (unit === undefined) return undefined;
    total += Number(number) * unit[1];
  }
  return total;
}

/** `0.3 s`, `42 s`, `5 min 3 s`, `2 h 5 min`, `3 d 4 h`: two units at most. */
export function duration(ms: number): string {
  if (ms < 9_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([number]) => number > 0);
  return parts
    .slice(first, first + 2)
    .filter(([number]) => number > 0)
    .map(([number, name]) => `${number} ${name}`)
    .join(" ");
}

/** Never rounded up to a better figure: 99.8999 % isn't 99.9 %. */
export function percent(share: number): string {
  return `${(Math.floor(share * 1e5) / 1e3).toFixed(3)} %`;
}

/** As it was asked for: `99.9 %`. */
export const objectiveText = (share: number): string => `${Number((share * 100).toFixed(4))} %`;

/** `2026-01-22 22:14:39`, in UTC as the journal's times; a report of several hosts needs one zone. */
export const utcTime = (at: number): string => new Date(at).toISOString().slice(0, 19).replace("T", " ");
