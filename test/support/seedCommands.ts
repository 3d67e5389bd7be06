import type { DisposableHost } from "./disposableHost";

/** The seed's names on the host. */
export const SERVICE = "rps.service";
export const PROXY = "apache2.service";
export const TIMER = "rps-health-check.timer";
export const CHECK = "/var/www/rps.pan2.app/bin/health-check.sh";
export const LOGS = "/var/www/rps.pan2.app/logs";
export const LOG = `${LOGS}/health-check.log`;

/** A line of the health check's log without its time, which is checked for its form. */
export function message(line: string): string {
  const match = /^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (.*)$/.exec(line);
  if (match?.[1] === undefined) throw new Error(`not a line of the health check's log: ${line}`);
  return match[1];
}

export interface CheckRun {
  readonly exitCode: number;
  readonly messages: readonly string[];
}

/** Runs the health check by hand, as the seed's section 3 does. */
export async function runCheck(host: DisposableHost, flags = ""): Promise<CheckRun> {
  const { stdout, exitCode } = await host.exec(`${CHECK} ${flags}`, { reject: false });
  return { exitCode, messages: stdout.trim().split("\n").map(message) };
}

/** What tells whether a unit's process is still the same. */
export async function processOf(host: DisposableHost, unit: string): Promise<string> {
  const { MainPID, ActiveEnterTimestampMonotonic, NRestarts } = await host.systemctlShow(
    unit,
    "MainPID",
    "ActiveEnterTimestampMonotonic",
    "NRestarts",
  );
  return [MainPID, ActiveEnterTimestampMonotonic, NRestarts].join(" ");
}

/** Waits until the condition holds. */
export async function eventually(
  seconds: number,
  what: string,
  holds: () => Promise<boolean>,
): Promise<void> {
  const end = Date.now() + seconds * 1000;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

export async function answers(host: DisposableHost, port: number): Promise<boolean> {
  const { stdout } = await host.exec(`curl -s -m 5 http://localhost:${port}/`, { reject: false });
  return stdout.includes("Rock Paper Scissors");
}

/** Waits for the moment of an update when most has changed and nothing is confirmed. */
export const restarted = (host: DisposableHost, seconds = 60): Promise<void> =>
  eventually(seconds, "the service was restarted", async () =>
    (await host.exec("ls /var/lib/pulumi-systemd-ha/rps/transaction", { reject: false })).stdout.includes(
      "restarted",
    ),
  );

/** The steps that run in every update. */
export const TRANSACTION = [
  "install",
  "daemon-reload",
  `enable-${SERVICE}`,
  `enable-${PROXY}`,
  `enable-${TIMER}`,
  `verify-${SERVICE}`,
  `verify-${PROXY}`,
  `verify-${TIMER}`,
  "health-check",
  "confirm",
];
