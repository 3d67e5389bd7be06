import type { Traffic } from "./traffic";

/** One fault that a test made, and how the host came out of it. */
export interface Round {
  readonly fault: string;
  /** From the fault until the host had settled by itself. */
  readonly seconds: number;
  readonly settledAs: "old" | "new";
  /** Not where the users' side died with the host. */
  readonly traffic: Traffic | undefined;
}

/** A row a fault. A host that was left half configured or down has failed its test, so it's in none. */
export function printRounds(rounds: readonly Round[]): void {
  const faults = [...new Set(rounds.map(({ fault }) => fault))];
  console.table(
    faults.map((fault) => {
      const all = rounds.filter((round) => round.fault === fault);
      const seconds = all.map((round) => round.seconds).sort((a, b) => a - b);
      const traffic = all.flatMap((round) => round.traffic ?? []);
      return {
        fault,
        rounds: all.length,
        "settled as old": all.filter(({ settledAs }) => settledAs === "old").length,
        "median s": seconds[Math.floor(seconds.length / 2)]?.toFixed(1),
        "worst s": seconds.at(-1)?.toFixed(1),
        "requests lost, worst": worst(traffic.map(({ lost }) => lost)),
        "longest outage s": worst(
          traffic.map(({ outage }) => outage),
          1,
        ),
      };
    }),
  );
}

/** A dash where nothing was measured. */
const worst = (values: readonly number[], digits = 0): string =>
  values.length === 0 ? "-" : Math.max(...values).toFixed(digits);
