import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { revisionOf, transactionOf } from "../../../src/drift/revision";

const host = (state: Partial<ObservedHost>): ObservedHost => ({
  ...parseObservedHost(""),
  machineId: "m1",
  ...state,
});
const confirmed = { transaction: "0123456789ab", revision: "0123456789abcdef", counter: 3 };
const inSync = host({ confirmed });

test("a configuration's revision is what `sha256sum` says of its manifest, shortened", () => {
  expect(revisionOf("abc")).toBe("ba7816bf8f01cfea");
});

describe("the update's id", () => {
  test("is the confirmed one where nothing changed, so nothing is planned", () => {
    expect(transactionOf(confirmed.revision, inSync)).toBe(confirmed.transaction);
  });

  test("is the confirmed one where the update died after its confirmation", () => {
    const open = { revision: confirmed.revision, attempt: "12" };
    expect(transactionOf(confirmed.revision, host({ confirmed, openTransaction: open }))).toBe(
      confirmed.transaction,
    );
  });

  test.each<[string, string, ObservedHost]>([
    ["the configuration changed", "another-revision", inSync],
    [
      "an update to another configuration broke off",
      confirmed.revision,
      host({ confirmed, openTransaction: { revision: "another", attempt: "5" } }),
    ],
    ["the host has no manifest", confirmed.revision, host({})],
    ["the host was rebuilt", confirmed.revision, host({ machineId: "m2" })],
    [
      "the first update broke off",
      confirmed.revision,
      host({ openTransaction: { revision: "r", attempt: "1" } }),
    ],
  ])("is a fresh one where %s", (_, revision, observed) => {
    const id = transactionOf(revision, observed);
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(id).not.toBe(confirmed.transaction);
    // Preview and `up` see the same host: a reviewed plan holds.
    expect(transactionOf(revision, structuredClone(observed))).toBe(id);
  });

  test("is another one for every attempt, machine and number of updates", () => {
    const open = (attempt: string) => host({ confirmed, openTransaction: { revision: "r", attempt } });
    const ids = [
      transactionOf("r", open("1")),
      transactionOf("r", open("2")),
      // The state directory was lost once, and once more.
      transactionOf("r", host({ stateAnchor: "1 1000" })),
      transactionOf("r", host({ stateAnchor: "1 2000" })),
      transactionOf("r", host({ confirmed })),
      transactionOf("r", host({ confirmed: { ...confirmed, counter: 4 } })),
      transactionOf("r", host({ machineId: "m2", confirmed })),
      transactionOf("s", host({ confirmed })),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("depends on the configuration only where the host wasn't asked", () => {
    expect(transactionOf("r", undefined)).toBe(transactionOf("r", undefined));
    expect(transactionOf("r", undefined)).not.toBe(transactionOf("s", undefined));
  });
});

/** A host through its life: what `host/helper` writes down, and the id that Pulumi's state remembers. */
class Life {
  observed = host({});
  /** The id of the steps in Pulumi's state. */
  state: string | undefined;
  steps = 0;
  readonly used = new Set<string>();

  /** @returns whether any step ran. */
  update(revision: string, isHealthy: boolean): boolean {
    const id = transactionOf(revision, this.observed);
    const { openTransaction: open, confirmed: before } = this.observed;
    const isSettled = before?.revision === revision && (open === undefined || open.revision === revision);
    // Nothing to do: the plan must be empty.
    if (isSettled && this.state === before.transaction) {
      expect(id).toBe(this.state);
      return false;
    }
    this.state = id;
    this.steps += isHealthy ? 7 : 3;
    if (!isSettled) {
      expect(this.used).not.toContain(id);
      this.used.add(id);
    }
    const counter = (before?.counter ?? 0) + 1;
    this.observed = isHealthy
      ? host({ confirmed: { transaction: id, revision, counter } })
      : host({
          ...(before && { confirmed: before }),
          openTransaction: { revision, attempt: String(this.steps) },
        });
    return true;
  }
}

test("no update is mistaken for one that was there before, whatever broke off in between", () => {
  const act = fc.record({ revision: fc.constantFrom("a", "b", "c"), isHealthy: fc.boolean() });
  fc.assert(
    fc.property(fc.array(act, { maxLength: 30 }), (acts) => {
      const life = new Life();
      for (const { revision, isHealthy } of acts) {
        const ran = life.update(revision, isHealthy);
        // The same again: after success there is nothing to do, after a failure everything.
        if (ran) expect(life.update(revision, true)).toBe(!isHealthy);
      }
    }),
  );
});

test("nothing that differs on a host leads to the confirmed id", () => {
  const hex = (length: number) =>
    fc
      .array(fc.constantFrom(...Array.from("0123456789abcdef")), { minLength: length, maxLength: length })
      .map((all) => all.join(""));
  const observed = fc.record({
    confirmed: fc.record({ transaction: hex(12), revision: hex(16), counter: fc.nat() }),
    openTransaction: fc.option(fc.record({ revision: hex(16), attempt: fc.nat().map(String) }), {
      nil: undefined,
    }),
    machineId: hex(32),
  });
  fc.assert(
    fc.property(observed, hex(16), ({ openTransaction, ...rest }, revision) => {
      const id = transactionOf(revision, host({ ...rest, ...(openTransaction && { openTransaction }) }));
      expect(id).not.toBe(rest.confirmed.transaction);
    }),
  );
});
