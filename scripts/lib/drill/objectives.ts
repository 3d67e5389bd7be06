/** A row of the seed document's table of recovery objectives (section 4), and what it must be to hold. */
export interface Objective {
  /** The seed's own name of the failure, without the names of its programs. */
  readonly row: string;
  /** In the seed's words. */
  readonly says: { readonly detection: string; readonly recovery: string; readonly total: string };
  /** The most that the words allow, in seconds. Lacking where the seed promises nothing. */
  readonly detectionSec?: number;
  readonly recoverySec: number;
  readonly totalSec: number;
}

/** How long section 5 of the seed waits after a kill before it looks: "10 seconds" and the start itself. */
const AFTER_CRASH_SEC = 12;

const crashOf = (what: string): Objective => ({
  row: `${what} crash`,
  says: { detection: "Immediate", recovery: "10 seconds", total: "~10 seconds" },
  detectionSec: 1,
  recoverySec: AFTER_CRASH_SEC,
  totalSec: AFTER_CRASH_SEC,
});

/** @see the seed's section 4 */
export const OBJECTIVES = {
  serviceCrash: crashOf("process"),
  proxyCrash: crashOf("proxy"),
  httpFailure: {
    row: "HTTP endpoint failure",
    says: { detection: "Up to 5 minutes", recovery: "10-15 seconds", total: "5-6 minutes max" },
    detectionSec: 300,
    recoverySec: 15,
    totalSec: 360,
  },
  reboot: {
    row: "server reboot",
    says: { detection: "N/A", recovery: "2-3 minutes", total: "2-3 minutes" },
    recoverySec: 180,
    totalSec: 180,
  },
} as const satisfies Record<string, Objective>;
