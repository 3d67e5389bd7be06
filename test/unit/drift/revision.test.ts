import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import type { Finding } from "../../../src/drift/finding";
import { isClosed, stepRevisionsOf, transactionOf } from "../../../src/drift/revision";
import { revisionOf } from "../../../src/model/manifest";
import type { RenderedFile } from "../../../src/model/types";

const host = (state: Partial<ObservedHost>): ObservedHost => ({
  ...parseObservedHost(""),
  machineId: "m1",
  ...state,
});
/** The record of a confirmed update, of which only that matters here. */
const record = (update: { transaction: string; revision: string; counter: number }) => ({
  manifest: { stack: "project/stack", things: [], units: [], confirmed: update },
});
const confirmed = { transaction: "0123456789ab", revision: "0123456789abcdef", counter: 3 };
const inSync = host(record(confirmed));

test("a configuration's revision is what `sha256sum` says of its manifest, shortened", () => {
  expect(revisionOf("abc")).toBe("ba7816bf8f01cfea");
});

describe("the update's id", () => {
  test("is the confirmed one where nothing changed, so nothing is planned", () => {
    expect(transactionOf(confirmed.revision, inSync)).toBe(confirmed.transaction);
  });

  test("is the confirmed one where the update died after its confirmation", () => {
    const open = { revision: confirmed.revision, id: confirmed.transaction };
    const observed = host({ ...record(confirmed), openTransaction: open });
    expect(transactionOf(confirmed.revision, observed)).toBe(confirmed.transaction);
    expect(isClosed(observed)).toBe(true);
  });

  test("is a fresh one where an update to the confirmed configuration is open: what it mends isn't mended yet", () => {
    const open = { revision: confirmed.revision, id: "ab12" };
    const observed = host({ ...record(confirmed), openTransaction: open });
    expect(transactionOf(confirmed.revision, observed)).not.toBe(confirmed.transaction);
    expect(isClosed(observed)).toBe(false);
  });

  test("is a fresh one where another update was taken back since: some steps have that one's id in Pulumi's state", () => {
    const tried = host({ ...record(confirmed), attempts: "9", settledAttempts: "8" });
    expect(transactionOf(confirmed.revision, tried)).not.toBe(confirmed.transaction);
    const settled = host({ ...record(confirmed), attempts: "9", settledAttempts: "9" });
    expect(transactionOf(confirmed.revision, settled)).toBe(confirmed.transaction);
  });

  test.each<[string, string, ObservedHost]>([
    ["the configuration changed", "another-revision", inSync],
    [
      "an update to another configuration broke off",
      confirmed.revision,
      host({ ...record(confirmed), openTransaction: { revision: "another", id: "ab12" } }),
    ],
    ["the host has no manifest", confirmed.revision, host({})],
    ["the host was rebuilt", confirmed.revision, host({ machineId: "m2" })],
    [
      "the first update broke off",
      confirmed.revision,
      host({ openTransaction: { revision: "r", id: "ab12" } }),
    ],
  ])("is a fresh one where %s", (_, revision, observed) => {
    const id = transactionOf(revision, observed);
    expect(id).toMatch(/^[0-9a-f]{12}$/);
    expect(id).not.toBe(confirmed.transaction);
    // Preview and `up` see the same host: a reviewed plan holds.
    expect(transactionOf(revision, structuredClone(observed))).toBe(id);
  });

  test("is another one for every attempt, machine and number of updates", () => {
    const ids = [
      transactionOf("r", host({ ...record(confirmed), attempts: "1" })),
      transactionOf("r", host({ ...record(confirmed), attempts: "2" })),
      // The first update was taken back, and once more.
      transactionOf("r", host({ attempts: "1" })),
      transactionOf("r", host({ attempts: "2" })),
      // The state directory was lost once, and once more.
      transactionOf("r", host({ stateAnchor: "1 1000" })),
      transactionOf("r", host({ stateAnchor: "1 2000" })),
      transactionOf("r", host(record(confirmed))),
      transactionOf("r", host(record({ ...confirmed, counter: 4 }))),
      transactionOf("r", host({ machineId: "m2", ...record(confirmed) })),
      transactionOf("s", host(record(confirmed))),
    ];
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("depends on the configuration only where the host wasn't asked", () => {
    expect(transactionOf("r", undefined)).toBe(transactionOf("r", undefined));
    expect(transactionOf("r", undefined)).not.toBe(transactionOf("s", undefined));
  });
});

test("nothing that differs on a host leads to the confirmed id", () => {
  const hex = (length: number) =>
    fc
      .array(fc.constantFrom(...Array.from("0123456789abcdef")), { minLength: length, maxLength: length })
      .map((all) => all.join(""));
  const observed = fc.record({
    confirmed: fc.record({ transaction: hex(12), revision: hex(16), counter: fc.nat() }),
    openTransaction: fc.option(fc.record({ revision: hex(16), id: hex(12) }), {
      nil: undefined,
    }),
    attempts: fc.nat().map(String),
    machineId: hex(32),
  });
  fc.assert(
    fc.property(
      observed,
      hex(16),
      ({ openTransaction, attempts, machineId, confirmed: before }, revision) => {
        const id = transactionOf(
          revision,
          host({ machineId, attempts, ...record(before), ...(openTransaction && { openTransaction }) }),
        );
        expect(id).not.toBe(before.transaction);
      },
    ),
  );
});

describe("what is sent to a host again", () => {
  const file = (path: string, key: string, secret = false): RenderedFile => ({
    ...{ path, key, secret, text: key, template: "logrotate", mode: "0644", owner: "root:root" },
  });
  const wanted = [file("/a", "key-a"), file("/b", "key-b", true)];
  const known = { helper: "kept-helper", "/a": "kept-a", "/b": "kept-b" };
  const kept = { helper: "kept-helper", files: { "/a": "kept-a", "/b": "kept-b" } };
  const thing = (path: string, anchor: string) => ({
    ...{ kind: "file", path, anchor },
    ...{ type: "regular file", mode: "0644", owner: "root:root", hash: "", key: "" },
  });
  const seen = (state: Partial<ObservedHost> = {}) =>
    host({
      ...record(confirmed),
      revisions: known,
      // A secret's key isn't its hash.
      staged: { "key-a": true, "key-b": false },
      things: [thing("/a", "1 1"), thing("/b", "2 2")],
      ...state,
    });
  const changed: Finding = { step: { kind: "stage", path: "/a" }, sentence: "/a was changed" };
  const altered: Finding = { step: { kind: "helper" }, sentence: "the helper was altered" };
  const stopped: Finding = { step: { kind: "enable", unit: "a.service" }, sentence: "a.service was stopped" };
  const unfinished: Finding = { step: { kind: "install" }, sentence: "an update was begun" };
  const r = confirmed.revision;
  const lost = { ...seen({ revisions: {} }), manifest: undefined } as unknown as ObservedHost;
  const corrupt = seen({ manifest: "corrupt" });
  const open = { openTransaction: { revision: r, id: confirmed.transaction } };
  const openAgain = { openTransaction: { revision: r, id: "ab12" } };
  const openOther = { openTransaction: { revision: "another", id: "ab12" } };

  test.each<[string, ObservedHost | undefined, readonly Finding[], "confirmed" | "new", readonly string[]]>([
    ["a host in sync", seen(), [], "confirmed", []],
    ["one whose update died when all was done", seen(open), [], "confirmed", []],
    ["one with a changed file", seen(), [changed], "new", ["/a"]],
    [
      "one where a file's content isn't stored",
      seen({ staged: { "key-b": false } }),
      [changed],
      "new",
      ["/a"],
    ],
    [
      "one where it was altered",
      seen({ staged: { "key-a": false, "key-b": false } }),
      [changed],
      "new",
      ["/a"],
    ],
    [
      "one where a secret one isn't stored",
      seen({ staged: { "key-a": true } }),
      [changed],
      "new",
      ["/a", "/b"],
    ],
    ["one with a stopped unit", seen(), [stopped], "new", []],
    ["one with an altered helper", seen(), [altered], "new", ["helper"]],
    ["one in an unfinished update to the same", seen(openAgain), [unfinished], "new", []],
    ["one in an unfinished update", seen(openOther), [unfinished], "new", []],
    ["one with all of that", seen(openOther), [changed, altered, unfinished], "new", ["/a", "helper"]],
    ["one whose record is damaged", corrupt, [unfinished], "new", []],
    ["one whose record and state were removed", lost, [unfinished], "new", ["/a", "/b", "helper"]],
    [
      "one from which only what a step noted was removed",
      seen({ revisions: {} }),
      [],
      "confirmed",
      ["/a", "/b", "helper"],
    ],
    ["a new one", host({}), [], "new", ["/a", "/b", "helper"]],
    ["one that isn't asked", undefined, [], "new", ["/a", "/b", "helper"]],
  ])("%s", (_, observed, findings, transaction, again) => {
    const id = transactionOf(r, observed, findings);
    expect(id === confirmed.transaction).toBe(transaction === "confirmed");
    const { helper, files } = stepRevisionsOf(wanted, observed, findings);
    const renewed = [
      ...Object.keys(files).filter((path) => files[path] !== kept.files[path as keyof typeof kept.files]),
      ...(helper === kept.helper ? [] : ["helper"]),
    ];
    expect(renewed).toEqual(again);
    // A preview's plan holds in `up`, which asks again.
    const later = structuredClone(observed);
    expect(transactionOf(r, later, structuredClone(findings))).toBe(id);
    expect(stepRevisionsOf(wanted, later, structuredClone(findings))).toEqual({ helper, files });
  });

  test.each<[string, ObservedHost, ObservedHost]>([
    ["the same tampering once more", seen(), seen(record({ ...confirmed, counter: 4 }))],
    ["another machine of the same name", seen(), seen({ machineId: "m2" })],
    ["a record lost once more", { ...lost, stateAnchor: "1 1000" }, { ...lost, stateAnchor: "1 2000" }],
    [
      "a record damaged once more",
      { ...corrupt, stateAnchor: "1 1000" },
      { ...corrupt, stateAnchor: "1 2000" },
    ],
  ])("has other commands for %s", (_, before, after) => {
    const findings = [changed, altered];
    expect(transactionOf(r, after, findings)).not.toBe(transactionOf(r, before, findings));
    const [first, second] = [before, after].map((observed) => stepRevisionsOf(wanted, observed, findings));
    expect(second?.helper).not.toBe(first?.helper);
    expect(second?.files["/a"]).not.toBe(first?.files["/a"]);
  });

  test("is another thing for a file that was made anew, though nothing counted", () => {
    const after = seen({ things: [thing("/a", "1 2")] });
    expect(stepRevisionsOf(wanted, after, [changed]).files["/a"]).not.toBe(
      stepRevisionsOf(wanted, seen(), [changed]).files["/a"],
    );
  });

  test("differs from file to file", () => {
    const { helper, files } = stepRevisionsOf(wanted, host({}));
    expect(new Set([helper, ...Object.values(files)]).size).toBe(3);
  });
});
