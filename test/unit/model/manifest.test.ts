import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { desiredManifest } from "../../../src/model/manifest";
import { CONFIGS, desiredOf, filesOf, GOLDEN, hostile, minimal, type Raw } from "../support/configs";

const manifestOf = (raw: Raw) =>
  desiredManifest(
    desiredOf(raw),
    Object.fromEntries(filesOf(raw).map(({ path, key }) => [path, key])),
    "project/stack",
  );

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
    "no content was rendered for /etc/systemd/system/shop.service",
  );
});

test("two stacks' manifests differ, so that neither takes the other's for its own", () => {
  expect(desiredManifest({ ...desiredOf(minimal()), files: [] }, {}, "shop/prod")).not.toBe(
    desiredManifest({ ...desiredOf(minimal()), files: [] }, {}, "shop/staging"),
  );
});
