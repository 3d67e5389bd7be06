import { rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, LOGS, PROXY, SERVICE, TIMER } from "../support/seedCommands";
import { CERTIFICATES, RECEIVER } from "../support/shownCertificates";

/** What is broken on purpose is named, layer by layer, and nothing else is blamed. */
let host: DisposableHost;
let program: Program;

const APP = "/var/www/rps.pan2.app/app.py";
const DATABASE = "/var/www/rps.pan2.app/rps.db";
const SECRET = "hunter2-and-more";
const AUTHORITY = join(tmpdir(), `pulumi-systemd-ha-doctor-${process.pid}.crt`);

interface Layer {
  readonly name: string;
  readonly status: string;
  readonly seen: string;
  readonly problems: readonly { readonly cause: string; readonly mend?: { on: string; command: string } }[];
}
interface Diagnosed {
  readonly code: number;
  readonly text: string;
  readonly conclusion?: string;
  /** By layer: its status. */
  readonly statuses: Readonly<Record<string, string>>;
  /** Causes and commands of one layer, a line each. */
  readonly told: (name: string) => string;
}

async function doctor(): Promise<Diagnosed> {
  const { text, exitCode } = await program.script("doctor", "--json");
  const [first] = (JSON.parse(text) as { hosts: { code: number; layers: Layer[]; conclusion?: string }[] })
    .hosts;
  if (first === undefined) throw new Error(text);
  expect(first.code).toBe(exitCode);
  const told = (name: string) => {
    const { seen = "", problems = [] } = first.layers.find((layer) => layer.name === name) ?? {};
    return [seen, ...problems.flatMap(({ cause, mend }) => [cause, mend?.command ?? ""])].join("\n");
  };
  const statuses = Object.fromEntries(first.layers.map(({ name, status }) => [name, status]));
  return { ...first, text, statuses, told };
}

const NOT_BLAMED = { "external from the host": "unknown", "external from here": "unknown" };

/** Shows another certificate from the next connection on. */
const show = (name: string) => host.exec(`echo ${name} >/run/shown`);

/** All that could be changed, but for what any request changes (SQLite's files, logs); and which life of each unit it is. */
async function picture(): Promise<string> {
  const { stdout } = await host.exec(
    `find /etc /usr/local /var/lib /var/www /root /home -xdev ! -path '*/rps.db*' ! -path '${LOGS}/rps.log' ! -path /var/www/rps.pan2.app -printf '%p %y %i %T@ %C@ %s %m %U\\n' | sort
     find /etc /var/lib/pulumi-systemd-ha /var/www -type f ! -path '*/rps.db*' ! -path '${LOGS}/rps.log' -exec sha256sum {} + | sort
     systemctl show --property=Id,InvocationID,NRestarts,ActiveState -- ${SERVICE} ${PROXY} ${TIMER} rps-health-check.service ssh.service receiver.service`,
  );
  return stdout;
}

/** The doctor, with pictures around it; once more if the timer's health check came in between and left its notes. */
async function watched() {
  const lastCheck = () => host.systemctlShow("rps-health-check.service", "InvocationID");
  for (;;) {
    const check = await lastCheck();
    const before = await picture();
    const result = await program.script("doctor");
    const after = await picture();
    if ((await lastCheck())["InvocationID"] === check["InvocationID"]) return { ...result, before, after };
  }
}

/** systemd waits RestartSec= for the next start then. */
const UNTIL_IT_FAILED = `for _ in $(seq 100); do [[ "$(systemctl show -P SubState ${SERVICE})" != auto-restart ]] || break; sleep 0.2; done`;

const healthy = () => eventually(40, "it answers", () => answers(host, 8087));

beforeAll(async () => {
  [host] = (await bootHosts(["doctor"])) as [DisposableHost];
  await host.exec(`ADDRESS=${host.address}; ${CERTIFICATES}`);
  await host.writeFile("/root/receiver/receiver.py", RECEIVER);
  await show("valid");
  await host.exec("systemd-run --quiet --unit=receiver python3 /root/receiver/receiver.py");
  await writeFile(AUTHORITY, await host.readFile("/root/receiver/ca.crt"));
  process.env["NODE_EXTRA_CA_CERTS"] = AUTHORITY;
  program = await Program.forHosts([host], "deploy");
  await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ TOKEN: SECRET }));
  await program.change("rps-ha:healthCheck", (check) => ({
    ...check,
    // No check of its own mends in between.
    ...{ onBootSec: "1h", onUnitActiveSec: "1h", timeoutSec: 2, retries: 0 },
    ...{ externalUrl: `https://${host.address}:8443/`, expectText: "Rock Paper Scissors" },
  }));
  // Longer than any look takes, on a busy machine too.
  await program.change("rps-ha:service", (service) => ({ ...service, restartSec: 60 }));
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
  await rm(AUTHORITY, { force: true });
});

describe("healthy", () => {
  afterEach(() => show("valid"));

  test("every layer is well, and nothing on the host is changed by looking", async () => {
    const { text, exitCode, before, after } = await watched();
    expect(text).not.toMatch(/[!✗-] \S/);
    expect(text).not.toContain("\u001b");
    expect(text).toMatch(/^doctor \([0-9.]+\): nothing found$/m);
    for (const name of ["host", "files", "service", "port", "application", "database", "proxy answer"]) {
      expect(text).toMatch(new RegExp(`^ {2}✓ ${name} `, "m"));
    }
    expect(text).toMatch(/✓ certificate +for [0-9.]+ until 20/);
    expect(text).toMatch(/✓ external from here /);
    expect(text).toMatch(/✓ health check +next in /);
    expect(exitCode).toBe(0);
    expect(after).toBe(before);
  });

  test.each([
    ["soon", "warning", /expires on \S+, in [34] days/],
    ["expired", "failed", /expired on 2020-02-01/],
    ["other", "failed", /is for DNS:other\.example/],
  ])("a certificate: %s", async (name, status, words) => {
    await show(name);
    const { statuses, told, conclusion = "", code } = await doctor();
    expect(statuses["certificate"]).toBe(status);
    expect(told("certificate")).toMatch(words);
    expect(told("certificate")).toContain("openssl s_client");
    expect(statuses).toMatchObject({ application: "ok", "proxy answer": "ok" });
    expect(conclusion.includes("nothing on it need be restarted")).toBe(status === "failed");
    expect(code).toBe(1);
  });

  test("only the outside fails: what lies between is at fault, and nothing need be restarted", async () => {
    await host.exec("echo 503 >/run/edge-mode");
    const { statuses, told, conclusion } = await doctor();
    await host.exec("rm /run/edge-mode");
    expect(statuses).toMatchObject({ "external from the host": "failed", "external from here": "failed" });
    expect(told("external from the host")).toContain("answers with status 503 instead of 200");
    expect(conclusion).toContain("every layer on the host is healthy, so nothing on it need be restarted");
  });
});

describe("broken", () => {
  afterEach(healthy);

  test("a port that another program took, a proxy and a timer that were stopped", async () => {
    await host.exec(
      `systemctl stop ${SERVICE} ${PROXY} ${TIMER}; systemd-run --quiet --unit=squatter nc -lk 127.0.0.1 5137; sleep 0.5`,
    );
    const { statuses, told, conclusion } = await doctor();
    await host.exec(`systemctl stop squatter; systemctl start ${SERVICE} ${PROXY} ${TIMER}`);
    expect(told("port")).toMatch(/port 5137 is taken by nc \(process \d+, of squatter\.service\)/);
    expect(told("port")).toContain("systemctl stop squatter.service");
    expect(told("service")).toMatch(/rps\.service was stopped \d+ s ago\nsystemctl start rps\.service/);
    expect(told("proxy")).toMatch(/apache2\.service was stopped .*\nsystemctl start apache2\.service/);
    expect(told("health check")).toMatch(/timer was stopped .*\nsystemctl start rps-health-check\.timer/);
    expect(statuses).toMatchObject({ application: "unknown", "proxy answer": "unknown", ...NOT_BLAMED });
    expect(conclusion).toContain("begin with port");
  });

  test("a configuration that the proxy's next start doesn't survive, before that start and after it", async () => {
    const broken = "/etc/apache2/conf-enabled/broken.conf";
    await host.writeFile(broken, "Proxi On\n");
    const before = await doctor();
    await host.exec(`systemctl restart ${PROXY}`, { reject: false });
    const after = await doctor();
    await host.exec(`rm ${broken}; systemctl reset-failed ${PROXY}; systemctl start ${PROXY}`);
    const words = `Syntax error on line 1 of ${broken}: Invalid command 'Proxi'`;
    expect(before.statuses).toMatchObject({ proxy: "warning", "proxy answer": "ok" });
    expect(before.told("proxy")).toMatch(/runs on, but its next start fails, .*\napachectl configtest$/);
    expect(before.told("proxy")).toContain(words);
    expect(after.statuses).toMatchObject({ proxy: "failed" });
    expect(after.told("proxy")).toContain(`its configuration is broken: AH00526: ${words}`);
  });

  test("a file that the service's user can't read, and a proxy that hit its start limit", async () => {
    await host.exec(
      `rm -rf /var/www/rps.pan2.app/__pycache__; chown root ${APP}; chmod 0600 ${APP}; systemctl restart --no-block ${SERVICE}
       for _ in 1 2 3 4 5; do systemctl restart ${PROXY}; done; ${UNTIL_IT_FAILED}`,
      { reject: false },
    );
    const { statuses, told } = await doctor();
    await host.exec(
      `chown www-data ${APP}; chmod 0644 ${APP}; systemctl reset-failed ${PROXY}; systemctl restart ${SERVICE} ${PROXY}`,
    );
    expect(told("service")).toContain(
      `www-data can't read ${APP} (root:www-data 0600)\nchgrp www-data ${APP} && chmod g+rX`,
    );
    expect(told("service")).toMatch(/waits for its next start; its last words: .*Permission denied/);
    expect(told("proxy")).toMatch(
      /apache2\.service hit its start limit .*\nsystemctl reset-failed apache2\.service && systemctl start/,
    );
    expect(statuses).toMatchObject({ port: "unknown", application: "unknown", "proxy answer": "unknown" });
  });

  test("a program that isn't there, and a proxy that is masked until the next boot", async () => {
    await host.exec(
      `mv /usr/bin/gunicorn /usr/bin/gunicorn.was; systemctl restart --no-block ${SERVICE}
       systemctl stop ${PROXY}; systemctl mask --runtime ${PROXY}; ${UNTIL_IT_FAILED}`,
    );
    const { told } = await doctor();
    const unmask = /systemctl unmask .*/.exec(told("proxy"))?.[0] ?? "false";
    await host.exec("mv /usr/bin/gunicorn.was /usr/bin/gunicorn");
    await host.exec(unmask);
    await host.exec(`systemctl restart ${SERVICE}`);
    expect(told("host")).toContain("there is no /usr/bin/gunicorn: install it");
    expect(told("service")).toContain("likely because systemd couldn't execute its program");
    expect(told("service")).not.toContain("chmod");
  });

  test("a health check that was killed", async () => {
    await host.exec(
      `systemctl kill --signal=STOP ${SERVICE}; systemctl start --no-block rps-health-check.service; sleep 0.5
       systemctl kill --signal=KILL rps-health-check.service; systemctl kill --signal=CONT ${SERVICE}`,
    );
    const { statuses, told } = await doctor();
    await host.exec("systemctl start rps-health-check.service");
    expect(statuses["health check"]).toBe("warning");
    expect(told("health check")).toContain(
      "the last check was ended by signal 9\njournalctl -u rps-health-check",
    );
    expect((await doctor()).statuses["health check"]).toBe("ok");
  });

  test("an application that ends with a reason: in its own words, without its secrets", async () => {
    const text = await host.readFile(APP);
    await host.writeFile(
      APP,
      'import os, sys\nprint("with", os.environ["TOKEN"], file=sys.stderr)\nraise RuntimeError("cannot use " + os.environ["TOKEN"])\n',
    );
    await host.exec(`systemctl restart --no-block ${SERVICE}; ${UNTIL_IT_FAILED}`);
    const { told, text: all } = await doctor();
    await host.writeFile(APP, text);
    await host.exec(`systemctl restart ${SERVICE}`);
    expect(told("service")).toContain("its last words: RuntimeError: cannot use [masked]");
    expect(all).not.toContain("hunter2");
  });

  test("an application that hangs: neither the proxy nor the outside is blamed", async () => {
    await host.exec(`systemctl kill --signal=STOP ${SERVICE}`);
    const { statuses, told } = await doctor();
    await host.exec(`systemctl kill --signal=CONT ${SERVICE}`);
    expect(told("application")).toMatch(/doesn't answer within 2 s .*SIGSTOP/);
    expect(statuses).toMatchObject({
      ...{ service: "ok", port: "ok", application: "failed", proxy: "ok", "proxy answer": "unknown" },
      ...NOT_BLAMED,
    });
    expect(told("proxy answer")).toContain("not tested: the application behind it doesn't answer");
  });

  test("a full disk, somebody's drop-in, and a database that another process has locked", async () => {
    const dropIn = `/etc/systemd/system/${SERVICE}.d/local.conf`;
    const lock = `import sqlite3,time; c=sqlite3.connect("${DATABASE}"); c.execute("BEGIN EXCLUSIVE"); time.sleep(600)`;
    await host.exec(
      `mount -t tmpfs -o size=1M none /var/tmp && head -c 2M /dev/zero >/var/tmp/x
       mkdir -p ${dropIn.replace(/\/[^/]*$/, "")} && printf '[Service]\\nRestart=no\\n' >${dropIn} && systemctl daemon-reload
       systemd-run --quiet --unit=holder python3 -c '${lock}'; sleep 1`,
      { reject: false },
    );
    const { statuses, told } = await doctor();
    await host.exec(
      `systemctl stop holder; umount /var/tmp; rm -r /etc/systemd/system/${SERVICE}.d; systemctl daemon-reload`,
    );
    expect(statuses["host"]).toBe("failed");
    expect(told("host")).toMatch(/\/var\/tmp is full: 0 KiB of 1 MiB left\ndu -xh \/var\/tmp/);
    expect(told("service")).toContain(`${dropIn} sets Restart=no in [Service], which contradicts`);
    expect(told("database")).toMatch(/is locked by python3 \(process \d+, of holder\.service\) as root/);
    expect(told("database")).toContain("systemctl stop holder.service");
    expect(told("database")).toContain("never delete rps.db-wal");
    expect(told("database")).toContain(`sqlite3 ${DATABASE} 'PRAGMA wal_checkpoint'`);
    expect(told("database")).not.toMatch(/\brm\b/);
  });
});

describe("as a program", () => {
  test("a host that nobody can log in to ends with 3, and its site is asked all the same; a wrong name ends with 2", async () => {
    expect((await program.script("doctor", "--host", "nobody")).exitCode).toBe(2);
    await host.exec("systemctl stop ssh.socket ssh.service");
    const { statuses, conclusion, code } = await doctor();
    expect(code).toBe(3);
    expect(statuses).toEqual({ contact: "failed", "all on the host": "unknown", "external from here": "ok" });
    expect(conclusion).toContain("the site answers");
  });
});
