import { alertsSchema } from "./alertsSchema";
import { healthCheckSchema } from "./healthCheckSchema";
import { hostSchema } from "./hostSchema";
import { PRIVATE_KEY } from "./leaves";
import { proxySchema, tunnelSchema } from "./proxySchema";
import { serviceSchema } from "./serviceSchema";

/**
 * The one description of the stack's configuration: types, defaults, validation and docs/configuration.md come from it.
 *
 * Every leaf says in `expects` what it must be; the same words stand in the error and in the manual.
 * `secret: true`: the value must be encrypted in the stack's configuration.
 */
export const configSchema = {
  type: "object",
  additionalProperties: false,
  required: ["hosts", "service"],
  properties: {
    hosts: {
      type: "array",
      minItems: 1,
      items: hostSchema,
      expects: "a list of at least one host",
      examples: [[{ name: "web1", address: "203.0.113.10", hostKey: "ssh-ed25519 AAAA…" }]],
      description: "The servers.",
    },
    sshPrivateKey: {
      type: "string",
      pattern: PRIVATE_KEY,
      secret: true,
      expects: "a whole private key in OpenSSH or PEM format, from its BEGIN line to its END line",
      description: "Key for the login; else the ssh-agent of SSH_AUTH_SOCK.",
    },
    sshPrivateKeyPassphrase: {
      type: "string",
      minLength: 1,
      secret: true,
      expects: "text",
      description: "The key's passphrase.",
    },
    service: serviceSchema,
    secretEnvironment: {
      type: "object",
      secret: true,
      additionalProperties: { type: "string", secret: true, expects: "text" },
      expects: 'an object of texts, such as {"API_TOKEN": "…"}',
      description: "Secret environment of the service: a root-only file on the host, encrypted in the state.",
    },
    proxy: proxySchema,
    tunnel: tunnelSchema,
    healthCheck: healthCheckSchema,
    alerts: alertsSchema,
    drift: {
      type: "string",
      enum: ["correct", "report", "off"],
      default: "correct",
      expects: "correct, report or off",
      examples: ["correct"],
      description: "`off`: `pulumi preview` connects to no host. PULUMI_SYSTEMD_HA_DRIFT overrides it.",
    },
    maintenance: {
      type: "boolean",
      default: false,
      expects: "true or false",
      examples: [false],
      description:
        "Keeps the service stopped on purpose, over reboots too; see [Operations](operations.md#maintenance).",
    },
    rollout: {
      type: "object",
      additionalProperties: false,
      default: {},
      expects: "an object",
      description: "How an update goes over several hosts: the first alone, then the others.",
      properties: {
        parallel: {
          type: "integer",
          minimum: 1,
          maximum: 100,
          default: 1,
          expects: "a whole number from 1 to 100",
          examples: [1],
          description: "Hosts at once after the first is healthy.",
        },
      },
    },
    historyKeep: {
      type: "integer",
      minimum: 1,
      maximum: 100,
      default: 5,
      expects: "a whole number from 1 to 100",
      examples: [5],
      description:
        "Former configurations that stay on the host beside the present one; `scripts/rollback` brings one back.",
    },
    onDestroy: {
      type: "string",
      enum: ["restore", "leave"],
      default: "restore",
      expects: "restore or leave",
      examples: ["restore"],
      description: "`leave`: `pulumi destroy` forgets the host and changes nothing on it.",
    },
  },
} as const;
