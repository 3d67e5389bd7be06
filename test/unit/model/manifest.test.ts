import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { desiredManifest, parseManifest, revisionOf } from "../../../src/model/manifest";
import { CONFIGS, desiredOf, filesOf, GOLDEN, hostile, minimal } from "../support/configs";
import { confirmedManifest, manifestOf, sha256, STACK, TRANSACTION } from "../support/hostInSync";

describe.each(Object.keys(CONFIGS))("the manifest of the %s configuration", (config) => {
  const text = manifestOf((CONFIGS[config] ?? minimal)());
  const lines = text.split("\n");

  test("is what was reviewed", async () => {
    await expect(text.replace(/\t[0-9a-f]{64}\t/g, "\tHASH\t")).toMatchFileSnapshot(
      join(GOLDEN, "manifest", `${config}.tsv`),
    );
  });

  test("names its format, the service and the stack first, and ends with a line's end", () => {
    expect(lines[0]).toMatch(/^pulumi-systemd-ha-manifest\t1\t[a-z0-9_-]+\tproject\/stack$/);
    expect(lines.at(-1)).toBe("");
  });

  test("has eight columns in every row, none of them empty", () => {
    for (const line of lines.slice(1, -1)) {
      expect(line.split("\t")).toHaveLength(8);
      expect(line.split("\t")).not.toContain("");
    }
  });
});

describe.each(Object.keys(CONFIGS))("the manifest of the %s configuration, read back,", (config) => {
  const raw = (CONFIGS[config] ?? minimal)();
  const text = manifestOf(raw);

  test("says what was desired", () => {
    const { directories, logs, units } = desiredOf(raw);
    const without = ({ path, mode, owner }: { path: string; mode: string; owner: string }) => ({
      ...{ path, mode, owner },
      ...{ hash: "-", key: "-" },
    });
    expect(parseManifest(text)).toEqual({
      stack: STACK,
      things: [
        ...directories.map((directory) => ({ kind: "directory", ...without(directory) })),
        ...logs.map((log) => ({ kind: "log", ...without(log) })),
        ...filesOf(raw).map(({ path, mode, owner, key, secret, text: content }) => ({
          ...{ kind: "file", path, mode, owner, key },
          hash: secret ? "-" : sha256(content),
        })),
      ],
      units: units.map(({ name, role }) => ({ name, role })),
    });
  });

  test("says which update confirmed it", () => {
    expect(parseManifest(confirmedManifest(text, TRANSACTION, 7))).toEqual({
      ...parseManifest(text),
      confirmed: { transaction: TRANSACTION, revision: revisionOf(text), counter: 7 },
    });
  });
});

test("a manifest says whether its configuration was brought back by hand, and when", () => {
  const text = confirmedManifest(manifestOf(minimal()));
  expect(parseManifest(text)?.confirmed).not.toHaveProperty("returnedAt");
  expect(parseManifest(text.replace(/\n$/, "\treturned\n"))?.confirmed).toEqual({
    ...parseManifest(text)?.confirmed,
    returnedAt: "2026-01-22T22:14:39+0100",
  });
});

describe("a record isn't believed where", () => {
  const text = manifestOf(minimal());
  const confirmed = confirmedManifest(text);
  test.each<[string, string]>([
    ["it's empty", ""],
    ["it's something else", "rubbish\n"],
    ["it's of another format", confirmed.replace("manifest\t1", "manifest\t2")],
    ["a row was changed", confirmed.replace("\t0755\t", "\t4755\t")],
    ["a row was removed", confirmed.replace(/^unit.*\n/m, "")],
    ["a row was added", `unit\tssh.service\t-\t-\t-\t-\tproxy\thost\n${confirmed}`],
    ["its head was cut off", confirmed.slice(1)],
    ["another stack's name was put in", confirmed.replace(STACK, "theirs/prod")],
    ["another revision was put in", confirmed.replace(revisionOf(text), "0123456789abcdef")],
    ["the revision was removed", text + "confirmed\t0123456789ab\n"],
  ])("%s", (_, damaged) => {
    expect(damaged).not.toBe(confirmed);
    expect(parseManifest(damaged)).toBeUndefined();
  });

  test("it was cut off anywhere: then it names no update, or isn't whole", () => {
    for (let length = 0; length < confirmed.lastIndexOf(revisionOf(text)) + 16; length += 7) {
      expect(parseManifest(confirmed.slice(0, length))?.confirmed).toBeUndefined();
    }
  });

  test("but a counter that is no number only starts anew", () => {
    const odd = confirmed.replace(/\t3\t2026.*/, "\tx");
    expect(parseManifest(odd)?.confirmed).toMatchObject({ transaction: TRANSACTION, counter: 0 });
  });
});

test("maintenance is a row of its own, so that its beginning and its end are updates", () => {
  const on = { ...minimal(), maintenance: true };
  expect(manifestOf(on)).toBe(`${manifestOf(minimal())}setting\tmaintenance\t-\t-\t-\t-\tyes\t-\n`);
  expect(parseManifest(manifestOf(on))?.maintenance).toBe(true);
  expect(parseManifest(manifestOf(minimal()))).not.toHaveProperty("maintenance");
});

test("a secret file's row has the name of its content, but no hash of it", () => {
  const row = manifestOf(hostile())
    .split("\n")
    .find((line) => line.includes("x-1_y.env"));
  expect(row?.split("\t")).toEqual([
    ...["file", "/etc/pulumi-systemd-ha/x-1_y.env", "-", "0600", "root:root", "-"],
    expect.stringMatching(/^[0-9a-f]{64}$/),
    "-",
  ]);
});

test("a file without content is a mistake of ours, and stops the update", () => {
  expect(() => desiredManifest(desiredOf(minimal()), {}, "project/stack")).toThrow(
    "no content was rendered for /etc/systemd/system/shop-recovery.service",
  );
});

test("two stacks' manifests differ, so that neither takes the other's for its own", () => {
  expect(desiredManifest({ ...desiredOf(minimal()), files: [] }, {}, "shop/prod")).not.toBe(
    desiredManifest({ ...desiredOf(minimal()), files: [] }, {}, "shop/staging"),
  );
});
