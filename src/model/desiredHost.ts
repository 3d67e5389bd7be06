import type { ServiceConfig, ServiceDefinition } from "../config/types";
import * as paths from "./paths";
import type {
  DesiredHost,
  ManagedDirectory,
  ManagedFile,
  ManagedLog,
  ManagedUnit,
  TemplateName,
} from "./types";

/** Works out what the service needs on its host. Pure. */
export function desiredHost(definition: ServiceDefinition): DesiredHost {
  const { service, proxy } = definition;
  return {
    service: service.name,
    ...(service.previousName !== undefined && { previousName: service.previousName }),
    directories: directories(service),
    logs: logs(service),
    files: files(definition),
    units: units(definition),
    requirements: {
      user: service.user,
      group: groupOf(service),
      directory: service.directory,
      executable: service.exec[0] ?? "",
      port: service.port,
      unit: paths.serviceUnit(service.name),
      ...(service.previousName !== undefined && { previousUnit: paths.serviceUnit(service.previousName) }),
      isToRun: !definition.maintenance,
      hostUnits: units(definition)
        .filter(({ origin }) => origin === "host")
        .map(({ name }) => name),
      ...(proxy && { proxy: { unit: proxy.unit, port: proxy.port } }),
    },
    healthCheckScript: paths.healthCheckScript(service.directory),
    healthyWithinSec: service.healthyWithinSec,
    confirmWithinSec: service.confirmWithinSec,
    maintenance: definition.maintenance,
    historyKeep: definition.historyKeep,
    ...(definition.hasAlerts && { alertAgainAfterSec: definition.healthCheck.alertAgainAfterSec }),
  };
}

export const groupOf = ({ user, group }: ServiceConfig): string => group ?? user;

/**
 * The service's user keeps its files, but can neither swap `bin/` for one of its own, whose script root would run, nor plant a
 * link among the logs, which systemd would follow: root owns the directory, and the sticky bit protects root's entries in it.
 */
const directories = (service: ServiceConfig): ManagedDirectory[] => [
  { path: service.directory, mode: "1775", owner: `root:${groupOf(service)}` },
  { path: paths.binDirectory(service.directory), mode: "0755", owner: "root:root" },
  { path: paths.logDirectory(service.directory), mode: "0755", owner: "root:root" },
];

function logs(service: ServiceConfig): ManagedLog[] {
  const { directory, name, user } = service;
  const owner = `${user}:${groupOf(service)}`;
  return [
    { path: paths.serviceLog(directory, name), mode: "0640", owner },
    { path: paths.serviceErrorLog(directory, name), mode: "0640", owner },
    { path: paths.healthCheckLog(directory), mode: "0644", owner: "root:root" },
  ];
}

function files({
  service,
  proxy,
  tunnel,
  hasSecretEnvironment,
  hasAlerts,
}: ServiceDefinition): ManagedFile[] {
  const { name, directory } = service;
  const file = (path: string, template: TemplateName, mode = "0644", secret = false): ManagedFile => ({
    path,
    template,
    mode,
    owner: "root:root",
    secret,
  });
  return [
    // Before anything that it could have to take back.
    file(paths.unitPath(paths.recoveryUnit(name)), "recovery.service"),
    ...(hasSecretEnvironment ? [file(paths.secretEnvironmentPath(name), "secret.env", "0600", true)] : []),
    ...(hasAlerts
      ? [
          file(paths.alertsPath(name), "secret.env", "0600", true),
          file(paths.unitPath(paths.alertUnit(name)), "alert.service"),
        ]
      : []),
    file(paths.unitPath(paths.serviceUnit(name)), "app.service"),
    ...(proxy ? [file(paths.restartDropIn(proxy.unit), "proxy-restart.conf")] : []),
    ...(tunnel ? [file(paths.restartDropIn(tunnel.unit), "tunnel-restart.conf")] : []),
    file(paths.healthCheckScript(directory), "health-check.sh", "0755"),
    file(paths.unitPath(paths.healthCheckUnit(name)), "health-check.service"),
    file(paths.unitPath(paths.healthCheckTimer(name)), "health-check.timer"),
    file(paths.logrotatePath(name), "logrotate"),
  ];
}

/** Those which an update starts, each a step. */
export const startedUnits = ({ units: all }: Pick<DesiredHost, "units">): readonly ManagedUnit[] =>
  all.filter(({ role }) => role !== "recovery");

const units = ({ service, proxy, tunnel }: ServiceDefinition): ManagedUnit[] => [
  { name: paths.serviceUnit(service.name), role: "service", origin: "ours" },
  ...(proxy ? [{ name: proxy.unit, role: "proxy", origin: "host" } as const] : []),
  ...(tunnel ? [{ name: tunnel.unit, role: "tunnel", origin: "host" } as const] : []),
  { name: paths.recoveryUnit(service.name), role: "recovery", origin: "ours" },
  { name: paths.healthCheckTimer(service.name), role: "timer", origin: "ours" },
];
