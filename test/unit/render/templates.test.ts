import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import type { TemplateName } from "../../../src/model/types";
import { packageRoot, renderTemplate } from "../../../src/render/templates";
import { CHECKOUT } from "../support/configs";

const TEMPLATES = join(CHECKOUT, "templates");
const source = (name: string) => readFileSync(join(TEMPLATES, `${name}.hbs`), "utf8");
const names = readdirSync(TEMPLATES)
  .filter((file) => file.endsWith(".hbs"))
  .map((file) => file.replace(/\.hbs$/, "") as TemplateName);
const parts = readdirSync(join(TEMPLATES, "health-check"));

/** Enough of each for every template. */
const CONTEXT: Readonly<Record<string, unknown>> = {
  ...{
    name: "n",
    unit: "u",
    user: "u",
    group: "g",
    directory: "/d",
    type: "exec",
    exec: ["/x"],
    script: "/s",
  },
  ...{ description: "d", environment: [{ name: "A", value: "b" }], environmentFile: "/e", restartSec: 1 },
  ...{
    appendsLogs: true,
    log: "/l",
    errorLog: "/e",
    healthCheckLog: "/h",
    witness: "w",
    state: "/s",
    timeoutStartSec: 1,
  },
  ...{
    onBootSec: 1,
    onUnitActiveSec: 1,
    startLimitIntervalSec: 1,
    startLimitBurst: 1,
    logReopenSignal: "HUP",
  },
  ...{ appUnit: "a", appUrl: "u", proxyUnit: "", proxyUrl: "", tunnelUnit: "", externalUrl: "" },
  ...{ expectStatus: 200, expectText: "", timeoutSec: 1, retries: 0, healthyWithinSec: 1 },
  ...{ failuresBeforeRepair: 1, maxRepairs: 0, repairWindowSec: 1, proxyDependsOn: "app" },
  ...{ externalDependsOn: "proxy", alertsFile: "/a", alertUnit: "a" },
  ...{ state: "/s", helper: "/h", before: "b.service" },
};

/** The variables of a template, but for those of `if` and `each`: of these Handlebars allows that they are missing. */
const variables = (name: string) => {
  const text = source(name);
  const [within] = [[...text.matchAll(/\{\{#(?:if|each) ([^}]+)\}\}/g)].map(([, variable = ""]) => variable)];
  return [...text.matchAll(/\{\{([^#/>}]+)\}\}/g)]
    .map(([, expression = ""]) => expression.split(" ").at(-1) ?? "")
    .filter((variable) => variable !== "else" && variable !== "value" && !within.includes(variable));
};

describe.each(names.filter((name) => name !== "secret.env"))("%s", (name) => {
  test("renders with all that it needs", () => {
    expect(renderTemplate(name, CONTEXT)).not.toContain("{{");
  });

  test.each([...new Set(variables(name))])("throws without %s, rather than to leave it empty", (variable) => {
    const context = Object.fromEntries(Object.entries(CONTEXT).filter(([key]) => key !== variable));
    expect(() => renderTemplate(name, context)).toThrow(
      /not defined in|cannot render (undefined|a command that)/,
    );
  });
});

test("every template says first who manages the file, and where to change it", () => {
  for (const name of names) {
    const comment = source(name)
      .split("\n")
      .find((line) => line.startsWith("# "));
    expect(comment).toBe(
      "# Managed by pulumi-systemd-ha. An edit made here is undone; change the stack's configuration and run `pulumi up`.",
    );
  }
});

test("what needs quoting in a shell script is in its settings; below them it's plain bash", () => {
  const [settings = "", rest = ""] = source("health-check.sh").split("# --- settings end ---");
  expect(rest.replace(/^\{\{> health-check\/[a-z]+\}\}$/gm, "")).not.toMatch(/\{\{|\}\}/);
  for (const part of parts) {
    expect(readFileSync(join(TEMPLATES, "health-check", part), "utf8")).not.toMatch(/\{\{|\}\}/);
    expect(rest).toContain(`\n\n{{> health-check/${part.replace(".bash", "")}}}\n`);
  }
  const expressions = settings.split("\n").filter((line) => line.includes("{{"));
  expect(expressions.length).toBeGreaterThan(10);
  for (const line of expressions) expect(line).toMatch(/^readonly [A-Z_]+=\{\{shellWord [A-Za-z]+\}\}$/);
});

test("the templates are found from the sources and from the built library", () => {
  expect(packageRoot("/p/src/render")).toBe("/p");
  expect(packageRoot("/p/bin/src/render")).toBe("/p");
});
