import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { ASKER, type Tally, tally, WRITER } from "../support/numberedLines";
import { Program } from "../support/program";
import { CHECK, eventually, LOG, LOGS, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** Logs that are rotated while they are written: of a program that reopens them, then of one that can't. */
let host: DisposableHost;
let program: Program;

const ROTATION = "/etc/logrotate.d/rps";
const DIRECTORY = "/var/www/rps.pan2.app";
const APP_LOG = `${LOGS}/rps.log`;
const ALL = [APP_LOG, `${LOGS}/rps-error.log`, LOG];
const GUNICORN = ["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137"];
const REOPENING = [
  ...GUNICORN,
  "--access-logfile",
  APP_LOG,
  "--error-logfile",
  `${LOGS}/rps-error.log`,
  "writer:app",
];

beforeAll(async () => {
  [host] = (await bootHosts(["logs"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  await host.writeFile(`${DIRECTORY}/writer.py`, WRITER);
  await host.writeFile("/root/asker.py", ASKER);
  program = await Program.forHosts([host]);
  await up({ exec: REOPENING });
});
afterAll(async () => {
  await program.close();
  await host.close();
});

async function up(service: Record<string, unknown>): Promise<void> {
  await program.change("rps-ha:service", (known) => ({ ...known, ...service }));
  const { text, exitCode } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  await host.exec(`systemctl stop ${TIMER}`);
}

const said = async (script: string): Promise<string> => (await host.exec(script)).stdout.trim();
const numberIn = async (path: string): Promise<number> => Number(await host.readFile(path));

/** Rotates all logs so often, twice a second. */
async function rotate(times = 1): Promise<void> {
  const { stdout, stderr } = await host.exec(
    `for _ in {1..${times}}; do sleep 0.5; logrotate --force ${ROTATION}; done`,
  );
  expect(stdout + stderr).toBe("");
}

/** The service writes at most `pace` lines a second meanwhile. */
async function writeWhileRotating(pace: number, rotations: number): Promise<Tally> {
  await host.exec(`rm -f ${LOGS}/rps*.log.* ${DIRECTORY}/written; : >${APP_LOG}; echo ${pace} >/run/write`);
  const before = await processOf(host, SERVICE);
  await rotate(rotations);
  await host.exec("sleep 0.5; rm /run/write");
  await eventually(20, "it has ended", async () => (await said(`ls ${DIRECTORY}`)).includes("written"));
  expect(await processOf(host, SERVICE)).toBe(before);
  const torn = await said(
    `zcat -f ${APP_LOG} ${APP_LOG}.* | grep ^line | grep -vE '^line [0-9]+ end$' || true`,
  );
  expect(torn).toBe("");
  const lines = await tally(host, APP_LOG, "^line \\K\\d+", await numberIn(`${DIRECTORY}/written`));
  console.log(`${rotations} rotations: ${JSON.stringify(lines)}`);
  return lines;
}
const AS_FAST_AS_IT_CAN = 1e9;

describe("a program that reopens its logs", () => {
  test("loses no line that it writes while they are rotated, and isn't restarted", async () => {
    const lines = await writeWhileRotating(AS_FAST_AS_IT_CAN, 6);
    expect(lines).toEqual({ written: expect.any(Number) as number, lost: 0, twice: 0, gaps: 0 });
    expect(lines.written).toBeGreaterThan(1000);
  });

  test("loses no request of its access log, and writes on into the new file", async () => {
    await host.exec(`rm -f ${LOGS}/rps*.log.* && systemd-run --quiet --unit=asker python3 /root/asker.py`);
    await rotate(6);
    await host.exec("touch /run/asked-enough; while systemctl is-active --quiet asker; do sleep 0.2; done");
    const asked = await numberIn("/run/asked");
    expect(await tally(host, APP_LOG, "GET /\\?n=\\K\\d+", asked)).toMatchObject({ lost: 0, twice: 0 });
    expect(asked).toBeGreaterThan(100);
    await host.exec("sleep 1; curl -s localhost:5137/?last >/dev/null");
    expect(await host.readFile(APP_LOG)).toContain("GET /?last");
  });

  test("isn't killed by a rotation in the moment of its start", async () => {
    const slow = `[Service]\nExecStart=\nExecStart=/bin/sh -c 'sleep 3; exec ${REOPENING.join(" ")}'\n`;
    const dropIn = `/run/systemd/system/${SERVICE}.d`;
    await host.exec(`mkdir -p ${dropIn}; cat >${dropIn}/slow.conf; systemctl daemon-reload`, { input: slow });
    await host.exec(`systemctl restart --no-block ${SERVICE}; sleep 1`);
    const { MainPID, SubState } = await host.systemctlShow(SERVICE, "MainPID", "SubState");
    expect(SubState).toBe("start");
    await rotate();
    expect(await host.systemctlShow(SERVICE, "MainPID", "SubState")).toEqual({
      MainPID,
      SubState: "running",
    });
    await host.exec(`sleep 1; curl -s localhost:5137/?started; rm -r ${dropIn}; systemctl daemon-reload`);
    expect(await host.readFile(APP_LOG)).toContain("GET /?started");
  });

  test("that doesn't run is no error", async () => {
    await host.exec(`systemctl stop ${SERVICE}; echo x >>${APP_LOG}`);
    await rotate();
    await host.exec(`systemctl start ${SERVICE}`);
  });
});

describe("the host's own logrotate.service", () => {
  const inodes = async (): Promise<string[]> => (await said(`stat -c %i ${ALL.join(" ")}`)).split("\n");

  /** Which of the three logs it rotates. */
  async function rotatesNow(): Promise<boolean[]> {
    const before = await inodes();
    const log = await said("systemctl start logrotate.service; journalctl --no-pager -o cat -u logrotate");
    expect(log).not.toMatch(/error|insecure/i);
    return (await inodes()).map((inode, index) => inode !== before[index]);
  }

  test("rotates a day after the last time, and by size before that; not otherwise", async () => {
    const before = await processOf(host, SERVICE);
    const fill = `for log in ${ALL.join(" ")}; do echo x >>$log; done`;
    await host.exec(fill);
    await rotatesNow();
    await host.exec(fill);
    expect(await rotatesNow()).toEqual([false, false, false]);
    await host.exec(`truncate -s 101M ${APP_LOG}; truncate -s 11M ${LOG}`);
    expect(await rotatesNow()).toEqual([true, false, true]);
    await host.exec(fill);
    const yesterday = "$(date -d yesterday +%Y-%-m-%-d)";
    await host.exec(`sed -i -E "/logs/s/[0-9]+-[0-9]+-[0-9]+-/${yesterday}-/" /var/lib/logrotate/status`);
    expect(await rotatesNow()).toEqual([true, true, true]);
    const owners = ["www-data:www-data 640", "www-data:www-data 640", "root:root 644"];
    const rotated = ALL.map((path) => `${path}.1`);
    expect((await said(`stat -c '%U:%G %a' ${[...ALL, ...rotated].join(" ")}`)).split("\n")).toEqual([
      ...owners,
      ...owners,
    ]);
    expect(await processOf(host, SERVICE)).toBe(before);
  });

  test("comes once a day, and each hour with the drop-in of docs/operations.md", async () => {
    const property = (name: string) => said(`systemctl show --property=${name} --value logrotate.timer`);
    expect(await property("TimersCalendar")).toContain("OnCalendar=*-*-* 00:00:00");
    const directory = "/etc/systemd/system/logrotate.timer.d";
    await host.exec(
      `mkdir ${directory}; printf '[Timer]\\nOnCalendar=hourly\\n' >${directory}/hourly.conf; systemctl daemon-reload`,
    );
    const [next, now] = await Promise.all([property("NextElapseUSecRealtime"), said("date +%s")]);
    await host.exec(`rm -r ${directory}; systemctl daemon-reload`);
    expect(Number(await said(`date -d '${next}' +%s`)) - Number(now)).toBeLessThanOrEqual(3600);
  });

  test("follows no link, and the service's user can't plant one", async () => {
    const plant = `cd ${LOGS}; ln -sfn /etc/victim rps.log || mv rps.log x || ln -s /etc/victim rps.log.9`;
    expect((await host.execAs("www-data", plant, { reject: false })).exitCode).not.toBe(0);
    await host.exec(`echo untouched >/etc/victim; mv ${APP_LOG} /root/away; ln -s /etc/victim ${APP_LOG}`);
    await rotate();
    await host.exec(`mv -T /root/away ${APP_LOG}`);
    expect(await said("cat /etc/victim*; stat -c '%U %h' /etc/victim")).toBe("untouched\nroot 1");
  });
});

test("the health check's lines are all there after rotations in the middle of its runs", async () => {
  const check = `n=0; until [[ -e /run/enough ]]; do ${CHECK} --no-repair; ((++n)); done; echo $n >/run/checks`;
  await host.exec(`rm -f ${LOG}.*; : >${LOG}; systemd-run --quiet --unit=checks bash -c '${check}'`);
  await rotate(6);
  await host.exec("touch /run/enough; while systemctl is-active --quiet checks; do sleep 0.2; done");
  const lines = await said(`zcat -f ${LOG}* | cut -d' ' -f3- | sort | uniq -c | awk '{ $1 = $1 } 1'`);
  const runs = await numberIn("/run/checks");
  expect(lines).toBe(`${runs} === Starting Health Check ===\n${runs} SUCCESS: All checks passed`);
});

test("the seed's commands of section 3 show what happens as it happens", async () => {
  const shown = [
    [`sudo tail -n 0 -f ${APP_LOG}`, "GET /?followed"],
    [`sudo tail -n 0 -f ${LOGS}/rps-error.log`, "Listening at"],
    [`tail -n 0 -f ${LOG}`, "SUCCESS: All checks passed"],
    [`sudo journalctl --since now -u ${SERVICE} -f`, `Started ${SERVICE}`],
    [`sudo journalctl --since now -u ${PROXY} -f`, `Reloaded ${PROXY}`],
    ["sudo journalctl --since now -u rps-health-check.service -f", "SUCCESS: All checks passed"],
  ] as const;
  const following = shown.map(([command]) =>
    host.execAs("deploy", `timeout 9 ${command}`, { reject: false }),
  );
  await host.exec(`sleep 2; curl -s localhost:8087/?followed; systemctl start rps-health-check.service
    systemctl reload ${PROXY}; systemctl restart ${SERVICE}`);
  const output = (await Promise.all(following)).map(({ stdout }) => stdout);
  const silent = shown.filter(([, words], index) => output[index]?.includes(words) !== true);
  expect(silent).toEqual([]);
});

describe("a program that can't reopen its logs", () => {
  beforeAll(() => up({ exec: [...GUNICORN, "writer:app"], logReopenSignal: undefined }));

  // While the copy is written to the disk: in a container that takes no time, so here next to nothing is lost.
  test("loses lines in the middle of a rotation at most, writes none twice, and isn't restarted", async () => {
    const { twice, gaps, lost, written } = await writeWhileRotating(AS_FAST_AS_IT_CAN, 6);
    expect(twice).toBe(0);
    expect(gaps).toBeLessThanOrEqual(6);
    expect(lost).toBeLessThan(written / 4);
  });
});
