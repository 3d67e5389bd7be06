import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse } from "yaml";

import type { Config, ServiceDefinition } from "../../../src/config/types";
import { validateConfig } from "../../../src/config/validate";
import { desiredHost } from "../../../src/model/desiredHost";
import type { DesiredHost, RenderedFile } from "../../../src/model/types";
import { renderFiles } from "../../../src/render/files";
import { presenceOf } from "../../../src/render/secrets";

export const CHECKOUT = resolve(__dirname, "../../..");
export const GOLDEN = join(CHECKOUT, "test/golden");

export type Raw = Record<string, unknown>;

export const HOST_KEY = `ssh-ed25519 ${"A".repeat(68)}`;

/** What the schema takes for a private key. */
export const PRIVATE_KEY =
  "-----BEGIN OPENSSH PRIVATE KEY-----\nprivate-key-body\n-----END OPENSSH PRIVATE KEY-----\n";

/** Pulumi.prod.yaml as it is, by its keys without the project's name. */
export function prodConfig(): Raw {
  const { config } = parse(readFileSync(join(CHECKOUT, "Pulumi.prod.yaml"), "utf8")) as { config: Raw };
  return Object.fromEntries(
    Object.entries(config).map(([key, value]) => [key.replace(/^rps-ha:/, ""), value]),
  );
}

/** The seed's server, with what only its owner knows. */
export function seed(): Raw {
  const raw = prodConfig();
  return {
    ...raw,
    hosts: (raw["hosts"] as Raw[]).map((host) => ({ ...host, address: "rps.example", hostKey: HOST_KEY })),
  };
}

/** Only what is required. */
export const minimal = (): Raw => ({
  hosts: [{ name: "web1", address: "203.0.113.10", hostKey: HOST_KEY }],
  service: { name: "shop", directory: "/var/www/shop", user: "shop", exec: ["/usr/bin/shop"], port: 8080 },
});

/** What every syntax that a value goes through could stumble over. */
export const HOSTILE_TEXT = `it's 50% "off" %n $HOME \${HOME} $$ $(id) \`id\` ; # & | * \\ \\n é 🎲 <x> {{x}}`;

/** Each of these alone could be something else than a word. */
const HOSTILE_WORDS = [
  "",
  " ",
  ";",
  "|",
  "@",
  "-",
  "$HOME",
  "$$",
  "%n",
  "%%",
  "\\",
  "'",
  '"',
  "`id`",
  "# no comment",
];

/** Every free text and every pattern used to its limits. */
export const hostile = (): Raw => ({
  hosts: [{ name: "h-1_x", address: "2001:db8::1", port: 2222, user: "_deploy", hostKey: HOST_KEY }],
  service: {
    name: "x-1_y",
    description: HOSTILE_TEXT,
    directory: "/srv/a@b+c/x_1.app-2",
    user: "_web-1",
    group: "www_data-2",
    exec: ["/opt/a@b+c/run_it-2.sh", ...HOSTILE_WORDS, HOSTILE_TEXT],
    environment: { PLAIN: "text", TEXT: HOSTILE_TEXT, _EMPTY: "", lower9: " blanks around " },
    port: 65535,
    path: "/a'b;$(id)&*,=!~+:@?q=%20%n&r=$$",
    restartSec: "1min 30s",
  },
  secretEnvironment: { DB_PASSWORD: HOSTILE_TEXT, ENDS_WITH_BACKSLASH: "\\", EMPTY: "" },
  alerts: {
    webhookUrl: "https://hooks.example/$(id);'x'?a=%20&b=*",
    email: "o'ps+%h@shop.example",
    pingUrl: "http://ping.example:8000/$HOME",
  },
  proxy: {
    unit: "a.b_c@d-1.service",
    port: 1,
    path: "/it's;$(id)",
    restartSec: "500ms",
    startLimitIntervalSec: 0,
  },
  tunnel: { unit: "tunnel@0.service", restartSec: "2 min" },
  healthCheck: {
    onBootSec: 0,
    onUnitActiveSec: "1h 30min",
    externalUrl: "https://shop.example:8443/$(id);'x'?a=%20&b=*",
    expectText: HOSTILE_TEXT,
  },
});

export const CONFIGS: Readonly<Record<string, () => Raw>> = { seed, minimal, hostile };

/** Checked, with its defaults. */
export function checked(raw: Raw): Config {
  const validation = validateConfig(raw);
  if (validation.kind === "invalid") throw new Error(JSON.stringify(validation.problems, undefined, 2));
  return validation.config;
}

export function definitionOf(config: Config): ServiceDefinition {
  const { service, proxy, tunnel, healthCheck, maintenance, historyKeep } = config;
  const presence = presenceOf({ environment: config.secretEnvironment, alerts: config.alerts });
  return { service, proxy, tunnel, healthCheck, maintenance, historyKeep, ...presence };
}

export const desiredOf = (raw: Raw): DesiredHost => desiredHost(definitionOf(checked(raw)));

export function filesOf(raw: Raw, stack = "project/stack"): RenderedFile[] {
  const config = checked(raw);
  const definition = definitionOf(config);
  const desired = desiredHost(definition);
  const secrets = { environment: config.secretEnvironment, alerts: config.alerts };
  return renderFiles({ definition, desired, secrets, stack });
}

/** A copy with one key set, such as `hosts[0].port`; `undefined` removes it. */
export function withKey(raw: Raw, key: string, value: unknown): Raw {
  const copy = structuredClone(raw);
  const parts = key.split(/[.[\]]+/).filter((part) => part !== "");
  const last = parts.pop() ?? "";
  const target = parts.reduce<Raw>((object, part) => (object[part] ??= {}) as Raw, copy);
  if (value === undefined) Reflect.deleteProperty(target, last);
  else target[last] = value;
  return copy;
}

/** What a user reads of a configuration: a line a problem. */
export function problemsOf(raw: unknown): string[] {
  const validation = validateConfig(raw);
  if (validation.kind === "valid") return [];
  return validation.problems.map(({ key, message }) => `${key}: ${message}`);
}
