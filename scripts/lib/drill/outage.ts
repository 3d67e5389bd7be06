/** What the observer saw of one request; times in seconds of the operator's clock. */
export interface Sample {
  readonly from: number;
  readonly to: number;
  /** ANSWERS, or what was wrong in few words. */
  readonly seen: string;
}

export const ANSWERS = "answers";

/** The time without an answer that a failure brought. */
export interface Outage {
  /** When the first request that failed was sent. */
  readonly from: number;
  /** When the first answer after it had arrived; lacking while there is none. */
  readonly to?: number;
  /** What was wrong, one after the other, and for how many seconds. */
  readonly seen: readonly { readonly what: string; readonly seconds: number }[];
}

/** How long it must answer again before an outage counts as over, in seconds. */
const STEADY_SEC = 3;

/**
 * The outage since a failure; nothing as long as no request has failed. One that comes back and goes again is one.
 * Pure.
 */
export function outageSince(since: number, samples: readonly Sample[]): Outage | undefined {
  const later = samples.filter(({ to }) => to >= since);
  const first = later.findIndex(({ seen }) => seen !== ANSWERS);
  if (first === -1) return undefined;
  const last = later.findLastIndex(({ seen }) => seen !== ANSWERS);
  const from = Math.max(since, later[first]?.from ?? since);
  const answer = later[last + 1];
  const end = answer?.to ?? later[last]?.to ?? from;
  const bad = later.slice(first, last + 1);
  const seen: { what: string; seconds: number }[] = [];
  for (const [index, sample] of bad.entries()) {
    const begun = Math.max(from, sample.from);
    const seconds = (bad[index + 1]?.from ?? end) - begun;
    const same = seen.at(-1);
    if (same?.what === sample.seen) same.seconds += seconds;
    else seen.push({ what: sample.seen, seconds });
  }
  return { from, ...(answer && { to: answer.to }), seen };
}

/** Whether it's over, and for long enough. */
export function isOver({ to }: Outage, samples: readonly Sample[]): boolean {
  return to !== undefined && (samples.at(-1)?.to ?? to) - to >= STEADY_SEC;
}
