import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** What systemd does by itself when a process ends, however it ends; the health check's timer is out of the way. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["restartpol"], { release: "trixie" })) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host]);
  await up();
});
afterAll(async () => {
  await program.close();
  await host.close();
});

async function up(): Promise<void> {
  const { text, exitCode } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  await host.exec(`systemctl stop ${TIMER}`);
}

const serves = (seconds = 60) =>
  eventually(seconds, "it answers through Apache", () => answers(host, PROXY_PORT));
const PROXY_PORT = 8087;

const restartsOf = async (unit: string): Promise<number> =>
  Number((await host.systemctlShow(unit, "NRestarts"))["NRestarts"]);

/** What the journal says of the unit since the mark. */
const saidSince = async (mark: string, unit: string): Promise<string> =>
  (await host.exec(`journalctl --no-pager -o cat --after-cursor='${mark}' -u ${unit}`)).stdout;
const mark = async (): Promise<string> =>
  (await host.exec("journalctl -n 0 --show-cursor")).stdout.replace(/^.*cursor: /s, "").trim();

test("with the seed's values, a crash of both costs RestartSec= and the start", async () => {
  const began = Date.now();
  await host.exec(`systemctl kill --signal=KILL ${SERVICE} ${PROXY}`);
  expect(await answers(host, PROXY_PORT)).toBe(false);
  await serves();
  const seconds = (Date.now() - began) / 1000;
  // Recovery takes the seed's ten seconds, and what a busy machine adds.
  expect(seconds).toBeGreaterThan(9);
  expect(seconds).toBeLessThan(40);
  expect([await restartsOf(SERVICE), await restartsOf(PROXY)]).toEqual([1, 1]);
});

describe("the application", () => {
  beforeAll(async () => {
    await host.writeFile("/var/www/rps.pan2.app/moody.py", MOODY);
    await program.change("rps-ha:service", (service) => ({
      ...service,
      restartSec: 1,
      exec: ["/usr/bin/python3", "moody.py", ...(service["exec"] as string[])],
    }));
    await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 1 }));
    await up();
    // The manager's default is 90 s for both.
    await host.exec(`mkdir -p /run/systemd/system/${SERVICE}.d
      printf '[Service]\\nTimeoutStartSec=3\\nTimeoutStopSec=1\\n' >/run/systemd/system/${SERVICE}.d/short.conf; systemctl daemon-reload`);
  });
  afterEach(async () => {
    await host.exec("rm -f /run/mood");
    await serves();
  });

  test.each([
    ["ends by itself, as if all were well", "TERM", "Deactivated successfully"],
    ["is killed", "KILL", "status=9/KILL"],
    ["crashes", "SEGV", "status=11/SEGV"],
  ])("that %s is started again", async (_, signal, end) => {
    const before = await processOf(host, SERVICE);
    const since = await mark();
    await host.exec(`systemctl kill --kill-whom=main --signal=${signal} ${SERVICE}`);
    await eventually(30, "another process", async () => (await processOf(host, SERVICE)) !== before);
    await serves();
    expect(await saidSince(since, SERVICE)).toContain(end);
  });

  test.each([
    ["crashes at each start", "echo crash >/run/mood", "true", "exit-code", 8],
    ["ends at once with success", "echo exit >/run/mood", "true", "protocol", 3],
    [
      "has no directory for a while",
      "mv /var/www/rps.pan2.app{,.away}",
      "mv /var/www/rps.pan2.app{.away,}",
      "exit-code",
      3,
    ],
    ["is never ready, and doesn't hear that it's to stop", "echo deaf >/run/mood", "true", "timeout", 2],
  ])(
    "that %s is never given up, and is back when the cause is gone",
    async (_, cause, undo, result, times) => {
      const before = await restartsOf(SERVICE);
      await host.exec(`${cause}; systemctl kill --signal=KILL ${SERVICE}`);
      try {
        // systemd's own limit, which the unit takes away, is five starts in ten seconds.
        await eventually(90, `${times} restarts`, async () => (await restartsOf(SERVICE)) >= before + times);
        await eventually(20, `waits for the next after ${result}`, async () => {
          const { SubState, Result } = await host.systemctlShow(SERVICE, "SubState", "Result");
          expect(SubState).not.toBe("failed");
          return Result === result;
        });
      } finally {
        await host.exec(`${undo}; rm -f /run/mood`);
      }
      // Nobody starts it.
      await serves();
    },
  );

  test("that doesn't hear that it's to stop is killed after the time for it, and the restart goes on", async () => {
    await host.exec(`echo stubborn >/run/mood; systemctl restart ${SERVICE}; rm /run/mood`);
    const since = await mark();
    await host.exec(`systemctl restart ${SERVICE}`);
    await serves();
    expect(await saidSince(since, SERVICE)).toContain("Failed with result 'timeout'");
  });
});

describe("Apache", () => {
  test("is started again three times in five minutes, and not a fourth time; then the health check takes over", async () => {
    const app = await processOf(host, SERVICE);
    const hasFailed = async () =>
      (await host.systemctlShow(PROXY, "ActiveState"))["ActiveState"] === "failed";
    await host.exec(`systemctl reset-failed ${PROXY}`);
    for (const signal of ["TERM", "SEGV", "KILL"]) {
      const before = await processOf(host, PROXY);
      await host.exec(`systemctl kill --kill-whom=main --signal=${signal} ${PROXY}`);
      await eventually(30, `again after ${signal}`, async () => (await processOf(host, PROXY)) !== before);
      await serves();
    }
    const since = await mark();
    await host.exec(`systemctl kill --signal=KILL ${PROXY}`);
    await eventually(30, "given up", hasFailed);
    expect(await saidSince(since, PROXY)).toContain("Start request repeated too quickly");
    await host.exec("sleep 3");
    expect(await hasFailed()).toBe(true);
    await host.exec("systemctl start rps-health-check.service");
    expect(await answers(host, PROXY_PORT)).toBe(true);
    // systemd counts from the start again.
    await host.exec(`systemctl kill --signal=KILL ${PROXY}`);
    await serves();
    expect(await processOf(host, SERVICE)).toBe(app);
  });
});

/** Becomes what its arguments say, unless /run/mood says otherwise. */
const MOODY = `import os, signal, socket, sys, time
mood = open("/run/mood").read().strip() if os.path.exists("/run/mood") else "good"
if mood in ("exit", "crash"):
    sys.exit(mood == "crash")
if mood in ("deaf", "stubborn"):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mood == "stubborn":
        address = os.environ["NOTIFY_SOCKET"].replace("@", "\\0", 1)
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", address)
    time.sleep(1000)
os.execv(sys.argv[1], sys.argv[1:])
`;
