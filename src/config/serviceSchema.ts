import { MANUAL, NAME, PATH, ACCOUNT, HTTP_PATH, port, timeSpan } from "./leaves";

/** What the component takes for the service; see the fields' descriptions. */
export const serviceSchema = {
  type: "object",
  additionalProperties: false,
  required: ["name", "directory", "user", "exec", "port"],
  expects: "an object that describes the service",
  properties: {
    name: {
      type: "string",
      pattern: NAME,
      expects: "a short name of a-z, 0-9, _ and -",
      examples: ["shop"],
      description: "`shop` makes shop.service, shop-health-check.service and shop-health-check.timer.",
    },
    previousName: {
      type: "string",
      pattern: NAME,
      expects: "the name which the service had before",
      examples: ["store"],
      description:
        "Renames the service in one transaction: the former one stops and goes, this one takes its place. May stay; without effect once done.",
    },
    description: {
      type: "string",
      maxLength: 200,
      default: "",
      expects: "one line of text",
      examples: ["Online shop"],
      description: `The unit's Description=, see [systemd.unit](${MANUAL}/systemd.unit.html). Default: the name.`,
    },
    directory: {
      type: "string",
      pattern: PATH,
      expects: "an absolute path of letters, digits and ._@+- that ends without a slash",
      examples: ["/var/www/shop"],
      description: "The application's directory, which must exist; `bin/` and `logs/` are made in it.",
    },
    user: {
      type: "string",
      pattern: ACCOUNT,
      expects: "the name of an existing user",
      examples: ["www-data"],
      description: "Runs the service; must exist.",
    },
    group: {
      type: "string",
      pattern: ACCOUNT,
      expects: "the name of an existing group",
      examples: ["www-data"],
      description: "Default: the group named like the user.",
    },
    type: {
      type: "string",
      enum: ["exec", "notify"],
      default: "exec",
      expects: "exec or notify (Gunicorn 20 and newer notifies)",
      examples: ["notify"],
      description: `Type= of [systemd.service](${MANUAL}/systemd.service.html).`,
    },
    exec: {
      type: "array",
      minItems: 1,
      expects: "a list of words, the first an absolute path; not a shell line",
      examples: [["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137", "app:app"]],
      description: "The service's argument vector. Every word arrives literally: no shell, no `$`, no `%`.",
      items: {
        type: "string",
        expects: "text",
        examples: ["--bind"],
        description: "One word.",
      },
    },
    environment: {
      type: "object",
      default: {},
      expects: "an object of texts",
      examples: [{ FLASK_ENV: "production" }],
      description: "The service's environment; what is secret belongs into `secretEnvironment`.",
      additionalProperties: { type: "string", expects: "text", examples: ["production"] },
    },
    port: { ...port, examples: [5137], description: "Where the service answers HTTP on 127.0.0.1." },
    path: {
      type: "string",
      pattern: HTTP_PATH,
      default: "/",
      expects: "a path that begins with /",
      examples: ["/"],
      description: "What the health check asks the service for.",
    },
    restartSec: {
      ...timeSpan,
      default: 10,
      examples: [10],
      description: "Waits this long before a restart.",
    },
    logReopenSignal: {
      type: "string",
      enum: ["HUP", "USR1", "USR2"],
      expects: "HUP, USR1 or USR2",
      examples: ["USR1"],
      description:
        "Set: the process writes logs/NAME.log and logs/NAME-error.log itself and reopens them at this signal, so rotation loses nothing. " +
        "Not set: systemd appends stdout and stderr to them, rotation copies and truncates, which may lose lines; see [Logs](operations.md#logs).",
    },
    healthyWithinSec: {
      type: "integer",
      minimum: 1,
      maximum: 99,
      default: 30,
      expects: "seconds from 1 to 99",
      examples: [30],
      description: "An `up` fails when the local layers aren't healthy this long after the start.",
    },
    confirmWithinSec: {
      type: "integer",
      minimum: 1,
      maximum: 99,
      default: 60,
      expects: "seconds from 1 to 99; together with healthyWithinSec at most 100",
      examples: [60],
      description:
        "How long an update may stay without its confirmation; the timer's health check skips so long.",
    },
  },
} as const;
