import type { HostConnection } from "./remote/connection";
import { healthCheckTimer, serviceErrorLog, serviceLog, serviceUnit } from "./model/paths";
import type { RenderedFile } from "./model/types";

/** What a component tells of its host; `pulumi stack output --json` has it below `hosts.<name>`. */
export interface HostOutputs {
  readonly address: string;
  readonly revision: string;
  /** As the last `up` saw them: `is-enabled` and `is-active`. */
  readonly units: Readonly<Record<string, UnitOutput>>;
  readonly healthCheck: HealthCheckOutput;
  /** Managed files without logs and secret files. */
  readonly files: Readonly<Record<string, FileOutput>>;
  /** What the probe found to differ; empty if nothing. */
  readonly drift: readonly string[];
  /** Kept stopped on purpose, by the configuration or an operator. */
  readonly maintenance: boolean;
  readonly commands: CommandsOutput;
}

export interface UnitOutput {
  readonly enabled: string;
  readonly active: string;
}

export interface HealthCheckOutput {
  readonly passed: boolean;
  /** ISO 8601 with the host's offset. */
  readonly time: string;
  /** The lines which the run wrote to the health check's log. */
  readonly log: readonly string[];
  /** `ok`, `not configured`, `not checked` (in maintenance), or why the external URL failed. */
  readonly external: string;
}

export interface FileOutput {
  readonly sha256: string;
  readonly mode: string;
  readonly owner: string;
}

/** Shell lines for the operator's machine, ready to paste. */
export interface CommandsOutput {
  readonly status: string;
  readonly logs: string;
  readonly healthCheck: string;
  readonly timers: string;
  readonly maintenanceOn: string;
  readonly maintenanceOff: string;
}

/** What `helper verify` prints: lines of a word and a value. */
export function parseUnitOutput(stdout: string): UnitOutput {
  return { enabled: field(stdout, "is-enabled"), active: field(stdout, "is-active") };
}

/** Whether the last run of `helper health-check` found the service kept stopped on purpose. */
export const parseMaintenance = (stdout: string): boolean => field(stdout, "maintenance") === "yes";

/** What `helper health-check` prints: `passed`, `time`, `external` and `log` lines. */
export function parseHealthCheckOutput(stdout: string): HealthCheckOutput {
  return {
    passed: field(stdout, "passed") === "true",
    time: field(stdout, "time"),
    log: stdout
      .split("\n")
      .filter((line) => line.startsWith("log "))
      .map((line) => line.slice("log ".length)),
    external: field(stdout, "external"),
  };
}

function field(stdout: string, name: string): string {
  const line = stdout.split("\n").find((candidate) => candidate.startsWith(`${name} `));
  return line?.slice(name.length + 1) ?? "unknown";
}

export function fileOutputs(files: readonly RenderedFile[]): HostOutputs["files"] {
  return Object.fromEntries(
    files
      .filter(({ secret }) => !secret)
      .map(({ path, key, mode, owner }) => [path, { sha256: key, mode, owner }]),
  );
}

/** A shell line for the operator's machine that runs a command on the host. */
function sshLine({ host, port = 22, user = "root" }: HostConnection, command: string): string {
  return `ssh ${port === 22 ? "" : `-p ${port} `}${user}@${host} '${command}'`;
}

const sudoOf = ({ user = "root" }: HostConnection): string => (user === "root" ? "" : "sudo ");

/** Lets another stack take a service over. */
export const releaseCommand = (connection: HostConnection, service: string): string =>
  sshLine(connection, `${sudoOf(connection)}touch /var/lib/pulumi-systemd-ha/${service}/released`);

/** Sets all right on the host after a drill that was broken off. */
export const settleCommand = (connection: HostConnection, service: string, helper: string): string =>
  sshLine(connection, `${sudoOf(connection)}${helper} drill ${service} settle </dev/null`);

/** The seed's commands (sections 3 and 9) for this host. */
export function commandOutputs(
  connection: HostConnection,
  {
    service,
    directory,
    script,
    helper,
  }: { service: string; directory: string; script: string; helper: string },
): CommandsOutput {
  const unit = serviceUnit(service);
  const timer = healthCheckTimer(service);
  const sudo = sudoOf(connection);
  const ssh = (command: string) => sshLine(connection, command);
  return {
    status: ssh(`${sudo}systemctl status --no-pager ${unit} ${timer}`),
    logs: ssh(`${sudo}tail -n 50 ${serviceLog(directory, service)} ${serviceErrorLog(directory, service)}`),
    healthCheck: ssh(`${sudo}${script}`),
    timers: ssh(`systemctl list-timers --no-pager ${timer}`),
    // From a terminal they would wait for a reason.
    maintenanceOn: ssh(`${sudo}${helper} maintenance ${service} on </dev/null`),
    maintenanceOff: ssh(`${sudo}${helper} maintenance ${service} off </dev/null`),
  };
}
