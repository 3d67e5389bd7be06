import type { Config, HostConfig, Problem, ServiceConfig } from "./types";

type Rule = (config: Config) => readonly Problem[];

/**
 * What a schema can't say: rules across keys, and values that no target format could carry.
 *
 * @param shape what the schema refused already: a rule runs where the keys it reads have their shape.
 */
export function rules(config: Config, shape: readonly Problem[]): Problem[] {
  const isBroken = (key: string) =>
    shape.some(
      (problem) =>
        problem.key === key || problem.key.startsWith(`${key}.`) || problem.key.startsWith(`${key}[`),
    );
  const isHostBroken = shape.some(({ key }) => /^(hosts(\[\d+\])?)?$/.test(key));
  const isServiceBroken = ["service", "proxy", "tunnel", "healthCheck", "secretEnvironment"].some(isBroken);
  return [
    ...(isHostBroken ? [] : hostRules(config)),
    ...(isServiceBroken
      ? []
      : [serviceRules, proxyRules, secretRules, textRules].flatMap((rule) => rule(config))),
    ...unsupported(config),
  ];
}

const hostRules: Rule = ({ hosts }) =>
  hosts.flatMap((host, index) => {
    const key = `hosts[${index}]`;
    const problems: Problem[] = [];
    if (hosts.findIndex(({ name }) => name === host.name) < index) {
      problems.push({ key: `${key}.name`, message: `must be unique, "${host.name}" is there twice` });
    }
    if (host.hostKey === undefined && !host.insecureIgnoreHostKey) {
      problems.push({ key: `${key}.hostKey`, message: `is required: ${howToGetHostKey(host)}` });
    }
    if (host.hostKey !== undefined && host.insecureIgnoreHostKey) {
      problems.push({
        key: `${key}.insecureIgnoreHostKey`,
        message: "contradicts hostKey; remove one of the two",
      });
    }
    return problems;
  });

/** The command is ready to paste; what it prints must still be compared with what the server's console shows. */
function howToGetHostKey({ address, port }: Partial<HostConfig>): string {
  const scan = `ssh-keyscan -t ed25519${port === 22 ? "" : ` -p ${String(port)}`} ${address ?? "ADDRESS"}`;
  return `the server's public key; print it with \`${scan} | cut -d' ' -f2-\` and compare it with /etc/ssh/ssh_host_ed25519_key.pub on the server`;
}

/** systemd reads `@`, `-`, `:`, `+` and `!` before the path as prefixes, and neither unquotes nor unescapes it. */
const EXECUTABLE = /^(\/[A-Za-z0-9._@+-]+)+$/;

const serviceRules: Rule = ({ service }) => {
  const problems: Problem[] = [];
  const together = service.healthyWithinSec + service.confirmWithinSec;
  if (together > 100) {
    problems.push({
      key: "service.confirmWithinSec",
      message: `must be, together with healthyWithinSec, at most 100 seconds, got ${together}`,
    });
  }
  if (!EXECUTABLE.test(service.exec[0] ?? "")) {
    problems.push({
      key: "service.exec[0]",
      message: `must be the absolute path of an executable, got ${JSON.stringify(service.exec[0])} (example: /usr/bin/gunicorn)`,
    });
  }
  if (service.directory.split("/").length < 3) {
    problems.push({
      key: "service.directory",
      message: `must lie at least two levels deep, got "${service.directory}" (example: /var/www/rps.pan2.app)`,
    });
  }
  if (service.user === "root") {
    problems.push({
      key: "service.user",
      message: "must not be root: the service would need no rights to lose (example: www-data)",
    });
  }
  return problems;
};

const proxyRules: Rule = ({ service, proxy, tunnel }) => {
  const problems: Problem[] = [];
  const own = `${service.name}.service`;
  if (proxy?.port === service.port) {
    problems.push({ key: "proxy.port", message: `must differ from service.port, both are ${service.port}` });
  }
  for (const [key, unit] of [
    ["proxy.unit", proxy?.unit],
    ["tunnel.unit", tunnel?.unit],
  ] as const) {
    if (unit === own) problems.push({ key, message: `must not be the service itself, got "${unit}"` });
  }
  if (proxy !== undefined && proxy.unit === tunnel?.unit) {
    problems.push({ key: "tunnel.unit", message: `must differ from proxy.unit, both are "${proxy.unit}"` });
  }
  return problems;
};

const SECRET_NAME = /(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|PRIVATE_?KEY|API_?KEY|CREDENTIAL)/i;
const SECRET_VALUE = /-----BEGIN [A-Z ]*PRIVATE KEY-----|:\/\/[^/\s:@]*:[^/\s@]+@/;

/** Plain values end up in world-readable files and in every preview. */
const secretRules: Rule = ({ service }) => [
  ...Object.entries(service.environment)
    .filter(([name, value]) => SECRET_NAME.test(name) || SECRET_VALUE.test(value))
    .map(([name]) => ({
      key: `service.environment.${name}`,
      message: "looks like a secret; move it to secretEnvironment, which is encrypted",
    })),
  ...service.exec.flatMap((word, index) =>
    SECRET_VALUE.test(word) || new RegExp(`^--?[a-z-]*${SECRET_NAME.source}[a-z-]*=.`, "i").test(word)
      ? [
          {
            key: `service.exec[${index}]`,
            message:
              "looks like a secret, and everybody on the host can read it; pass it by secretEnvironment",
          },
        ]
      : [],
  ),
];

// eslint-disable-next-line no-control-regex -- control characters are what this is about
const CONTROL = /[\u0000-\u001f\u007f]/;
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** Unit files carry one line a directive; nothing with a line break or a control character can be meant. */
const textRules: Rule = (config) => {
  const { service, healthCheck, secretEnvironment = {} } = config;
  const texts: [string, string][] = [
    ["service.description", service.description],
    ["healthCheck.expectText", healthCheck.expectText ?? ""],
    ...service.exec.map((word, index): [string, string] => [`service.exec[${index}]`, word]),
    ...Object.entries(service.environment).map(([name, value]): [string, string] => [
      `service.environment.${name}`,
      value,
    ]),
    ...Object.entries(secretEnvironment).map(([name, value]): [string, string] => [
      `secretEnvironment.${name}`,
      value,
    ]),
  ];
  return [
    ...texts
      .filter(([, text]) => CONTROL.test(text) || !text.isWellFormed())
      .map(([key]) => ({ key, message: "must be one line without control characters" })),
    // At the end of a line of a unit file, a backslash joins the next line to it.
    ...(service.description.endsWith("\\")
      ? [{ key: "service.description", message: "must not end with a backslash" }]
      : []),
    ...environmentNames(service, secretEnvironment),
  ];
};

function environmentNames(service: ServiceConfig, secrets: object): Problem[] {
  return [
    ...Object.keys(service.environment).map((name) => ["service.environment", name] as const),
    ...Object.keys(secrets).map((name) => ["secretEnvironment", name] as const),
  ].flatMap(([group, name]) => {
    const key = `${group}.${name}`;
    if (!ENVIRONMENT_NAME.test(name)) {
      return [{ key, message: "must be named with letters, digits and _ only, not starting with a digit" }];
    }
    return group === "secretEnvironment" && name in service.environment
      ? [{ key, message: "is also in service.environment; remove one of the two" }]
      : [];
  });
}

/** Keys of the contract whose feature isn't built yet: accepting them without effect would be a lie. */
const unsupported: Rule = (config) =>
  [
    config.alerts !== undefined && "alerts",
    config.maintenance && "maintenance",
    (config.service as Partial<ServiceConfig> | undefined)?.previousName !== undefined &&
      "service.previousName",
  ]
    .filter((key) => key !== false)
    .map((key) => ({ key, message: "isn't supported by this version yet; remove it" }));
