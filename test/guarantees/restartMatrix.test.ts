import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { type Configuration, Program } from "../support/program";
import { processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** What each field of the configuration restarts, exactly: of the units' processes, and whether systemd reloads. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["matrix"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  await host.exec("useradd --system --gid www-data another");
  program = await Program.forHosts([host]);
  expect((await program.up()).exitCode).toBe(0);
});
afterAll(async () => {
  await program.close();
  await host.close();
});

interface Row {
  readonly key: "service" | "proxy" | "healthCheck";
  readonly field: string;
  readonly value: unknown;
  /** @default none */
  readonly restarts?: readonly string[];
  /** Whether a unit file or drop-in changes. @default true */
  readonly reloads?: boolean;
}

const gunicorn = (...words: string[]) => [
  ...["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137", ...words],
  ...["--error-logfile", "/var/www/rps.pan2.app/logs/rps-error.log", "app:app"],
];
const ofService = (field: string, value: unknown, more: Partial<Row> = {}): Row => ({
  ...{ key: "service", field, value },
  ...more,
});
const restarted = { restarts: [SERVICE] };
const scriptOnly = { reloads: false };

const ROWS: readonly Row[] = [
  ofService("description", "another description"),
  ofService("restartSec", 11),
  ofService("path", "/?from=health-check", scriptOnly),
  // The longest check follows from it, and so its unit's time-out.
  ofService("healthyWithinSec", 31),
  ofService("confirmWithinSec", 61, scriptOnly),
  ofService("exec", gunicorn("--workers", "2"), restarted),
  ofService("environment", { A: "b" }, restarted),
  ofService("environment", {}, restarted),
  ofService("type", "exec", restarted),
  ofService("user", "another", restarted),
  ofService("logReopenSignal", undefined, restarted),
  { key: "proxy", field: "restartSec", value: 11 },
  { key: "proxy", field: "startLimitIntervalSec", value: 301 },
  { key: "proxy", field: "startLimitBurst", value: 4 },
  { key: "healthCheck", field: "onBootSec", value: "3min" },
  { key: "healthCheck", field: "onUnitActiveSec", value: "6min" },
  { key: "healthCheck", field: "maxRepairs", value: 4, reloads: false },
  { key: "healthCheck", field: "failuresBeforeRepair", value: 2, reloads: false },
  { key: "healthCheck", field: "expectStatus", value: 200, reloads: false },
];

const UNITS = [SERVICE, PROXY, TIMER];
const processes = () => Promise.all(UNITS.map((unit) => processOf(host, unit)));
const reloads = async () =>
  Number(
    (await host.exec("journalctl -b -o cat _PID=1 | grep -c '^Reloading\\.'", { reject: false })).stdout,
  );

describe("a change of", () => {
  test.each(ROWS.map((row) => [`${row.key}.${row.field} = ${JSON.stringify(row.value)}`, row] as const))(
    "%s",
    async (_, { key, field, value, restarts = [], reloads: expected = true }) => {
      const [before, reloadsBefore] = [await processes(), await reloads()];
      await program.change(`rps-ha:${key}`, (former): Configuration => ({ ...former, [field]: value }));
      const { exitCode, text } = await program.up();
      expect(text).not.toContain("error:");
      expect(exitCode).toBe(0);
      const after = await processes();
      expect(UNITS.filter((_unit, index) => after[index] !== before[index])).toEqual(restarts);
      const reloaded = (await reloads()) - reloadsBefore;
      expect(reloaded, "one reload at most, and only for unit files").toBe(expected ? 1 : 0);
      // What is announced before is what happens.
      expect(text.includes("rps.service will be restarted")).toBe(restarts.length > 0);
    },
  );
});

test("the next preview is empty", async () => {
  expect(await program.planned()).toEqual([]);
});
