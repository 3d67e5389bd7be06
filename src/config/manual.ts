import { configSchema } from "./schema";

/** A schema as the manual reads it. */
interface Described {
  readonly type?: string | readonly string[];
  readonly expects?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
  readonly secret?: boolean;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Described>>;
  readonly items?: Described;
}

/**
 * docs/configuration.md: every key as the schema describes it, and the stack's outputs. Pure.
 *
 * @param project whose name stands before each key, such as `shop-ha`.
 */
export const renderManual = (project: string): string =>
  [introduction(project), ...sections("", configSchema), OUTPUTS].join("\n");

const introduction = (project: string): string => `# Configuration

What a stack manages is in \`Pulumi.<stack>.yaml\`. Every key has the project's name in front, \`${project}:service\`; keys within
an object have not. All of it is checked before any host is contacted, and all problems are listed at once. A bare number
is in seconds, a text such as \`5min\` is a [time span of systemd](https://www.freedesktop.org/software/systemd/man/latest/systemd.time.html).

\`\`\`yaml
config:
  ${project}:hosts:
    - name: web1
      address: 203.0.113.10
      user: deploy
      hostKey: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEXAMPLEexampleEXAMPLEexampleEXAMPLEexampleEXA
  ${project}:sshPrivateKey:
    secure: AAABAL…
  ${project}:service:
    name: shop
    directory: /var/www/shop
    user: www-data
    type: notify
    exec: [/usr/bin/gunicorn, --bind, "127.0.0.1:5137", "app:app"]
    port: 5137
  ${project}:secretEnvironment:
    secure: AAABAI…
  ${project}:proxy:
    unit: apache2.service
    port: 8087
  ${project}:healthCheck:
    externalUrl: https://shop.example
\`\`\`

A line at a time it goes with \`pulumi config set --path '${project}:service.port' 5137\`. Secrets are encrypted by
\`pulumi config set --secret ${project}:sshPrivateKey < ~/.ssh/id_ed25519\` and
\`pulumi config set --secret ${project}:secretEnvironment < secrets.json\`; in plain text they are refused.

_This page is made from the schema in \`src/config/\`; \`npx vitest run --project unit -u\` renews it._
`;

/** A table for an object, then those for the objects in it. */
function sections(key: string, { properties = {}, required = [] }: Described): string[] {
  const rows = Object.entries(properties).map(([name, property]) =>
    row([
      code(name),
      property.expects ?? "",
      defaultOf(property, required.includes(name)),
      property.examples === undefined ? "" : code(shown(property.examples[0])),
      meaning(join(key, name), property),
    ]),
  );
  return [
    `## ${key === "" ? "The stack's keys" : code(key)}\n`,
    row(["Key", "What it is", "Default", "Example", "Meaning"]),
    row(["---", "---", "---", "---", "---"]),
    ...rows,
    "",
    ...Object.entries(properties).flatMap(([name, property]) => nested(join(key, name), property)),
  ];
}

function nested(key: string, property: Described): string[] {
  if (property.properties !== undefined) return sections(key, property);
  return property.items?.properties === undefined ? [] : sections(`${key}[]`, property.items);
}

function defaultOf({ default: given, properties }: Described, isRequired: boolean): string {
  if (isRequired) return "**required**";
  if (given === undefined) return "none";
  return properties === undefined ? code(shown(given)) : "its keys' defaults";
}

function meaning(key: string, property: Described): string {
  const [table] = nested(key, property);
  return [
    property.secret ? "**Secret.**" : "",
    property.description ?? "",
    table === undefined ? "" : `See [below](#${anchor(table)}).`,
  ]
    .filter((part) => part !== "")
    .join(" ");
}

const join = (key: string, name: string): string => (key === "" ? name : `${key}.${name}`);
const row = (cells: readonly string[]): string =>
  `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
const code = (text: string): string => `\`${text}\``;
const shown = (value: unknown): string =>
  typeof value === "string" && value !== "" ? value : JSON.stringify(value);
/** As GitHub makes it of a heading. */
const anchor = (heading: string): string => heading.toLowerCase().replace(/[^a-z0-9_-]/g, "");

/** What `src/outputs.ts` says of each, for who reads `pulumi stack output --json`. */
const OUTPUTS = `## The stack's outputs

\`pulumi stack output --json\` has one object, \`hosts\`, with these for every host by its name:

| Output | What it is |
| --- | --- |
| \`address\` | Where the host was reached. |
| \`revision\` | Of the configuration that was confirmed: equal revisions are equal files, modes, owners and units. |
| \`units.<unit>.enabled\`, \`.active\` | What \`systemctl is-enabled\` and \`is-active\` said in the last \`pulumi up\` that changed anything. |
| \`healthCheck.passed\` | Whether the local layers were healthy then; an \`up\` fails otherwise. In maintenance false: nothing was asked. |
| \`healthCheck.time\` | When, in ISO 8601 with the host's offset. |
| \`healthCheck.external\` | \`ok\`, \`not configured\`, \`not checked\` (in maintenance), or why the external URL failed, which is a warning only. |
| \`healthCheck.log\` | The lines which that run wrote to \`logs/health-check.log\`. |
| \`files.<path>.sha256\`, \`.mode\`, \`.owner\` | Every managed file, without logs and without the file of secrets. |
| \`drift\` | What was found to differ from the configuration, a sentence each; empty if nothing. |
| \`maintenance\` | Whether the service is kept stopped on purpose, by the configuration or an operator. |
| \`commands.status\`, \`.logs\`, \`.healthCheck\`, \`.timers\`, \`.maintenanceOn\`, \`.maintenanceOff\` | Shell lines for your own machine, ready to paste. |
`;
