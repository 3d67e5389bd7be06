/** Every path and unit name on the host, once. */
const SYSTEMD = "/etc/systemd/system";

/** Where the host-side helper lies; shared by the services of a host. */
export const HELPER_ROOT = "/usr/local/lib/pulumi-systemd-ha";

export const helperPath = (version: string): string => `${HELPER_ROOT}/${version}/helper`;

export const serviceUnit = (service: string): string => `${service}.service`;
export const healthCheckUnit = (service: string): string => `${service}-health-check.service`;
export const healthCheckTimer = (service: string): string => `${service}-health-check.timer`;

export const alertUnit = (service: string): string => `${service}-alert.service`;
export const recoveryUnit = (service: string): string => `${service}-recovery.service`;

/** What the helper keeps of a service. */
export const stateDirectory = (service: string): string => `/var/lib/pulumi-systemd-ha/${service}`;

export const unitPath = (unit: string): string => `${SYSTEMD}/${unit}`;
/** A unit file or a drop-in. */
export const isUnitPath = (path: string): boolean => path.startsWith(`${SYSTEMD}/`);
export const restartDropIn = (unit: string): string => `${SYSTEMD}/${unit}.d/restart.conf`;
export const logrotatePath = (service: string): string => `/etc/logrotate.d/${service}`;
/** Who is told by alerts: a file of its own, since the service is given the whole of the other one. */
export const alertsPath = (service: string): string => `/etc/pulumi-systemd-ha/${service}.alerts`;
export const secretEnvironmentPath = (service: string): string => `/etc/pulumi-systemd-ha/${service}.env`;

export const binDirectory = (directory: string): string => `${directory}/bin`;
export const logDirectory = (directory: string): string => `${directory}/logs`;
export const healthCheckScript = (directory: string): string => `${binDirectory(directory)}/health-check.sh`;
export const healthCheckLog = (directory: string): string => `${logDirectory(directory)}/health-check.log`;
export const serviceLog = (directory: string, service: string): string =>
  `${logDirectory(directory)}/${service}.log`;
export const serviceErrorLog = (directory: string, service: string): string =>
  `${logDirectory(directory)}/${service}-error.log`;
