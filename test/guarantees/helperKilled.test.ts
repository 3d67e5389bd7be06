import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { FaultBench } from "../support/faultBench";
import { FULL, times } from "../support/full";
import { REPOSITORY } from "../support/program";
import { PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** The helper dies in the middle of one of its steps, as by `kill -9`. */
let bench: FaultBench;

beforeAll(async () => {
  bench = await FaultBench.boot("faults-inside");
});
afterAll(() => bench.close());

const ROLLING_BACK = ["rolling-back", "put-back-file", "put-back", "rolled-back-reload", "rolled-back"];
const UNINSTALL = ["retired", "restored", "before-forget", "forgotten"];
/** No part of an update like this one: of a maintenance, and of a rename. */
const ELSEWHERE = ["hold", "release", "rest", "renamed"];
/** One for each step of an update, in their order; all of them in full. */
const ONE_A_STEP = ["put-back-file", "file", "daemon-reload", "restart", "checked", "confirm"];

async function faultPoints(): Promise<string[]> {
  const directory = join(REPOSITORY, "host/lib");
  const sources = await Promise.all(
    (await readdir(directory)).map((name) => readFile(join(directory, name), "utf8")),
  );
  const names = sources.flatMap((source) =>
    [...source.matchAll(/fault_point ([a-z-]+)/g)].map(([, name]) => name ?? ""),
  );
  // Both are the same line, `fault_point "$how"`.
  const all = new Set([...names, "start", "restart"]);
  return [...all].filter((name) => ![...UNINSTALL, ...ELSEWHERE].includes(name));
}

test("killed at the first installation, before anything is confirmed: it goes by itself, and the next up installs it", async () => {
  await bench.killAt("installed");
  const failed = await bench.up();
  expect(failed.exitCode).not.toBe(0);
  expect(failed.text).toMatch(/status 137|signal KILL|without exit status/);
  await bench.expectTakenBack();
  expect((await bench.host.exec("ls -d /etc/systemd/system/rps*", { reject: false })).stdout).toBe("");
  await bench.expectConverged();
});

describe("the helper is killed", async () => {
  const points = FULL ? await faultPoints() : ONE_A_STEP;
  test.each(points.flatMap((point) => times(2, point)))("at %s", async (point) => {
    const failing = ROLLING_BACK.includes(point) ? { exec: ["/usr/bin/false"] } : {};
    // A start rather than a restart, and no check that begins one meanwhile; a link that isn't there.
    const prepare =
      point === "start"
        ? () => bench.host.exec(`systemctl stop ${TIMER} rps-health-check.service; systemctl stop ${SERVICE}`)
        : point === "enable"
          ? () => bench.host.exec(`systemctl disable ${SERVICE}`)
          : undefined;
    // In full, an update of its own follows on each.
    const next = FULL || point === ONE_A_STEP.at(-1) ? "converges" : "nextRound";
    await bench.strike(bench.helperKilled(point, { ...failing, ...(prepare && { prepare }), next }));
  });

  test("after all that, a preview is empty", () => bench.expectNothingPlanned());
});

describe("the helper is killed in the middle of a destroy", () => {
  test.each(FULL ? UNINSTALL : ["restored"])("at %s: the next destroy finishes", async (point) => {
    if (!(await bench.isInstalled())) await bench.expectConverged();
    await bench.killAt(point);
    expect((await bench.destroy()).exitCode).not.toBe(0);
    expect(await bench.isArmed()).toBe(false);
    expect((await bench.destroy()).exitCode).toBe(0);
    const left =
      "find /etc /usr/local/lib /var/lib -name '*rps*' -o -name '*pulumi*' | grep -v -e edge -e apache2/";
    expect((await bench.host.exec(left, { reject: false })).stdout).toBe("");
    expect((await bench.host.exec(`systemctl is-active ${PROXY}`)).stdout.trim()).toBe("active");
  });
});
