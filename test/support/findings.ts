import { readConfig } from "../../src/config/load";
import { inspectHost } from "../../src/inspect";
import { connectionTo } from "../../src/remote/connection";
import { presenceOf } from "../../src/render/secrets";
import { type Program, seedConfiguration } from "./program";

/**
 * How a program's first host differs from what is confirmed on it, a sentence each: what a preview finds, without an engine. For
 * programs with the seed's keys only.
 */
export async function findingsOf(program: Program, privateKey: string): Promise<readonly string[]> {
  const values: Record<string, string> = { "rps-ha:sshPrivateKey": privateKey };
  for (const key of Object.keys(await seedConfiguration([]))) {
    const value = await program.get(key);
    values[key] = typeof value === "string" ? value : JSON.stringify(value);
  }
  const isSecret = (key: string) => key === "rps-ha:sshPrivateKey";
  const config = readConfig({ project: "rps-ha", stack: "test", values, isSecret });
  const definition = { ...config, ...presenceOf({ environment: undefined, alerts: undefined }) };
  const [host] = config.hosts;
  if (host === undefined) throw new Error("the program has no host");
  const { findings } = await inspectHost(connectionTo(host, config), definition, {}, "rps-ha/test");
  return findings.map(({ sentence }) => sentence);
}
