/** Those of a sorted list from one time to another, both included: a crash loop of a month has very many. Pure. */
export function between<T extends { readonly at: number }>(
  sorted: readonly T[],
  from: number,
  to: number,
): readonly T[] {
  return sorted.slice(
    firstWhere(sorted, ({ at }) => at >= from),
    firstWhere(sorted, ({ at }) => at > to),
  );
}

/** By halves: once it holds, it holds for all that follow. */
function firstWhere<T>(sorted: readonly T[], holds: (one: T) => boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const one = sorted[middle];
    if (one !== undefined && holds(one)) high = middle;
    else low = middle + 1;
  }
  return low;
}
