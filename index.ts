import * as pulumi from "@pulumi/pulumi";

import { connectionTo, HighlyAvailableService, loadConfig, rollOut } from "./src/index";

const config = loadConfig();

/** Every host gets the same service: the first alone, then so many at once as `rollout.parallel` says. */
const services = rollOut(
  config.hosts,
  config.rollout,
  (host, { options, otherHosts }) =>
    new HighlyAvailableService(
      `${host.name}-${config.service.name}`,
      {
        connection: pulumi.secret(connectionTo(host, config)),
        service: config.service,
        proxy: config.proxy,
        tunnel: config.tunnel,
        healthCheck: config.healthCheck,
        maintenance: config.maintenance,
        historyKeep: config.historyKeep,
        ...(config.secretEnvironment && { secretEnvironment: pulumi.secret(config.secretEnvironment) }),
        ...(config.alerts && { alerts: pulumi.secret(config.alerts) }),
        drift: config.drift,
        onDestroy: config.onDestroy,
        otherHosts,
      },
      options,
    ),
);

/** By the hosts' names: what `pulumi stack output --json` shows; see docs/configuration.md. */
export const hosts = Object.fromEntries(config.hosts.map(({ name }, index) => [name, services[index]?.host]));
