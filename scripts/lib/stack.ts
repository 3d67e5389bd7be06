import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

import { parse } from "yaml";

import { readConfig } from "../../src/config/load";
import type { Config } from "../../src/config/types";

/** A stack's configuration with its secrets, and what it's called in the hosts' records. */
export interface SelectedStack {
  /** `project/stack`. */
  readonly fullName: string;
  readonly config: Config;
}

/** @throws UsageError if there is no such stack; RunError that names every problem of its configuration. */
export async function selectedStack(name: string | undefined): Promise<SelectedStack> {
  const project = (parse(readFileSync(join(process.cwd(), "Pulumi.yaml"), "utf8")) as { name: string }).name;
  const option = name === undefined ? [] : ["--stack", name];
  const stack = name ?? (await pulumi(["stack", "--show-name"])).trim();
  const values = JSON.parse(await pulumi(["config", "--json", "--show-secrets", ...option])) as Record<
    string,
    { readonly value?: string; readonly secret?: boolean }
  >;
  const config = readConfig({
    project,
    stack,
    values: Object.fromEntries(Object.entries(values).map(([key, { value = "" }]) => [key, value])),
    isSecret: (key) => values[key]?.secret ?? false,
  });
  return { fullName: `${project}/${stack.split("/").at(-1) ?? stack}`, config };
}

export class UsageError extends Error {
  override readonly name = "UsageError";
}

async function pulumi(words: readonly string[]): Promise<string> {
  const run = promisify(execFile)("pulumi", [...words, "--non-interactive"], { maxBuffer: 16 * 1024 * 1024 });
  const { stdout } = await run.catch((error: unknown) => {
    const said = (error as { stderr?: string }).stderr ?? String(error);
    throw new UsageError(said.replace(/^error: /gm, "").trim());
  });
  return stdout;
}
