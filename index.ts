import * as pulumi from "@pulumi/pulumi";

import { type Config, type HostConfig, HighlyAvailableService, loadConfig } from "./src/index";
import type { HostConnection } from "./src/index";

const config = loadConfig();

/** Every host gets the same service: the first alone, then so many at once as `rollout.parallel` says. */
const services: HighlyAvailableService[] = [];
for (const [index, host] of config.hosts.entries()) {
  const before = services[Math.max(0, index - config.rollout.parallel)];
  services.push(
    new HighlyAvailableService(
      `${host.name}-${config.service.name}`,
      {
        connection: pulumi.secret(connectionOf(host, config)),
        service: config.service,
        proxy: config.proxy,
        tunnel: config.tunnel,
        healthCheck: config.healthCheck,
        ...(config.secretEnvironment && { secretEnvironment: pulumi.secret(config.secretEnvironment) }),
        drift: config.drift,
        onDestroy: config.onDestroy,
      },
      before === undefined ? {} : { dependsOn: before },
    ),
  );
}

function connectionOf(host: HostConfig, { sshPrivateKey, sshPrivateKeyPassphrase }: Config): HostConnection {
  const { address, port, user, hostKey, insecureIgnoreHostKey, bastion } = host;
  return {
    host: address,
    port,
    user,
    insecureIgnoreHostKey,
    ...(hostKey !== undefined && { hostKey }),
    ...(sshPrivateKey !== undefined && { privateKey: sshPrivateKey }),
    ...(sshPrivateKeyPassphrase !== undefined && { privateKeyPassphrase: sshPrivateKeyPassphrase }),
    ...(bastion && { bastion: { ...bastion, host: bastion.address } }),
  };
}

/** By the hosts' names: what `pulumi stack output --json` shows; see docs/configuration.md. */
export const hosts = Object.fromEntries(config.hosts.map(({ name }, index) => [name, services[index]?.host]));
