import * as pulumi from "@pulumi/pulumi";

import { configurationSentence, plainError } from "../errors";
import { configSchema } from "./schema";
import type { Config, Problem } from "./types";
import { validateConfig } from "./validate";

/**
 * Reads the stack's configuration, all of it, and checks it before anything is contacted.
 *
 * @param project whose keys are read, such as `shop-ha`.
 * @throws pulumi.RunError that names every problem at once.
 */
export const loadConfig = (project: string = pulumi.getProject()): Config =>
  readConfig({
    project,
    stack: pulumi.getStack(),
    values: pulumi.runtime.allConfig(),
    isSecret: isConfigSecret,
  });

export interface ConfigSource {
  readonly project: string;
  readonly stack: string;
  /** By their whole keys, such as `shop-ha:hosts`; structured ones as JSON. */
  readonly values: Readonly<Record<string, string>>;
  readonly isSecret: (name: string) => boolean;
}

/** The same for those who aren't a Pulumi program. @throws pulumi.RunError that names every problem at once. */
export function readConfig({ project, stack, values, isSecret }: ConfigSource): Config {
  const { raw, problems } = readRaw(project, values, isSecret);
  const validation = validateConfig(withOverrides(raw, process.env));
  if (validation.kind === "valid" && problems.length === 0) return validation.config;
  const found = validation.kind === "invalid" ? validation.problems : [];
  throw plainError(
    new pulumi.RunError(configurationSentence(project, stack, [...problems, ...notAlready(found, problems)])),
  );
}

/** Of a value that is in the wrong place nothing more is said: what is wrong within might show what is secret. */
const notAlready = (found: readonly Problem[], known: readonly Problem[]): Problem[] =>
  found.filter(({ key }) => !known.some((other) => key.split(/[.[]/)[0] === other.key));

type SchemaProperty = { readonly type: string; readonly secret?: boolean };

// `config.get…` warns of each secret that is read as plain text; here every value is needed as such, to check it.
function readRaw(
  project: string,
  all: Readonly<Record<string, string>>,
  isEncrypted: (name: string) => boolean,
): { raw: Record<string, unknown>; problems: Problem[] } {
  const raw: Record<string, unknown> = {};
  const problems: Problem[] = [];
  const properties: Readonly<Record<string, SchemaProperty>> = configSchema.properties;
  for (const [name, text] of Object.entries(all)) {
    if (!name.startsWith(`${project}:`)) continue;
    const key = name.slice(project.length + 1);
    const property = properties[key];
    const isSecret = isEncrypted(name);
    if (property?.secret && !isSecret) {
      problems.push({
        key,
        message: `must be encrypted: pulumi config set --secret ${name} …`,
      });
    }
    if (property !== undefined && !property.secret && isSecret) {
      problems.push({ key, message: "must not be secret as a whole; secrets belong into secretEnvironment" });
    }
    raw[key] = parse(text, property?.type);
  }
  return { raw, problems };
}

function isConfigSecret(name: string): boolean {
  const { isConfigSecret: lookUp } = pulumi.runtime as unknown as {
    isConfigSecret?: (key: string) => boolean;
  };
  return lookUp?.(name) ?? false;
}

/** Structured values arrive as JSON; text which isn't is left for the schema to refuse. */
function parse(text: string, type: string | undefined): unknown {
  if (type === "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function withOverrides(raw: Record<string, unknown>, env: NodeJS.ProcessEnv): Record<string, unknown> {
  const drift = env["PULUMI_SYSTEMD_HA_DRIFT"];
  if (drift === undefined || drift === "") return raw;
  if (!["correct", "report", "off"].includes(drift)) {
    throw plainError(
      new pulumi.RunError(`PULUMI_SYSTEMD_HA_DRIFT is ${drift}; it must be correct, report or off`),
    );
  }
  return { ...raw, drift };
}
