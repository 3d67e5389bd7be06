import type * as pulumi from "@pulumi/pulumi";

import type { HostOutputs } from "../../../src/outputs";
import { helperListing } from "../../../src/remote/bundle";
import type { Raw } from "../../unit/support/configs";
import { type InSync, type Row, rowsInSync } from "../../unit/support/hostInSync";
import { configure, type Engine, startEngine, valueOf } from "./engine";

export interface Run extends Engine {
  /** What isn't known in a preview is undefined. */
  readonly outputs: Readonly<Record<string, HostOutputs>>;
}

/** Runs index.ts with a stack's configuration, to its end. */
export async function runProgram(
  config: Readonly<Record<string, unknown>>,
  {
    secretKeys = [],
    ...options
  }: { secretKeys?: readonly string[] } & Parameters<typeof startEngine>[0] = {},
): Promise<Run> {
  const engine = await startEngine(options);
  configure(config, secretKeys);
  const { hosts } = (await import("../../../index")) as unknown as {
    hosts: Record<string, Record<string, pulumi.Output<unknown>>>;
  };
  const outputs: Record<string, HostOutputs> = {};
  for (const [name, host] of Object.entries(hosts)) {
    const values = Object.entries(host).map(async ([key, output]) => [key, await valueOf(output)] as const);
    outputs[name] = Object.fromEntries(await Promise.all(values)) as unknown as HostOutputs;
  }
  const components = engine.resources.filter(({ parent }) => parent === "");
  await Promise.all(components.map(({ name }) => engine.finished(name)));
  return { ...engine, outputs };
}

/** The update's id, by which all steps from `install` on are called. */
export const transactionIn = (run: Run, component = "rps-rps"): string =>
  / --transaction ([0-9a-f]{12})$/.exec(createOf(run, `${component}-confirm`))?.[1] ?? "none";

export const createOf = (run: Engine, name: string): string => String(run.resource(name).inputs["create"]);

/** What the probe says after all steps of a run have run, and nobody touched anything since. */
export function factsAfter(run: Run, raw: Raw, change: InSync = {}): Row[] {
  const stages = run.resources.map(({ inputs }) =>
    / stage \S+ (\S+) --revision ([0-9a-f]{12})/.exec(String(inputs["create"])),
  );
  const helper = run.resources.find(({ name }) => name.endsWith("-helper"))?.inputs["create"];
  return rowsInSync(raw, {
    stack: "rps-ha/prod",
    transaction: transactionIn(run),
    counter: 1,
    helperListing: helperListing(),
    revisions: {
      helper: String(helper).split(" ").at(-1) ?? "",
      ...Object.fromEntries(stages.flatMap((match) => (match ? [[String(match[1]), String(match[2])]] : []))),
    },
    ...change,
  });
}
