import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CuttableProxy } from "../support/cuttableProxy";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { descendantsOf, killAll } from "../support/processes";
import { hostEntry, Program, REPOSITORY } from "../support/program";
import { printRounds, type Round } from "../support/rounds";
import { answers, eventually, PROXY, SERVICE, TIMER } from "../support/seedCommands";
import { type Traffic, withTraffic } from "../support/traffic";

/**
 * Whatever dies in the middle of an update: the host settles by itself, old or new and serving, within two minutes; the next
 * `up` converges without hand work.
 */
const FAULTS = { PULUMI_SYSTEMD_HA_FAULT_POINTS: join(REPOSITORY, "test/support/fault.bash") };
const FULL = process.env["PULUMI_SYSTEMD_HA_FULL"] !== undefined;
const STATE = "/var/lib/pulumi-systemd-ha/rps";
const LIMIT_SEC = 120;

let host: DisposableHost;
let proxy: CuttableProxy;
let program: Program;

const rounds: Round[] = [];

beforeAll(async () => {
  [host] = (await bootHosts(["interruption"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  proxy = await CuttableProxy.to(host);
  program = await Program.forHosts([host], "deploy");
  await program.configure({
    "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), address: "127.0.0.1", port: proxy.port }],
  });
  // So that a round doesn't take longer than it must.
  await program.change("rps-ha:service", (service) => ({
    ...service,
    healthyWithinSec: 8,
    confirmWithinSec: 8,
  }));
});
afterAll(async () => {
  printRounds(rounds);
  await program.close();
  proxy.close();
  await host.close();
});

const killAt = (point: string) => host.writeFile("/run/pulumi-systemd-ha-fault", point);
const isArmed = async () =>
  (await host.exec("test -e /run/pulumi-systemd-ha-fault", { reject: false })).exitCode === 0;

/** Contents of everything that is managed. */
async function managed(): Promise<string> {
  const { stdout } = await host.exec(
    "sha256sum /etc/systemd/system/rps* /etc/systemd/system/apache2.service.d/restart.conf /etc/logrotate.d/rps /var/www/rps.pan2.app/bin/*",
    { reject: false },
  );
  return stdout;
}

const isOpen = async () =>
  (await host.exec(`test -e ${STATE}/transaction`, { reject: false })).exitCode === 0;

async function expectSettled(): Promise<void> {
  expect(await answers(host, 8087)).toBe(true);
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect((await host.exec(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).stdout).toBe(
      "active\nenabled",
    );
  }
  expect(
    (await host.exec("find /etc /var/www /usr/local/lib -name '*.dpkg-new' -o -name '*.new'")).stdout,
  ).toBe("");
}

async function expectConverged(): Promise<void> {
  const result = await program.up(FAULTS);
  expect(result.text).not.toContain("error:");
  expect(result.exitCode).toBe(0);
  await expectSettled();
  expect((await host.exec(`ls ${STATE}`)).stdout).not.toContain("transaction");
  expect(await program.planned(FAULTS)).toEqual([]);
}

/** Another value in the unit (so a restart), the drop-in and the script. */
async function changeEverything(exec?: readonly string[]): Promise<void> {
  const round = Date.now();
  await program.change("rps-ha:service", ({ exec: former, ...service }) => ({
    ...service,
    exec: exec ?? former,
    environment: { ROUND: String(round) },
  }));
  await program.change("rps-ha:proxy", (drop) => ({ ...drop, restartSec: 5 + (round % 50) }));
  await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + (round % 40) }));
}

type Running = ReturnType<Program["begin"]>;

interface Fault {
  readonly name: string;
  readonly prepare?: () => Promise<unknown>;
  /** Does it to a running `up`; has ended when the fault has struck. */
  readonly strike: (running: Running) => Promise<unknown>;
  /** @default what runs */
  readonly exec?: readonly string[];
  /** @default true */
  readonly hasTraffic?: boolean;
}

async function strike({ name, prepare, strike: act, exec, hasTraffic = true }: Fault): Promise<void> {
  const before = await managed();
  const good = await program.get("rps-ha:service");
  await changeEverything(exec);
  await prepare?.();
  let seconds = 0;
  const play = async () => {
    const running = program.begin(FAULTS);
    await act(running);
    const begun = performance.now();
    await eventually(
      LIMIT_SEC,
      `${name}: settled and serving`,
      async () => !(await isOpen()) && (await answers(host, 8087)),
    );
    seconds = (performance.now() - begun) / 1000;
    const { exitCode } = await running;
    expect(exitCode, "the update that was struck has failed").not.toBe(0);
    // Whatever the rest of that run did.
    await eventually(LIMIT_SEC, `${name}: settled`, async () => !(await isOpen()));
  };
  let traffic: Traffic | undefined;
  if (hasTraffic) [, traffic] = await withTraffic(host, play);
  else await play();
  await expectSettled();
  const after = await managed();
  if (exec !== undefined)
    await program.configure({ "rps-ha:service": { ...(good as object), environment: { ROUND: "mended" } } });
  proxy.mend();
  await program.run("cancel", "--yes").catch(() => undefined);
  await expectConverged();
  const settledAs = after === before ? "old" : "new";
  if (settledAs === "new")
    expect(after, "all of the new configuration, or all of the old").toBe(await managed());
  rounds.push({ fault: name, seconds, settledAs, traffic });
}

const helperKilled = (point: string, more: Partial<Fault> = {}): Fault => ({
  name: `helper killed at ${point}`,
  ...more,
  prepare: async () => {
    await more.prepare?.();
    await killAt(point);
  },
  strike: (running) =>
    Promise.race([
      running,
      eventually(LIMIT_SEC, `fault point ${point} was reached`, async () => !(await isArmed())),
    ]).then(async () => {
      expect(await isArmed(), "the fault point was reached").toBe(false);
    }),
});

/** The moment when most has changed and nothing is confirmed. */
const restarted = () =>
  eventually(60, "the service was restarted", async () =>
    (await host.exec(`ls ${STATE}/transaction`, { reject: false })).stdout.includes("restarted"),
  );
const afterAtMost = (milliseconds: number) =>
  new Promise((resolve) => setTimeout(resolve, 1500 + Math.random() * milliseconds));

const ROLLING_BACK = ["rolling-back", "put-back-file", "put-back", "rolled-back-reload", "rolled-back"];
const UNINSTALL = ["retired", "restored", "before-forget", "forgotten"];
/** One for each step of an update; all of them in full. */
const ONE_A_STEP = ["file", "daemon-reload", "restart", "checked", "confirm", "put-back-file"];

async function faultPoints(): Promise<string[]> {
  const directory = join(REPOSITORY, "host/lib");
  const sources = await Promise.all(
    (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8")),
  );
  const names = sources.flatMap((source) =>
    [...source.matchAll(/fault_point ([a-z-]+)/g)].map(([, name]) => name ?? ""),
  );
  // Both are the same line, `fault_point "$how"`.
  return [...new Set([...names, "start", "restart"])].filter((name) => !UNINSTALL.includes(name));
}

const times = <T>(count: number, value: T): T[] => Array<T>(FULL ? count : 1).fill(value);

test("killed at the first installation, before anything is confirmed: it goes by itself, and the next up installs it", async () => {
  await killAt("installed");
  const failed = await program.up(FAULTS);
  expect(failed.exitCode).not.toBe(0);
  expect(failed.text).toMatch(/status 137|signal KILL|without exit status/);
  await eventually(LIMIT_SEC, "taken back", async () => !(await isOpen()));
  expect((await host.exec("ls -d /etc/systemd/system/rps*", { reject: false })).stdout).toBe("");
  await expectConverged();
});

describe("the helper is killed", async () => {
  const points = FULL ? await faultPoints() : ONE_A_STEP;
  test.each(points.flatMap((point) => times(3, point)))("at %s", async (point) => {
    const failing = ROLLING_BACK.includes(point) ? { exec: ["/usr/bin/false"] } : {};
    // A start rather than a restart; a link that isn't there.
    const prepare =
      point === "start"
        ? () => host.exec(`systemctl stop ${TIMER} ${SERVICE}`)
        : point === "enable"
          ? () => host.exec(`systemctl disable ${SERVICE}`)
          : undefined;
    await strike(helperKilled(point, { ...failing, ...(prepare && { prepare }) }));
  });
});

const processOf = (running: Running): number => running.pid ?? expect.fail("pulumi didn't start");
const killGroup = (running: Running) => {
  const pid = processOf(running);
  killAll([pid, ...descendantsOf(pid).map((child) => child.pid)]);
};
const killPlugin = (running: Running) => {
  const plugins = descendantsOf(processOf(running)).filter(({ command }) =>
    command.includes("resource-command-v"),
  );
  expect(plugins.length).toBeGreaterThan(0);
  killAll(plugins.map(({ pid }) => pid));
};

/** At the moment when most has changed; in full, at any. */
const moment = () => (FULL ? afterAtMost(9000) : restarted());

describe("something dies around the helper", () => {
  test.each<Fault>([
    ...times(12, {
      name: "pulumi and all that it started killed",
      strike: (running: Running) =>
        moment().then(() => {
          killGroup(running);
        }),
    }),
    ...times(8, {
      name: "the plugin killed",
      strike: (running: Running) =>
        moment().then(() => {
          killPlugin(running);
        }),
    }),
    ...times(8, {
      name: "sshd and its sessions killed",
      strike: () => moment().then(() => host.exec("pkill -KILL sshd")),
    }),
    ...times(12, {
      name: "power cut",
      hasTraffic: false,
      strike: async () => {
        await moment();
        await host.powerCut();
      },
    }),
  ])("$name", strike);
});

describe("the connection is cut", () => {
  // Up to what a whole update takes.
  const sizes = FULL ? Array.from({ length: 25 }, (_, index) => (index + 1) * 6) : [60];
  test.each(sizes)("after %i KiB", async (size) => {
    await strike({
      name: "connection cut",
      strike: async (running) => {
        proxy.cutAfter(size * 1024);
        await Promise.race([running, eventually(60, "cut", () => Promise.resolve(proxy.isCut))]);
        expect(proxy.isCut).toBe(true);
      },
    });
  });
});

describe("the helper is killed in the middle of a destroy", () => {
  test.each(FULL ? UNINSTALL : ["restored"])("at %s: the next destroy finishes", async (point) => {
    await expectConverged();
    await killAt(point);
    expect((await program.destroy(FAULTS)).exitCode).not.toBe(0);
    expect(await isArmed()).toBe(false);
    expect((await program.destroy(FAULTS)).exitCode).toBe(0);
    expect(
      (
        await host.exec(
          "find /etc /usr/local/lib /var/lib -name '*rps*' -o -name '*pulumi*' | grep -v -e edge -e apache2/",
          { reject: false },
        )
      ).stdout,
    ).toBe("");
    expect((await host.exec(`systemctl is-active ${PROXY}`)).stdout.trim()).toBe("active");
  });
});
