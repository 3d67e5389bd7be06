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
}

/** What systemd has of a unit once it has loaded the value: `[unit, property, what is in it]`. */
type Loaded = readonly [string, string, string];

const gunicorn = (...words: string[]) => [
  ...["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137", ...words],
  ...["--error-logfile", "/var/www/rps.pan2.app/logs/rps-error.log", "app:app"],
];
const ofService = (field: string, value: unknown): Row => ({ key: "service", field, value });

/** Each in an update of its own: the others' restart would hide that it causes none. */
const RESTARTING: readonly Row[] = [
  ofService("exec", gunicorn("--workers", "2")),
  ofService("environment", { A: "b" }),
  ofService("environment", {}),
  ofService("type", "exec"),
  ofService("user", "another"),
  ofService("logReopenSignal", undefined),
];

/** All in one update: nothing restarts, so none of them does it; systemd has each value, so each was reloaded. */
const RELOADING: readonly (readonly [Row, Loaded])[] = [
  [ofService("description", "another description"), [SERVICE, "Description", "=another description"]],
  [ofService("restartSec", 11), [SERVICE, "RestartUSec", "=11s"]],
  // The longest check follows from it, and so its unit's time-out.
  [ofService("healthyWithinSec", 31), ["rps-health-check.service", "TimeoutStartUSec", "=14min 54s"]],
  [{ key: "proxy", field: "restartSec", value: 11 }, [PROXY, "RestartUSec", "=11s"]],
  [
    { key: "proxy", field: "startLimitIntervalSec", value: 301 },
    [PROXY, "StartLimitIntervalUSec", "=5min 1s"],
  ],
  [{ key: "proxy", field: "startLimitBurst", value: 4 }, [PROXY, "StartLimitBurst", "=4"]],
  [{ key: "healthCheck", field: "onBootSec", value: "3min" }, [TIMER, "TimersMonotonic", "OnBootUSec=3min "]],
  [
    { key: "healthCheck", field: "onUnitActiveSec", value: "6min" },
    [TIMER, "TimersMonotonic", "OnUnitActiveUSec=6min "],
  ],
];

/** All in one update too: nothing restarts, systemd reloads nothing. */
const SCRIPT_ONLY: readonly Row[] = [
  ofService("path", "/?from=health-check"),
  ofService("confirmWithinSec", 61),
  { key: "healthCheck", field: "maxRepairs", value: 4 },
  { key: "healthCheck", field: "failuresBeforeRepair", value: 2 },
  { key: "healthCheck", field: "expectStatus", value: 200 },
];

const UNITS = [SERVICE, PROXY, TIMER];
const processes = () => Promise.all(UNITS.map((unit) => processOf(host, unit)));
const reloads = async () =>
  Number(
    (await host.exec("journalctl -b -o cat _PID=1 | grep -c '^Reloading\\.'", { reject: false })).stdout,
  );

const named = (rows: readonly Row[]) =>
  rows.map(({ key, field, value }) => `${key}.${field} = ${JSON.stringify(value)}`).join(", ");

/** Changes these fields in one update. */
async function expectOf(
  rows: readonly Row[],
  restarts: readonly string[],
  reloadsWanted: number,
): Promise<void> {
  const [before, reloadsBefore] = [await processes(), await reloads()];
  for (const { key, field, value } of rows) {
    await program.change(`rps-ha:${key}`, (former): Configuration => ({ ...former, [field]: value }));
  }
  const { exitCode, text } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  const after = await processes();
  expect(UNITS.filter((_unit, index) => after[index] !== before[index])).toEqual(restarts);
  expect((await reloads()) - reloadsBefore, "one reload at most, and only for unit files").toBe(
    reloadsWanted,
  );
  // What is announced before is what happens.
  expect(text.includes("rps.service will be restarted")).toBe(restarts.length > 0);
}

describe("a change of", () => {
  test(`${named(RELOADING.map(([row]) => row))}: restarts nothing, and is loaded`, async () => {
    const notLoaded = async () => {
      const rows: Row[] = [];
      for (const [row, [unit, property, text]] of RELOADING) {
        const { stdout } = await host.exec(`systemctl show ${unit} --property=${property}`);
        if (!stdout.includes(text)) rows.push(row);
      }
      return rows;
    };
    const all = RELOADING.map(([row]) => row);
    expect(await notLoaded()).toEqual(all);
    await expectOf(all, [], 1);
    expect(await notLoaded()).toEqual([]);
  });

  test(`${named(SCRIPT_ONLY)}: restarts and reloads nothing`, () => expectOf(SCRIPT_ONLY, [], 0));

  test.each(RESTARTING.map((row) => [named([row]), row] as const))(
    "%s: restarts the service alone",
    (_, row) => expectOf([row], [SERVICE], 1),
  );
});

test("the next preview is empty", async () => {
  expect(await program.planned()).toEqual([]);
});
