import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, LOG, PROXY, runCheck, SERVICE, TIMER } from "../support/seedCommands";

/** What became of a host's time: every fault that is made here is told, with its cause and a length that fits. */
let host: DisposableHost;
let program: Program;
let folder: string;

interface Incident {
  readonly from: string;
  readonly to?: string;
  readonly durationMs: number;
  readonly isExact: boolean;
  readonly isCounted: boolean;
  readonly detected?: { readonly at: string; readonly by: string };
  readonly mendedBy?: string;
  readonly causes: readonly string[];
}
interface Report {
  readonly code: number;
  readonly from: string;
  readonly summary: Readonly<Record<string, number>>;
  readonly incidents: readonly Incident[];
  readonly timeline: readonly { readonly from: string; readonly to: string; readonly state: string }[];
  readonly exactness: readonly string[];
}

/** The page as a whole keeps within it. */
const SINCE = ["--since", "1h"];

async function report(...words: string[]): Promise<Report> {
  const { text, exitCode } = await program.script("report", "--json", ...SINCE, ...words);
  expect([0, 1]).toContain(exitCode);
  const [first] = (JSON.parse(text) as { hosts: Report[] }).hosts;
  if (first === undefined) throw new Error(text);
  expect(first.code).toBe(exitCode);
  return first;
}

/** The last counted incident. */
async function newest(): Promise<Incident> {
  const { incidents } = await report();
  const incident = incidents.filter(({ isCounted }) => isCounted).at(-1);
  if (incident === undefined) throw new Error("no incident");
  return incident;
}

const seconds = ({ durationMs }: Incident): number => durationMs / 1000;
const pause = (ms = 4_000) => new Promise((resolve) => setTimeout(resolve, ms));
const serves = () => eventually(40, "it serves", () => answers(host, 8087));

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "pulumi-systemd-ha-report-"));
  [host] = (await bootHosts(["report"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  await program.change("rps-ha:service", (service) => ({
    ...service,
    healthyWithinSec: 6,
    confirmWithinSec: 20,
  }));
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 2, retries: 0 }));
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
  await rm(folder, { recursive: true });
});

test("a host that was just provisioned was up ever since, and nothing is known of before", async () => {
  const { summary, incidents, timeline, exactness } = await report();
  expect(summary).toMatchObject({ availability: 1, downMs: 0, maintenanceMs: 0 });
  expect(incidents).toEqual([]);
  expect(timeline.map(({ state }) => state)).toEqual(["unknown", "up"]);
  expect(exactness.join(" ")).toContain("Nothing is known before");
});

describe("told with cause, detection, duration and who ended it", () => {
  test("a killed process: systemd notices and ends it, after RestartSec=", async () => {
    await host.exec(`systemctl kill --signal=KILL ${SERVICE}`);
    await pause();
    await serves();
    const incident = await newest();
    expect(incident).toMatchObject({
      causes: [`${SERVICE} was killed by SIGKILL`],
      ...{ isExact: true, mendedBy: "systemd", detected: { at: incident.from, by: "systemd" } },
    });
    expect(seconds(incident)).toBeGreaterThan(9.9);
    expect(seconds(incident)).toBeLessThan(14);
  });

  test("a proxy that was stopped by hand: the health check notices and ends it", async () => {
    await pause();
    await host.exec(`systemctl stop ${PROXY}; sleep 5; systemctl start rps-health-check.service`);
    await serves();
    const incident = await newest();
    expect(incident).toMatchObject({
      ...{ causes: [`${PROXY} was stopped by hand`], isExact: true, mendedBy: "health check" },
      detected: { by: "health check" },
    });
    expect(seconds(incident)).toBeGreaterThan(5);
    expect(seconds(incident)).toBeLessThan(12);
  });

  test("a service that was stopped by hand, mended by a check by hand, which only the log knows", async () => {
    await pause();
    await host.exec(`systemctl stop ${SERVICE}`);
    await runCheck(host);
    const incident = await newest();
    expect(incident).toMatchObject({
      ...{ causes: [`${SERVICE} was stopped by hand`], isExact: true, mendedBy: "health check" },
      detected: { by: "health check" },
    });
    expect(seconds(incident)).toBeLessThan(8);
  });

  test("a process that hangs: down since the last good sign, for all that is known", async () => {
    // Another failure of the same unit within half a minute would be a part of the former one.
    await pause(30_000);
    // Its first check, two minutes after the boot, could come between.
    await host.exec(`systemctl stop ${TIMER}; systemctl start rps-health-check.service`);
    await pause(6_000);
    await host.exec(`systemctl kill --signal=STOP ${SERVICE}; systemctl start rps-health-check.service`, {
      reject: false,
    });
    await serves();
    await host.exec(`systemctl start rps-health-check.service; systemctl start ${TIMER}`);
    const { summary } = await report();
    const incident = await newest();
    expect(incident).toMatchObject({
      isExact: false,
      mendedBy: "health check",
      detected: { by: "health check" },
    });
    expect(incident.causes).toHaveLength(1);
    expect(incident.causes[0]).toMatch(new RegExp(`^${SERVICE} didn't answer \\(.*timed out`));
    expect(seconds(incident)).toBeGreaterThan(8);
    expect(summary["uncertainMs"]).toBeGreaterThan(6_000);
    expect(summary["availabilityAtBest"]).toBeGreaterThan(summary["availability"] ?? 1);
  });

  test("maintenance is no incident, and counts neither as up nor as down", async () => {
    await pause();
    const before = await report();
    expect((await program.script("maintenance", "on", "--reason", "a new disk")).exitCode).toBe(0);
    await host.exec(`sleep 5; systemctl start ${SERVICE}; systemctl start rps-health-check.service`);
    expect((await program.script("maintenance", "off")).exitCode).toBe(0);
    await serves();
    const after = await report();
    expect(after.incidents.length).toBe(before.incidents.length);
    expect(after.summary["downMs"]).toBe(before.summary["downMs"]);
    expect(after.summary["maintenanceMs"]).toBeGreaterThan(5_000);
    expect(after.summary["maintenanceMs"]).toBeLessThan(30_000);
  });

  test("a reboot, from the stop to the start", async () => {
    // A stop within a moment after maintenance isn't taken for its end.
    await host.reboot();
    await host.exec("systemctl start edge.service");
    await serves();
    const incident = await newest();
    expect(incident).toMatchObject({ causes: ["reboot or shutdown"], isExact: true, mendedBy: "boot" });
    expect(seconds(incident)).toBeGreaterThan(0.3);
    expect(seconds(incident)).toBeLessThan(60);
  });

  test("a power cut is told from a reboot", async () => {
    // What it hasn't written yet, a container's journal keeps over a power cut all the same.
    await host.exec("journalctl --sync");
    await host.powerCut();
    await host.exec("systemctl start edge.service");
    await serves();
    const incident = await newest();
    expect(incident.causes).toEqual(["the host went off without a shutdown"]);
    expect(incident.mendedBy).toBe("boot");
  });

  test("an update's restart", async () => {
    await program.change("rps-ha:service", (service) => ({ ...service, environment: { ROUND: "two" } }));
    expect((await program.up()).text).not.toContain("error:");
    const incident = await newest();
    expect(incident).toMatchObject({ mendedBy: "update", isExact: true });
    expect(incident.causes[0]).toMatch(/^an update to revision [0-9a-f]{16}$/);
    expect(seconds(incident)).toBeLessThan(8);
  });

  test("what goes on has no end, and the objective is missed", async () => {
    await host.exec(`systemctl stop ${SERVICE}`);
    const { incidents, code } = await report();
    const open = incidents.filter(({ isCounted }) => isCounted).at(-1);
    expect(open?.causes).toEqual([`${SERVICE} was stopped by hand`]);
    expect(open).not.toHaveProperty("to");
    expect(code).toBe(1);
    await runCheck(host);
    await serves();
  });
});

describe("what it's read from", () => {
  test("the log's lines are told once where the journal has them too, and rotated ones are read", async () => {
    const before = await report();
    await host.exec(`logrotate --force /etc/logrotate.d/rps; systemctl start rps-health-check.service`);
    await host.exec(`logrotate --force /etc/logrotate.d/rps && ls ${LOG}.2.gz`);
    const after = await report();
    expect(after.incidents.map(({ causes }) => causes)).toEqual(before.incidents.map(({ causes }) => causes));
    expect(after.incidents.map(({ from }) => from)).toEqual(before.incidents.map(({ from }) => from));
  });

  test("another time zone changes nothing", async () => {
    const before = await report();
    await host.exec("timedatectl set-timezone America/St_Johns; systemctl start rps-health-check.service");
    const after = await report();
    expect(after.incidents.map(({ from }) => from)).toEqual(before.incidents.map(({ from }) => from));
  });

  test("whoever writes into the journal in systemd's name isn't believed", async () => {
    const before = await report();
    await host.exec(
      `printf 'MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15\\nUNIT=${SERVICE}\\nCOMMAND=ExecStart\\nMESSAGE=x\\n' | logger --journald`,
    );
    expect((await report()).incidents).toHaveLength(before.incidents.length);
  });

  test("where the journal isn't persistent, the log is left and it says so", async () => {
    const before = await report();
    await host.exec("rm -r /var/log/journal; systemctl restart systemd-journald");
    const after = await report();
    expect(after.exactness.join(" ")).toContain("The journal isn't persistent");
    const hung = ({ causes }: Incident) => /didn't answer/.test(causes[0] ?? "");
    expect(after.incidents.filter(hung)).toHaveLength(before.incidents.filter(hung).length);
    expect((await program.script("doctor")).text).toContain("the journal isn't persistent");
  });
});

describe("as a program", () => {
  test("the table and the page tell the same", async () => {
    const file = join(folder, "report.html");
    const { text } = await program.script("report", ...SINCE, "--html", file, "--objective", "50");
    expect(text).toMatch(/availability \d+\.\d{3} % \(at best .*, the objective of 50 % is/);
    expect(text).toContain("BEGAN (UTC)");
    const page = await readFile(file, "utf8");
    for (const cause of ["didn&#x27;t answer", "The journal isn&#x27;t persistent"])
      expect(page).toContain(cause);
  });

  test("wrong words end with 2, an unreachable host with 3, another stack's with 4", async () => {
    for (const words of [
      ["--since", "yesterday"],
      ["--objective", "101"],
      ["--host", "nobody"],
      ["--html", "/none/x"],
    ]) {
      expect((await program.script("report", ...words)).exitCode).toBe(2);
    }
    const other = await Program.forHosts([host], "deploy", {}, "other");
    const { exitCode, text } = await other.script("report");
    expect(text).toContain("belongs to stack rps-ha/test");
    expect(exitCode).toBe(4);
    await other.close();
    await host.exec("systemctl stop ssh.socket ssh.service");
    expect((await program.script("report")).exitCode).toBe(3);
  });
});
