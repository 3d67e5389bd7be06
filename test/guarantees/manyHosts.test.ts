import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { HostOutputs } from "../../src/outputs";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { hostEntry, Program } from "../support/program";
import { answers, PROXY, processOf, SERVICE } from "../support/seedCommands";

/** Debian 13 as root, three hosts of one stack, and two services behind one Apache. */
let hosts: DisposableHost[];
let program: Program;

beforeAll(async () => {
  hosts = await bootHosts(["many1", "many2", "many3"], { release: "trixie" });
  await Promise.all(hosts.map((host) => host.exec("systemctl start edge.service")));
  program = await Program.forHosts(hosts);
});
afterAll(async () => {
  await program.close();
  await hosts[0]?.close();
});

const at = (index: number): DisposableHost => {
  const host = hosts[index];
  if (host === undefined) throw new Error(`no host ${index}`);
  return host;
};

describe("three hosts on Debian 13", () => {
  test("are provisioned one after the other, and a second `up` plans nothing", async () => {
    const result = await program.up();
    expect(result.text).not.toContain("error:");
    const confirmed = hosts.map(({ name }) => result.text.indexOf(`${name}-rps-confirm created`));
    const begun = hosts.map(({ name }) => result.text.indexOf(`${name}-rps-helper creating`));
    expect(begun[1]).toBeGreaterThan(confirmed[0] ?? Infinity);
    expect(begun[2]).toBeGreaterThan(confirmed[1] ?? Infinity);
    expect(await Promise.all(hosts.map((host) => answers(host, 8087)))).toEqual([true, true, true]);
    const outputs = await program.outputs<{ hosts: Record<string, HostOutputs> }>();
    expect(Object.keys(outputs.hosts).sort()).toEqual(["many1", "many2", "many3"]);
    expect(await program.planned()).toEqual([]);
  });

  test("render units that systemd 257 has nothing to say about", async () => {
    const { stdout, stderr } = await at(0).exec(
      `systemd-analyze verify --recursive-errors=one ${SERVICE} rps-health-check.service rps-health-check.timer`,
    );
    expect(stdout + stderr).toBe("");
  });

  test("when the first doesn't become healthy, the others aren't touched", async () => {
    const before = await Promise.all(hosts.slice(1).map((host) => processOf(host, SERVICE)));
    await program.change("rps-ha:service", (service) => ({
      ...service,
      healthyWithinSec: 5,
      exec: ["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137", "no_such_module:app"],
    }));
    const result = await program.up();
    expect(result.exitCode).not.toBe(0);
    expect(result.text).toMatch(/rps\.service (didn't|isn't) /);
    expect(result.text).toContain("No module named 'no_such_module'");
    expect(result.text).not.toContain("many2-rps-install updating");
    expect(result.text).toContain(
      "the previous configuration is running\n    of the other hosts: many2, many3: the previous configuration, untouched",
    );
    expect(await Promise.all(hosts.slice(1).map((host) => processOf(host, SERVICE)))).toEqual(before);
  });

  test("and with the error mended, the next `up` converges", async () => {
    await program.change("rps-ha:service", (service) => ({
      ...service,
      healthyWithinSec: 30,
      exec: ["/usr/bin/gunicorn", "--bind", "127.0.0.1:5137", "app:app"],
    }));
    const result = await program.up();
    expect(result.text).not.toContain("error:");
    expect(await Promise.all(hosts.map((host) => answers(host, 8087)))).toEqual([true, true, true]);
    expect(await program.planned()).toEqual([]);
  });

  test("when the second doesn't become healthy, the error says which host has what, and each has it", async () => {
    const bootsUnless = `import os; assert os.environ.get("ROUND") != "new"`;
    await at(1).exec(`sed -i '1i ${bootsUnless}' /var/www/rps.pan2.app/app.py`);
    await program.change("rps-ha:service", (service) => ({
      ...service,
      healthyWithinSec: 5,
      environment: { ROUND: "new" },
    }));
    const last = await processOf(at(2), SERVICE);
    const result = await program.up();
    expect(result.exitCode).not.toBe(0);
    expect(result.text).toContain(
      "the previous configuration is running\n    of the other hosts: many1: the new configuration; many3: the previous configuration, untouched",
    );
    const unitOf = async (host: DisposableHost) => host.readFile("/etc/systemd/system/rps.service");
    expect((await Promise.all(hosts.map(unitOf))).map((unit) => unit.includes("ROUND=new"))).toEqual([
      true,
      false,
      false,
    ]);
    expect(await Promise.all(hosts.map((host) => answers(host, 8087)))).toEqual([true, true, true]);
    expect(await processOf(at(2), SERVICE)).toBe(last);
    await at(1).exec("sed -i 1d /var/www/rps.pan2.app/app.py");
    expect((await program.up()).exitCode).toBe(0);
    expect(await program.planned()).toEqual([]);
  });

  test("a start limit is named as one, though systemd 257 keeps how the process had ended", async () => {
    await at(1).exec(
      `for i in 1 2 3 4; do systemctl kill --signal KILL ${PROXY}; sleep 0.5; systemctl start ${PROXY}; done; true`,
    );
    expect(await at(1).systemctlShow(PROXY, "Result")).toEqual({ Result: "signal" });
    const { messages } = await program.look();
    expect(messages.join("\n")).toMatch(/many2.*: drift: apache2\.service hit its start limit \d+ s ago/);
    const { stdout } = await at(1).exec(
      `/usr/local/lib/pulumi-systemd-ha/1/helper journal rps 0 </dev/null | base64 -d | gunzip`,
    );
    expect(stdout).toMatch(/\tapache2\.service\tfailed\t.*\tstart-limit-hit\t/);
    await at(1).exec("systemctl start rps-health-check.service");
    expect(await answers(at(1), 8087)).toBe(true);
    expect(await program.planned()).toEqual([]);
  });
});

describe("a second service behind the same Apache", () => {
  let second: Program;

  beforeAll(async () => {
    const host = at(0);
    await host.exec(
      "mkdir -p /var/www/other && cp /var/www/rps.pan2.app/app.py /var/www/other/ && chown -R www-data:www-data /var/www/other",
    );
    second = await Program.forHosts([host]);
    await second.change("rps-ha:service", (service) => ({
      ...service,
      name: "other",
      directory: "/var/www/other",
      port: 5138,
      exec: ["/usr/bin/gunicorn", "--bind", "127.0.0.1:5138", "app:app"],
    }));
  });
  afterAll(() => second.close());

  test("that wants the proxy's drop-in otherwise is refused, by name", async () => {
    await second.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 3 }));
    const result = await second.up();
    expect(result.exitCode).not.toBe(0);
    expect(result.text).toMatch(
      /rps on this host wants \/etc\/systemd\/system\/apache2\.service\.d\/restart\.conf otherwise/,
    );
  });

  test("with equal settings runs beside the first, and outlives it", async () => {
    await second.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 10 }));
    expect((await second.up()).text).not.toContain("error:");
    expect(await answers(at(0), 5138)).toBe(true);
    expect(await program.planned()).toEqual([]);
    const proxy = await processOf(at(0), PROXY);
    await program.configure({ "rps-ha:hosts": hosts.slice(1).map((host) => hostEntry(host)) });
    // The host's key was pinned with it; taking the host from the list takes the service from the host.
    expect((await program.up()).exitCode).toBe(0);
    expect(await processOf(at(0), PROXY)).toBe(proxy);
    expect((await at(0).systemctlShow(PROXY, "Restart"))["Restart"]).toBe("always");
    expect(await answers(at(0), 5138)).toBe(true);
    expect((await at(0).exec("ls /etc/systemd/system/rps.service", { reject: false })).exitCode).not.toBe(0);
    expect((await second.destroy()).exitCode).toBe(0);
    expect(
      (
        await at(0).exec("ls -d /etc/systemd/system/apache2.service.d /usr/local/lib/pulumi-systemd-ha", {
          reject: false,
        })
      ).stdout,
    ).toBe("");
    expect(await processOf(at(0), PROXY)).toBe(proxy);
  });
});
