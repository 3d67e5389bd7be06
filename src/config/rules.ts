import { refuse, type Rule } from "./rule";
import { environmentRules, gotUnlessSecret, secretRules, textRules } from "./textRules";
import type { Config, HostConfig, Problem } from "./types";

/**
 * What a schema can't say: rules across keys, and values that no target format could carry.
 *
 * @param shape what the schema refused already: it hides no rule but those that read just that.
 */
export function rules(config: Config, shape: readonly Problem[]): Problem[] {
  const isLost = (read: string) =>
    shape.some(({ key }) => key === "" || key === read || read.startsWith(`${key}.`));
  return RULES.filter(({ reads }) => !reads.some(isLost)).flatMap(({ find }) => find(config));
}

function hostProblems({ hosts }: Config): Problem[] {
  const known: readonly (Partial<HostConfig> | undefined)[] = hosts.map((host: unknown) =>
    typeof host === "object" && host !== null ? host : undefined,
  );
  return known.flatMap((host, index) => {
    if (host === undefined) return [];
    const key = `hosts[${index}]`;
    const problems: Problem[] = [];
    if (typeof host.name === "string" && known.findIndex((other) => other?.name === host.name) < index) {
      problems.push({ key: `${key}.name`, message: `must be unique, "${host.name}" is there twice` });
    }
    const twin = known.findIndex((other) => other?.address === host.address && other?.port === host.port);
    if (typeof host.address === "string" && twin < index) {
      problems.push({
        key: `${key}.address`,
        message: `is that of hosts[${twin}] too: the service can't be there twice; remove one of the two`,
      });
    }
    if (host.hostKey === undefined && host.insecureIgnoreHostKey !== true) {
      problems.push({ key: `${key}.hostKey`, message: `is required: ${howToGetHostKey(host)}` });
    }
    if (host.hostKey !== undefined && host.insecureIgnoreHostKey === true) {
      problems.push({
        key: `${key}.insecureIgnoreHostKey`,
        message: "contradicts hostKey; remove one of the two",
      });
    }
    return problems;
  });
}

/** The command is ready to paste; what it prints must still be compared with what the server's console shows. */
function howToGetHostKey({ address, port }: Partial<HostConfig>): string {
  const scan = `ssh-keyscan -t ed25519${port === 22 ? "" : ` -p ${String(port)}`} ${address ?? "ADDRESS"}`;
  return `the server's public key; print it with \`${scan} | cut -d' ' -f2-\` and compare it with /etc/ssh/ssh_host_ed25519_key.pub on the server`;
}

/** systemd reads `@`, `-`, `:`, `+` and `!` before the path as prefixes, and neither unquotes nor unescapes it. */
const EXECUTABLE = /^(\/[A-Za-z0-9._@+-]+)+$/;

const serviceRules: readonly Rule[] = [
  {
    reads: ["service.name", "service.previousName"],
    find: ({ service: { name, previousName } }) =>
      refuse(
        previousName === name,
        "service.previousName",
        `must differ from service.name, both are "${name}"`,
      ),
  },
  {
    reads: ["service.name"],
    find: ({ service: { name } }) =>
      refuse(name === "health-check", "service.name", "must be another: health-check.log is our own log"),
  },
  {
    reads: ["service.healthyWithinSec", "service.confirmWithinSec"],
    find: ({ service: { healthyWithinSec, confirmWithinSec } }) =>
      refuse(
        healthyWithinSec + confirmWithinSec > 100,
        "service.confirmWithinSec",
        `must be, together with healthyWithinSec, at most 100 seconds, got ${healthyWithinSec + confirmWithinSec}`,
      ),
  },
  {
    reads: ["service.exec"],
    find: ({ service: { exec } }) =>
      refuse(
        typeof exec[0] === "string" && !EXECUTABLE.test(exec[0]),
        "service.exec[0]",
        `must be the absolute path of an executable${gotUnlessSecret(exec[0])} (example: /usr/bin/gunicorn)`,
      ),
  },
  {
    reads: ["service.directory"],
    find: ({ service: { directory } }) =>
      refuse(
        directory.split("/").length < 3,
        "service.directory",
        `must lie at least two levels deep, got "${directory}" (example: /var/www/shop)`,
      ),
  },
  {
    reads: ["service.user"],
    find: ({ service: { user } }) =>
      refuse(
        user === "root",
        "service.user",
        "must not be root: the service would need no rights to lose (example: www-data)",
      ),
  },
];

const proxyRules: readonly Rule[] = [
  {
    reads: ["proxy.port", "service.port"],
    find: ({ service, proxy }) =>
      refuse(
        proxy?.port === service.port,
        "proxy.port",
        `must differ from service.port, both are ${service.port}`,
      ),
  },
  ...(["proxy", "tunnel"] as const).map((layer) => ({
    reads: [`${layer}.unit`, "service.name"],
    find: (config: Config) =>
      refuse(
        config[layer]?.unit === `${config.service.name}.service`,
        `${layer}.unit`,
        `must not be the service itself, got "${config.service.name}.service"`,
      ),
  })),
  {
    reads: ["proxy.unit", "tunnel.unit"],
    find: ({ proxy, tunnel }) =>
      refuse(
        proxy !== undefined && proxy.unit === tunnel?.unit,
        "tunnel.unit",
        `must differ from proxy.unit, both are "${proxy?.unit ?? ""}"`,
      ),
  },
];

const RULES: readonly Rule[] = [
  { reads: ["hosts"], find: hostProblems },
  ...serviceRules,
  ...proxyRules,
  ...secretRules,
  ...textRules,
  ...environmentRules,
];
