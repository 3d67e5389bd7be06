import { refuse, type Rule } from "./rule";
import type { Config, Problem } from "./types";

/** Texts by their names; what isn't text was refused by the schema. */
const texts = (values: object): [string, string][] =>
  Object.entries(values).filter((entry): entry is [string, string] => typeof entry[1] === "string");

const SECRET_NAME = /(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY|CREDENTIAL)/i;
const SECRET_VALUE = /-----BEGIN [A-Z ]*PRIVATE KEY-----|:\/\/[^/\s:@]*:[^/\s@]+@/;
const SECRET_OPTION = new RegExp(`^--?[a-z-]*${SECRET_NAME.source}[a-z-]*=.`, "i");

/**
 * What a message says of a value that is wrong: a secret in the wrong place stays one. Long values are cut.
 *
 * @param key under which the value stands.
 */
export function gotUnlessSecret(value: unknown, key = ""): string {
  const text = JSON.stringify(value);
  if (SECRET_NAME.test(key) || SECRET_NAME.test(text) || SECRET_VALUE.test(text)) return "";
  return `, got ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`;
}

/** Plain values end up in world-readable files and in every preview. */
export const secretRules: readonly Rule[] = [
  {
    reads: ["service.environment"],
    find: ({ service }) =>
      texts(service.environment)
        .filter(([name, value]) => SECRET_NAME.test(name) || SECRET_VALUE.test(value))
        .map(([name]) => ({
          key: `service.environment.${name}`,
          message: "looks like a secret; move it to secretEnvironment, which is encrypted",
        })),
  },
  {
    reads: ["service.exec"],
    find: ({ service }) =>
      texts(service.exec)
        .filter(([, word]) => SECRET_VALUE.test(word) || SECRET_OPTION.test(word))
        .map(([index]) => ({
          key: `service.exec[${index}]`,
          message: "looks like a secret, and everybody on the host can read it; pass it by secretEnvironment",
        })),
  },
];

// eslint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f]/;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Unit files carry one line a directive; nothing with a line break or a control character can be meant. */
const textRule = (reads: string, textsOf: (config: Config) => [key: string, text: string][]): Rule => ({
  reads: [reads],
  find: (config) =>
    textsOf(config)
      .filter(([, text]) => CONTROL.test(text) || !text.isWellFormed())
      .map(([key]) => ({ key, message: "must be one line without control characters" })),
});

const below = (group: string, values: object): [string, string][] =>
  texts(values).map(([name, text]) => [`${group}.${name}`, text]);

export const textRules: readonly Rule[] = [
  textRule("service.description", ({ service }) => [["service.description", service.description]]),
  textRule("healthCheck.expectText", ({ healthCheck }) => [
    ["healthCheck.expectText", healthCheck.expectText ?? ""],
  ]),
  textRule("service.exec", ({ service }) =>
    texts(service.exec).map(([index, word]) => [`service.exec[${index}]`, word]),
  ),
  textRule("service.environment", ({ service }) => below("service.environment", service.environment)),
  textRule("secretEnvironment", ({ secretEnvironment = {} }) =>
    below("secretEnvironment", secretEnvironment),
  ),
  {
    // At the end of a line of a unit file, a backslash joins the next line to it; newer systemd strips blanks first.
    reads: ["service.description"],
    find: ({ service }) =>
      refuse(
        service.description.trimEnd().endsWith("\\"),
        "service.description",
        "must not end with a backslash",
      ),
  },
];

export const environmentRules: readonly Rule[] = [
  {
    reads: ["service.environment"],
    find: ({ service }) => nameProblems("service.environment", service.environment),
  },
  {
    reads: ["secretEnvironment"],
    find: ({ secretEnvironment = {} }) => nameProblems("secretEnvironment", secretEnvironment),
  },
  {
    reads: ["service.environment", "secretEnvironment"],
    find: ({ service, secretEnvironment = {} }) =>
      Object.keys(secretEnvironment)
        .filter((name) => Object.hasOwn(service.environment, name))
        .map((name) => ({
          key: `secretEnvironment.${name}`,
          message: "is also in service.environment; remove one of the two",
        })),
  },
];

const nameProblems = (group: string, values: object): Problem[] =>
  Object.keys(values)
    .filter((name) => !ENVIRONMENT_NAME.test(name))
    .map((name) => ({
      key: `${group}.${name}`,
      message: "must be named with letters, digits and _ only, not starting with a digit",
    }));
