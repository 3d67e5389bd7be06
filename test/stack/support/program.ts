import type { HostOutputs } from "../../../src/outputs";
import { configure, type Engine, startEngine } from "./engine";

export interface Run extends Engine {
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
    hosts: Record<string, { promise(): Promise<HostOutputs> }>;
  };
  const outputs: Record<string, HostOutputs> = {};
  for (const [name, host] of Object.entries(hosts)) outputs[name] = await host.promise();
  const components = engine.resources.filter(({ parent }) => parent === "");
  await Promise.all(components.map(({ name }) => engine.finished(name)));
  return { ...engine, outputs };
}
