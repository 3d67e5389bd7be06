import Ajv, { type ErrorObject, type ValidateFunction } from "ajv";

import { rules } from "./rules";
import { configSchema } from "./schema";
import { gotUnlessSecret } from "./textRules";
import type { Config, Problem, ServiceArgs, ServiceDefinition, ServiceSecrets } from "./types";

export type Validation =
  | { readonly kind: "valid"; readonly config: Config }
  | { readonly kind: "invalid"; readonly problems: readonly Problem[] };

interface Annotated {
  readonly expects?: string;
  readonly examples?: readonly unknown[];
  readonly secret?: boolean;
  readonly properties?: Readonly<Record<string, Annotated>>;
}

const ajv = new Ajv({
  allErrors: true,
  useDefaults: true,
  strict: true,
  allowUnionTypes: true,
  verbose: true,
});
ajv.addVocabulary(["expects", "secret"]);
const check: ValidateFunction<Config> = ajv.compile(configSchema);

/**
 * Checks a whole configuration and fills in the defaults; all problems are reported at once. Pure: the argument isn't changed.
 */
export function validateConfig(raw: unknown): Validation {
  const config = structuredClone(raw);
  const hasShape = check(config);
  const shape = hasShape ? [] : shapeProblems(check.errors ?? []);
  const problems = [...shape, ...rules(config as Config, shape)];
  return hasShape && problems.length === 0 ? { kind: "valid", config } : { kind: "invalid", problems };
}

function shapeProblems(errors: readonly ErrorObject[]): Problem[] {
  const problems = new Map<string, Problem>();
  for (const error of errors) {
    const problem = shapeProblem(error);
    // One key may break several keywords of the schema (type and pattern): they all give the same sentence.
    if (!problems.has(problem.key)) problems.set(problem.key, problem);
  }
  return [...problems.values()];
}

function shapeProblem(error: ErrorObject): Problem {
  const at = keyOf(error.instancePath);
  const parent = (error.parentSchema ?? {}) as Annotated;
  switch (error.keyword) {
    case "required": {
      const { missingProperty } = error.params as { missingProperty: string };
      const missing = parent.properties?.[missingProperty] ?? {};
      return { key: join(at, missingProperty), message: `is required: ${wanted(missing)}` };
    }
    case "additionalProperties": {
      const { additionalProperty } = error.params as { additionalProperty: string };
      const known = Object.keys(parent.properties ?? {}).join(", ");
      // What `pulumi config set service.port 5` makes.
      const isPath = at === "" && /[.[]/.test(additionalProperty);
      const hint = isPath ? "; for a value within a key say `pulumi config set --path`" : "";
      return { key: join(at, additionalProperty), message: `unknown key; known here: ${known}${hint}` };
    }
    default: {
      const got = parent.secret ? "" : gotUnlessSecret(error.data, at);
      return { key: at, message: `must be ${wanted(parent, got)}` };
    }
  }
}

function wanted({ expects = "a value", examples }: Annotated, got = ""): string {
  const example = examples?.[0];
  return `${expects}${got}${example === undefined ? "" : ` (example: ${plain(example)})`}`;
}

const plain = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

const join = (key: string, name: string): string => (key === "" ? name : `${key}.${name}`);

/** `/hosts/0/address` as `hosts[0].address`. */
function keyOf(pointer: string): string {
  return pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"))
    .reduce((key, part) => (/^\d+$/.test(part) ? `${key}[${part}]` : join(key, part)), "");
}

/** They are no part of a service, but of every configuration. */
const NO_HOSTS = [{ name: "host", address: "host", insecureIgnoreHostKey: true }];

/** The same for what is secret, which comes later. No problem shows a value. */
export const validateSecrets = (
  { service }: Pick<ServiceDefinition, "service">,
  { environment, alerts }: ServiceSecrets,
): Validation =>
  validateConfig({
    hosts: NO_HOSTS,
    service,
    ...(environment && { secretEnvironment: environment }),
    ...(alerts && { alerts }),
  });

/**
 * Checks what a caller of the library gives for a service, by the same schema and rules as the stack's configuration.
 */
export function validateService({
  service,
  proxy,
  tunnel,
  healthCheck = {},
  maintenance = false,
  historyKeep,
}: ServiceArgs): Validation {
  return validateConfig({
    hosts: NO_HOSTS,
    service,
    healthCheck,
    maintenance,
    ...(proxy && { proxy }),
    ...(tunnel && { tunnel }),
    ...(historyKeep !== undefined && { historyKeep }),
  });
}
