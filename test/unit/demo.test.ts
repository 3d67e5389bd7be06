import { readFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";
import { parse } from "yaml";

import { CHECKOUT } from "./support/configs";

const configOf = (file: string): Record<string, unknown> =>
  (parse(readFileSync(join(CHECKOUT, file), "utf8")) as { config: Record<string, unknown> }).config;

test("the demo's server is the seed's", () => {
  const { "rps-ha:hosts": _hosts, ...prod } = configOf("Pulumi.prod.yaml");
  expect(configOf("scripts/lib/demo.yaml")).toEqual({ ...prod, "rps-ha:hosts": [{ name: "demo" }] });
});
