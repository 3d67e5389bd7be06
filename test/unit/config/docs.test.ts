import { join } from "node:path";

import * as prettier from "prettier";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { renderManual } from "../../../src/config/manual";
import { configSchema } from "../../../src/config/schema";
import { CHECKOUT, prodConfig, problemsOf, type Raw } from "../support/configs";

const PAGE = join(CHECKOUT, "docs/configuration.md");
const manual = renderManual("rps-ha");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
  readonly expects?: string;
  readonly description?: string;
}

/** Every key of the schema, with what it says of it. */
function keysOf({ properties = {}, items }: Schema, key = ""): [string, Schema][] {
  return [
    ...Object.entries(properties).flatMap(([name, property]): [string, Schema][] => [
      [`${key}${name}`, property],
      ...keysOf(property, `${key}${name}.`),
    ]),
    ...(items?.properties === undefined ? [] : keysOf(items, key.replace(/\.$/, "[]."))),
  ];
}

test("docs/configuration.md is what the schema says; `npx vitest run --project unit -u` renews it", async () => {
  const options = await prettier.resolveConfig(PAGE, { editorconfig: true });
  const page = await prettier.format(manual, { ...options, parser: "markdown" });
  await expect(page).toMatchFileSnapshot(PAGE);
});

test("every key of the schema has a row in it, with what it must be and what it means", () => {
  const keys = keysOf(configSchema);
  expect(keys.length).toBeGreaterThan(50);
  for (const [key, { expects, description }] of keys) {
    const name = key.split(".").at(-1) ?? "";
    const rows = manual
      .split("\n")
      .filter((line) => line.startsWith(`| \`${name}\` | ${expects ?? "nothing"} |`));
    expect(rows, key).not.toEqual([]);
    expect(rows.join("\n"), key).toContain(description ?? "See [below]");
  }
});

test("what is secret is marked", () => {
  const marked = (mark: string) =>
    manual
      .split("\n")
      .filter((line) => line.includes(mark))
      .map((line) => line.split("`")[1]);
  expect(marked("**Secret.**")).toEqual([
    "sshPrivateKey",
    "sshPrivateKeyPassphrase",
    "secretEnvironment",
    "alerts",
    "webhookUrl",
    "email",
    "pingUrl",
  ]);
});

test("its example is a configuration that is accepted, but for what is encrypted in it", () => {
  const [, example = ""] = /```yaml\n([^]*?)```/.exec(manual) ?? [];
  const { config } = parse(example) as { config: Raw };
  const plain = Object.entries(config)
    .map(([key, value]): [string, unknown] => [key.replace("rps-ha:", ""), value])
    .filter(([, value]) => !JSON.stringify(value).includes('"secure"'));
  expect(plain).toHaveLength(4);
  expect(problemsOf(Object.fromEntries(plain))).toEqual([]);
});

test("every link within it leads to one of its headings", () => {
  const anchors = [...manual.matchAll(/^## (.*)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replace(/[^a-z0-9 _-]/g, "")
      .replaceAll(" ", "-"),
  );
  const links = [...manual.matchAll(/\(#([^)]*)\)/g)].map(([, link]) => link);
  expect(links).toHaveLength(8);
  for (const link of links) expect(anchors).toContain(link);
});

test("a key of Pulumi.prod.yaml that it doesn't explain would be one that nobody can look up", () => {
  for (const key of Object.keys(prodConfig())) expect(manual).toContain(`| \`${key}\` |`);
});
