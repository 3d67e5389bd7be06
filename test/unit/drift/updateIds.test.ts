import fc from "fast-check";
import { expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { transactionOf } from "../../../src/drift/revision";

const host = (state: Partial<ObservedHost>): ObservedHost => ({
  ...parseObservedHost(""),
  machineId: "m1",
  ...state,
});
interface Confirmed {
  readonly transaction: string;
  readonly revision: string;
  readonly counter: number;
}
/** The record of a confirmed update, of which only that matters here. */
const record = (confirmed: Confirmed) => ({
  manifest: { stack: "project/stack", things: [], units: [], confirmed },
});

/** What becomes of an update on the host. */
const ENDS = [
  "confirmed",
  // Before it was opened: nothing changed, and the step's former inputs stay in Pulumi's state.
  "refused",
  "killed while it was opened",
  "taken back",
  "killed",
  "killed after its confirmation",
] as const;
type End = (typeof ENDS)[number];

/** A host through its life: what `host/helper` writes down, and the id that Pulumi's state remembers. */
class Life {
  confirmed:
    { readonly transaction: string; readonly revision: string; readonly counter: number } | undefined;
  open: { readonly revision: string; readonly id: string } | undefined;
  attempts = 0;
  settled = 0;
  /** The id of the steps in Pulumi's state. */
  state: string | undefined;
  readonly used = new Set<string>();

  private isConfirmed = (update: { readonly revision: string; readonly id: string } | undefined): boolean =>
    update !== undefined &&
    update.revision === this.confirmed?.revision &&
    update.id === this.confirmed.transaction;

  /** Whether there is nothing to bring the host to a revision. */
  hasIt = (revision: string): boolean =>
    this.confirmed?.revision === revision &&
    (this.open === undefined ? this.attempts === this.settled : this.isConfirmed(this.open));

  /** @returns whether any step ran. */
  update(revision: string, end: End): boolean {
    const id = transactionOf(
      revision,
      host({
        attempts: String(this.attempts),
        settledAttempts: String(this.settled),
        ...(this.confirmed && record(this.confirmed)),
        ...(this.open && { openTransaction: this.open }),
      }),
    );
    if (this.hasIt(revision)) {
      expect(id).toBe(this.confirmed?.transaction);
      // The plan is empty.
      if (this.state === id) return false;
    } else {
      expect(this.used).not.toContain(id);
    }
    if (end === "refused") return true;
    this.attempts += 1;
    this.used.add(id);
    if (end === "killed while it was opened") return true;
    this.state = id;
    this.open = { revision, id };
    if (end === "killed") return true;
    if (end !== "taken back" && !this.isConfirmed(this.open)) {
      this.confirmed = { transaction: id, revision, counter: (this.confirmed?.counter ?? 0) + 1 };
    }
    if (end === "confirmed") this.settled = this.attempts;
    if (end !== "killed after its confirmation") this.open = undefined;
    return true;
  }

  /** What is open is taken back, or only tidied up: it's gone either way. */
  watch(): void {
    this.open = undefined;
  }
}

test("no update is mistaken for one that was there before, whatever became of those", () => {
  const act = fc.record({
    revision: fc.constantFrom("a", "b", "c"),
    end: fc.constantFrom(...ENDS),
    isWatched: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
      const life = new Life();
      for (const { revision, end, isWatched } of acts) {
        life.update(revision, end);
        if (isWatched) life.watch();
        // The same again: where it was confirmed there is nothing to do, else everything.
        const isThere = life.hasIt(revision) && life.state === life.confirmed?.transaction;
        expect(life.update(revision, "confirmed")).toBe(!isThere);
        expect(life.hasIt(revision)).toBe(true);
      }
    }),
    { numRuns: 500 },
  );
});
