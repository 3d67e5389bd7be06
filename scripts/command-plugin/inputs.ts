import { isObject, isSecret, isUnknown, secret, type Value, type Values } from "./values";

/** One hop of SSH. The names and defaults are those of `remote.Command` in @pulumi/command 1.2.1. */
export interface Hop {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  readonly privateKey?: string;
  readonly privateKeyPassword?: string;
  readonly agentSocketPath?: string;
  readonly hostKey?: string;
  /** Failed attempts that are forgiven; below 0: all of them. */
  readonly dialErrorLimit: number;
  /** Seconds; 0 means no limit. */
  readonly perDialTimeout: number;
}

export interface Connection extends Hop {
  readonly proxy?: Hop;
}

export type Logging = (typeof LOGGING)[number];

export interface CommandInputs {
  readonly create?: string;
  readonly update?: string;
  readonly delete?: string;
  readonly stdin?: string;
  readonly logging?: Logging;
  readonly environment?: Readonly<Record<string, string>>;
  readonly addPreviousOutputInEnv?: boolean;
  readonly triggers?: readonly Value[];
  readonly connection: Connection;
}

const LOGGING = ["stdout", "stderr", "stdoutAndStderr", "none"] as const;

interface Field {
  readonly kind: "text" | "number" | "integer" | "boolean" | "list" | "texts" | "fields";
  readonly isRequired?: true;
  readonly isSecret?: true;
  readonly default?: Value;
  readonly allowed?: readonly string[];
  readonly fields?: Fields;
}
type Fields = Readonly<Record<string, Field>>;

const HOP: Fields = {
  host: { kind: "text", isRequired: true },
  port: { kind: "number", default: 22 },
  user: { kind: "text", default: "root" },
  password: { kind: "text", isSecret: true },
  privateKey: { kind: "text", isSecret: true },
  privateKeyPassword: { kind: "text", isSecret: true },
  agentSocketPath: { kind: "text" },
  hostKey: { kind: "text" },
  dialErrorLimit: { kind: "integer", default: 10 },
  perDialTimeout: { kind: "integer", default: 15 },
};

const COMMAND: Fields = {
  create: { kind: "text" },
  update: { kind: "text" },
  delete: { kind: "text" },
  stdin: { kind: "text" },
  logging: { kind: "text", allowed: LOGGING },
  environment: { kind: "texts" },
  addPreviousOutputInEnv: { kind: "boolean" },
  triggers: { kind: "list" },
  connection: {
    kind: "fields",
    isRequired: true,
    isSecret: true,
    fields: { ...HOP, proxy: { kind: "fields", fields: HOP } },
  },
};

export interface CheckedInputs {
  readonly inputs: Values;
  /** Sentences that name the input but never quote its value, which may be a key or a password. */
  readonly problems: readonly string[];
}

/** Every problem at once; where there is none, the inputs with defaults filled in and secrets marked. */
export function checkInputs(inputs: Values): CheckedInputs {
  const problems: string[] = [];
  return { inputs: checkFields(inputs, COMMAND, "", problems), problems };
}

function checkFields(values: Values, fields: Fields, prefix: string, problems: string[]): Values {
  for (const key of Object.keys(values)) {
    if (!(key in fields)) {
      problems.push(`${prefix}${key}: unknown input (known: ${Object.keys(fields).join(", ")})`);
    }
  }
  const checked: Record<string, Value> = {};
  for (const [key, field] of Object.entries(fields)) {
    const value = values[key] ?? field.default;
    if (value !== undefined) checked[key] = checkValue(value, field, `${prefix}${key}`, problems);
    else if (field.isRequired) problems.push(`${prefix}${key}: missing`);
  }
  return checked;
}

function checkValue(value: Value, field: Field, path: string, problems: string[]): Value {
  if (isSecret(value)) return secret(checkValue(value.value, { ...field, isSecret: true }, path, problems));
  const checked = isUnknown(value) ? value : checkKnown(value, field, path, problems);
  return field.isSecret ? secret(checked) : checked;
}

function checkKnown(value: Value, field: Field, path: string, problems: string[]): Value {
  if (field.kind === "fields" && isObject(value)) {
    return checkFields(value, field.fields ?? {}, `${path}.`, problems);
  }
  const expected = mismatch(value, field);
  if (expected !== undefined) problems.push(`${path}: must be ${expected}`);
  return value;
}

/** What the value should have been, or undefined if it is that. */
function mismatch(value: Value, field: Field): string | undefined {
  switch (field.kind) {
    case "text":
      if (typeof value !== "string") return "a string";
      if (field.allowed && !field.allowed.includes(value)) return `one of ${field.allowed.join(", ")}`;
      return undefined;
    case "number":
      return typeof value === "number" ? undefined : "a number";
    case "integer":
      return Number.isInteger(value) ? undefined : "a whole number";
    case "boolean":
      return typeof value === "boolean" ? undefined : "true or false";
    case "list":
      return Array.isArray(value) ? undefined : "a list";
    case "texts":
      return isObject(value) && Object.values(value).every(isText) ? undefined : "an object of strings";
    case "fields":
      return "an object";
  }
}

function isText(value: Value): boolean {
  return typeof (isSecret(value) ? value.value : value) === "string";
}
