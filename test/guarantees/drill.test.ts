import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { type Configuration, Program } from "../support/program";
import { answers, eventually, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** Failures on purpose: measured from outside, judged, and the host is healthy afterwards, however it ends. */
let host: DisposableHost;
let program: Program;

const STATE = "/var/lib/pulumi-systemd-ha/rps";
const GUARD = "pulumi-systemd-ha-drill-rps.service";
const SLOW = "/usr/local/bin/slow";

interface Figure {
  readonly median: number;
  readonly worst: number;
  readonly objectiveSec?: number;
  readonly isMet?: boolean;
}
interface Drilled {
  readonly code: number;
  readonly quick: boolean;
  readonly said: readonly string[];
  readonly scenarios: readonly {
    readonly name: string;
    readonly noticedBy: string;
    readonly isMet: boolean;
    readonly detection: Figure;
    readonly recovery: Figure;
    readonly total: Figure;
    readonly rounds: readonly { readonly seen: readonly { readonly what: string }[] }[];
  }[];
}

const drill = (...words: string[]) => program.script("drill", ...words);
async function drilled(...words: string[]): Promise<{ drilled: Drilled; exitCode: number }> {
  const { stdout, stderr, exitCode = -1 } = await program.beginScript("drill", ...words, "--yes", "--json");
  const [first] = (JSON.parse(stdout || "{}") as { hosts?: Drilled[] }).hosts ?? [];
  if (first === undefined) throw new Error(stderr);
  return { drilled: first, exitCode };
}
const helper = async (words: string, input = "") =>
  host.exec(`/usr/local/lib/pulumi-systemd-ha/*/helper drill rps ${words}`, { input, reject: false });

beforeAll(async () => {
  [host] = (await bootHosts(["drill"])) as [DisposableHost];
  await host.exec("systemctl enable --now edge.service");
  program = await Program.forHosts([host], "deploy");
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 2 }));
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

afterEach(async () => {
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect(await host.systemctlShow(unit, "ActiveState")).toEqual({ ActiveState: "active" });
  }
  expect(await answers(host, 8087)).toBe(true);
  expect((await host.exec(`systemctl is-active ${GUARD}`, { reject: false })).stdout).toBe("inactive");
  // What the health check repaired in the drill doesn't count for a real failure.
  expect((await host.exec(`cat ${STATE}/repairs.* ${STATE}/drill`, { reject: false })).stdout).toBe("");
});

/** What the health check repairs. */
const BY_CHECK = { noticedBy: "check at once", isMet: true, recovery: { objectiveSec: 15 } };

test("every failure of the seed's table is made and measured, and meets its objectives", async () => {
  // The start limit comes below: it takes a restart's time thrice.
  const only = "app-crash,proxy-crash,both-stopped,app-hangs,reboot";
  const { drilled: result, exitCode } = await drilled("--only", only, "--quick");
  expect(result.said).toEqual([]);
  expect(exitCode).toBe(0);
  expect(result).toMatchObject({ code: 0, quick: true });
  expect(result.scenarios.map(({ name }) => name).join(",")).toBe(only);
  const [appCrash, proxyCrash, bothStopped, appHangs, reboot] = result.scenarios;
  for (const crash of [appCrash, proxyCrash]) {
    expect(crash).toMatchObject({ noticedBy: "systemd", isMet: true, total: { objectiveSec: 12 } });
    expect(crash?.total.worst).toBeGreaterThan(9.5);
    expect(crash?.detection.worst).toBeLessThan(1);
  }
  expect(appCrash?.rounds[0]?.seen.map(({ what }) => what)).toContain("HTTP status 503");
  expect(proxyCrash?.rounds[0]?.seen.map(({ what }) => what)).toContain("connection refused");
  for (const byCheck of [bothStopped, appHangs]) {
    expect(byCheck).toMatchObject(BY_CHECK);
    expect(byCheck?.total).not.toHaveProperty("objectiveSec");
  }
  // Three attempts of two seconds, and the pauses between them.
  expect(appHangs?.total.worst).toBeGreaterThan(7);
  expect(appHangs?.rounds[0]?.seen.map(({ what }) => what)).toContain("no answer within 2 s");
  expect(reboot).toMatchObject({ noticedBy: "boot", isMet: true, total: { objectiveSec: 180 } });
  // A container may be back before the observer has noticed that its own connection is gone.
  expect(reboot?.rounds[0]?.seen.map(({ what }) => what).join()).toMatch(
    /no connection to the host|connection refused/,
  );
});

describe("however it ends, the host is healthy", () => {
  test.each(["SIGINT", "SIGTERM"] as const)("interrupted by %s in the middle", async (signal) => {
    const running = program.beginScript("drill", "--only", "app-hangs", "--yes");
    await eventually(60, "the service hangs", async () => !(await answers(host, 8087)));
    running.kill(signal);
    const { all, exitCode } = await running;
    expect(all).toContain("interrupted: the host is set right first");
    expect(all).toContain("the host is healthy");
    expect(exitCode).toBe(130);
  });

  test("the operator's machine dies: the guard on the host does it", async () => {
    expect(await helper("arm", "stack rps-ha/test\nseconds 5\n")).toMatchObject({ exitCode: 0, stderr: "" });
    await host.exec(`systemctl stop ${PROXY}; systemctl kill --signal STOP ${SERVICE}`);
    await eventually(30, "it's set right", () => answers(host, 8087));
    await eventually(10, "the guard has ended", async () => {
      const { stdout } = await host.exec(`systemctl is-active ${GUARD}`, { reject: false });
      return stdout === "inactive";
    });
  });

  test("nobody else works on the service meanwhile", async () => {
    expect((await helper("arm", "stack rps-ha/test\nseconds 300\n")).exitCode).toBe(0);
    const [maintenance, second] = await Promise.all([program.script("maintenance", "on"), drill("--yes")]);
    expect(maintenance.text).toContain("drill guard by root since");
    expect(second.text).toContain("another drill of rps is in progress");
    expect([maintenance.exitCode, second.exitCode]).toEqual([4, 4]);
    expect((await helper("settle")).stdout).toContain("rps is healthy");
  });
});

describe("nothing is done", () => {
  test.each([
    ["for an unknown failure", ["--only", "meteorite"], 2, 'there is no failure "meteorite"'],
    ["without a terminal and --yes", [], 2, "there is no terminal to ask: say --yes"],
    ["if another stack is named", ["--production", "prod", "--yes"], 4, "the stack is test"],
    ["for a host that the stack hasn't", ["--host", "web9"], 2, "the stack has no host web9"],
  ])("%s", async (_, words, code, sentence) => {
    const { text, exitCode } = await drill(...words);
    expect(text).toContain(sentence);
    expect(exitCode).toBe(code);
  });

  test("in production, unless it's named", async () => {
    const production = await Program.forHosts([host], "deploy", {}, "prod");
    const { text, exitCode } = await production.script("drill", "--yes");
    expect(text).toContain("stack prod is production by its name");
    expect(exitCode).toBe(4);
    // The next obstacle: the host is the other stack's.
    const named = await production.script("drill", "--yes", "--production", "prod");
    expect(named.text).toContain("belongs to stack rps-ha/test");
    expect(named.exitCode).toBe(4);
    await production.close();
  });

  test("in maintenance", async () => {
    expect((await program.script("maintenance", "on", "--reason", "a new disk")).exitCode).toBe(0);
    const { text, exitCode } = await drill("--yes");
    expect(text).toMatch(/error: drill: rps is in maintenance since .*a new disk/);
    expect(exitCode).toBe(4);
    expect((await program.script("maintenance", "off")).exitCode).toBe(0);
  });

  test("while an update is open", async () => {
    await host.exec(`mkdir ${STATE}/transaction`);
    const { text, exitCode } = await drill("--yes");
    await host.exec(`rmdir ${STATE}/transaction`);
    expect(text).toContain("is open");
    expect(exitCode).toBe(4);
  });

  test("if the service isn't healthy, or nothing would repair it", async () => {
    await host.exec(`systemctl stop ${SERVICE}`);
    const unhealthy = await drill("--yes");
    expect(unhealthy.text).toContain(`rps isn't healthy: ${SERVICE} is not running`);
    expect(unhealthy.exitCode).toBe(4);
    await host.exec(`systemctl start ${SERVICE}; systemctl stop ${TIMER}`);
    const unwatched = await drill("--yes");
    expect(unwatched.text).toContain(`${TIMER} isn't running`);
    expect(unwatched.exitCode).toBe(4);
    await host.exec(`systemctl start ${TIMER}`);
  });

  test("if sshd forwards no connections", async () => {
    const file = "/etc/ssh/sshd_config.d/drill.conf";
    await host.writeFile(file, "AllowTcpForwarding no\n");
    await host.exec("systemctl reload ssh.service");
    const { text, exitCode } = await drill("--yes", "--only", "app-crash");
    await host.exec(`rm ${file}; systemctl reload ssh.service`);
    expect(text).toContain("sshd doesn't forward connections (AllowTcpForwarding)");
    expect(exitCode).toBe(2);
  });
});

describe("with other configurations", () => {
  let service: Configuration & { exec: string[] };
  beforeAll(async () => {
    service = (await program.get("rps-ha:service")) as typeof service;
  });
  const changeCheck = (change: Configuration) =>
    program.change("rps-ha:healthCheck", (check) => ({ ...check, ...change }));

  test("an objective that is missed is exit code 1, and named in the table; others are met", async () => {
    await host.writeFile(SLOW, '#!/bin/bash\nsleep 4\nexec /usr/bin/gunicorn "$@"\n', "0755");
    await program.configure({ "rps-ha:service": { ...service, exec: [SLOW, ...service.exec.slice(1)] } });
    // The proxy's start limit is reached sooner so.
    await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 1 }));
    expect((await program.up()).text).not.toContain("error:");
    const { text, exitCode } = await drill("--only", "app-crash,start-limit", "--quick", "--yes");
    expect(text).toMatch(/app crash +process crash +systemd +0\.\d \(≤ 1\) +1[4-9]\.\d \(≤ 12\) .* MISSED/);
    expect(text).toMatch(
      /start limit +HTTP endpoint failure +check at once +\d+\.\d +\d+\.\d \(≤ 15\) +\d+\.\d +met/,
    );
    expect(exitCode).toBe(1);
  });

  test("the timer is waited for unless it's told otherwise, and --url asks from outside", async () => {
    await program.configure({ "rps-ha:service": service });
    await changeCheck({ onUnitActiveSec: "10s" });
    expect((await program.up()).text).not.toContain("error:");
    const url = `http://${host.address}:8087/`;
    const { drilled: result, exitCode } = await drilled(
      ...["--only", "app-stopped", "--rounds", "2", "--url", url],
    );
    expect(result).toMatchObject({ said: [], quick: false, observed: url });
    expect(result.scenarios).toMatchObject([
      { noticedBy: "timer", isMet: true, total: { objectiveSec: 360 } },
    ]);
    expect(result.scenarios[0]?.rounds).toHaveLength(2);
    expect(exitCode).toBe(0);
  });
});
