import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { type Fault, FaultBench, type Running } from "../support/faultBench";
import { FULL, times } from "../support/full";
import { descendantsOf, killAll } from "../support/processes";
import { eventually, restarted } from "../support/seedCommands";

/** Whatever an update needs dies in its middle: the operator's side, the connection, sshd, the host itself. */
let bench: FaultBench;

beforeAll(async () => {
  bench = await FaultBench.boot("faults-around");
  await bench.expectConverged();
});
afterAll(() => bench.close());

const pidOf = (running: Running): number => running.pid ?? expect.fail("pulumi didn't start");
const killGroup = (running: Running) => {
  const pid = pidOf(running);
  killAll([pid, ...descendantsOf(pid).map((child) => child.pid)]);
};
const pluginsOf = (running: Running) =>
  descendantsOf(pidOf(running)).filter(({ command }) => command.includes("resource-command-v"));
const killPlugin = (running: Running) => {
  const plugins = pluginsOf(running);
  expect(plugins.length).toBeGreaterThan(0);
  killAll(plugins.map(({ pid }) => pid));
};

/** When most has changed and nothing is confirmed; in full, at any moment from the first change on. */
async function moment(): Promise<void> {
  if (!FULL) {
    await restarted(bench.host);
    return;
  }
  await eventually(60, "the update is open", () => bench.isOpen());
  await new Promise((resolve) => setTimeout(resolve, Math.random() * 9000));
}

/** In full, an update of its own follows on each; else where pulumi or the host died, and on the last. */
const FEWER: NonNullable<Fault["next"]> = FULL ? "converges" : "nextRound";

describe("something dies around the helper", () => {
  test.each<Fault>([
    ...times(12, {
      name: "pulumi and all that it started killed",
      leavesLock: true,
      strike: (running: Running) =>
        moment().then(() => {
          killGroup(running);
        }),
    }),
    ...times(8, {
      name: "the plugin killed",
      next: FEWER,
      strike: async (running: Running) => {
        await eventually(60, "the plugin runs", () => Promise.resolve(pluginsOf(running).length > 0));
        await moment();
        killPlugin(running);
      },
    }),
    ...times(8, {
      name: "sshd and its sessions killed",
      next: FEWER,
      // Between two connections: systemd has started it again by then.
      maySurvive: true,
      strike: () => moment().then(() => bench.host.exec("pkill -KILL sshd")),
    }),
    ...times(12, {
      name: "power cut",
      hasTraffic: false,
      strike: async () => {
        await moment();
        await bench.host.powerCut();
      },
    }),
  ])("$name", (fault) =>
    // The last moments are after the confirmation.
    bench.strike(FULL ? { ...fault, maySurvive: true } : fault),
  );
});

describe("the connection is cut", () => {
  // Up to what a whole update takes, 140 KiB.
  const sizes = FULL ? Array.from({ length: 23 }, (_, index) => (index + 1) * 6) : [96];
  test.each(sizes)("after %i KiB", async (size) => {
    const { proxy } = bench;
    await bench.strike({
      name: "connection cut",
      strike: async (running) => {
        proxy.cutAfter(size * 1024);
        await Promise.race([running, eventually(60, "cut", () => Promise.resolve(proxy.isCut))]);
        expect(proxy.isCut).toBe(true);
      },
    });
  });
});

test("after all that, a preview is empty", () => bench.expectNothingPlanned());
