import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { FULL } from "../support/full";
import { type Configuration, Program } from "../support/program";
import { answers, CHECK, LOG, PROXY, processOf, runCheck, SERVICE, TIMER } from "../support/seedCommands";

/** The service is kept stopped on purpose, by the configuration, by an operator, or by both; and comes back healthy. */
let host: DisposableHost;
let program: Program;

const STATE = "/var/lib/pulumi-systemd-ha/rps";
const OPERATOR = `${STATE}/maintenance/operator`;
const REASON = "a new disk; it's Bob's";

beforeAll(async () => {
  [host] = (await bootHosts(["maintenance"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  await changeService({ healthyWithinSec: 6, confirmWithinSec: 20 });
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const changeService = (change: Configuration) =>
  program.change("rps-ha:service", (service) => ({ ...service, ...change }));
const configured = (maintenance: boolean) => program.configure({ "rps-ha:maintenance": maintenance });
const is = async (what: "active" | "enabled", unit: string) =>
  (await host.exec(`systemctl is-${what} ${unit}`, { reject: false })).stdout;
const output = async <T>() =>
  (await program.outputs<{ hosts: Record<string, T> }>()).hosts["maintenance"] as T;
const maintenance = (...words: string[]) => program.script("maintenance", ...words);

async function upWorks(): Promise<string> {
  const { text, exitCode } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  return text;
}

async function expectResting(): Promise<void> {
  expect(await is("active", SERVICE)).toBe("inactive");
  expect(await is("enabled", SERVICE)).toBe("enabled");
  expect(await is("active", PROXY)).toBe("active");
  expect(await answers(host, 5137)).toBe(false);
}

async function expectServing(): Promise<void> {
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect([await is("active", unit), await is("enabled", unit)]).toEqual(["active", "enabled"]);
  }
  expect(await answers(host, 8087)).toBe(true);
}

describe("held by the configuration", () => {
  test("a preview says what is going to happen, up stops the service at once and leaves the proxy alone", async () => {
    const proxy = await processOf(host, PROXY);
    await configured(true);
    expect((await program.preview()).text).toContain("rps goes into maintenance: its service is stopped");
    await upWorks();
    await expectResting();
    expect(await processOf(host, PROXY)).toBe(proxy);
    expect(await output()).toMatchObject({
      maintenance: true,
      drift: [],
      units: { [SERVICE]: { enabled: "enabled", active: "inactive" } },
      healthCheck: { passed: false, external: "not checked" },
    });
  });

  test("the timer's check and one by hand repair nothing and say why; --no-repair tells how it is", async () => {
    await host.exec("systemctl start rps-health-check.service");
    expect(await host.readFile(LOG)).toMatch(
      /^\[[-0-9]{10} [:0-9]{8}\] Maintenance: since \S+ \(config: rps-ha\/test\); skipping$/m,
    );
    expect((await runCheck(host)).exitCode).toBe(0);
    expect((await runCheck(host, "--no-repair")).exitCode).toBe(1);
    await expectResting();
  });

  test("systemctl start does nothing, and says nothing", async () => {
    await host.exec(`systemctl start ${SERVICE}`);
    await expectResting();
  });

  test("it lasts over a reboot, is no drift, and preview says since when and by whom", async () => {
    await host.reboot();
    await host.exec("systemctl start edge.service rps-health-check.service");
    await expectResting();
    const { changes, messages, exitCode } = await program.look(["--expect-no-changes"]);
    expect(changes).toEqual([]);
    expect(exitCode).toBe(0);
    expect(messages.join("\n")).toMatch(/rps is in maintenance since 20\S+ \(config: rps-ha\/test\)/);
    expect(messages.join("\n")).not.toContain("drift:");
    const doctor = await program.script("doctor");
    expect(doctor.text).toContain("rps is in maintenance since");
    expect(doctor.exitCode).toBe(0);
  });

  test("another configuration changes files, enables what was disabled, and starts nothing", async () => {
    await changeService({ environment: { ROUND: "two" } });
    await host.exec(`systemctl disable ${SERVICE}; systemctl stop ${TIMER}`);
    await upWorks();
    await expectResting();
    expect(await is("active", TIMER)).toBe("inactive");
    expect(await host.readFile(`/etc/systemd/system/${SERVICE}`)).toContain("ROUND=two");
  });

  test("drift is mended without ending it, also a marker that somebody removed and a process that runs all the same", async () => {
    const marker = `${STATE}/maintenance/config`;
    await host.exec(`chmod 0600 ${CHECK}; rm ${marker}; systemctl start ${SERVICE}`);
    const { messages } = await program.look();
    const drift = messages.filter((message) => message.includes("drift:"));
    expect(drift.join("\n")).toContain(`drift: ${CHECK} has mode 0600, not 0755`);
    expect(drift.join("\n")).toContain("drift: the marker by which the configuration keeps");
    expect(drift.join("\n")).toContain(`drift: ${SERVICE} runs in spite of maintenance`);
    expect(drift, "the update before left none").toHaveLength(3);
    await upWorks();
    await expectResting();
    expect((await host.exec(`stat -c %a ${CHECK}`)).stdout).toBe("755");
    expect(await host.readFile(marker)).toMatch(/^20\S+\t/);
  });

  test("a configuration that doesn't become healthy when it ends is rolled back into maintenance", async () => {
    const good = (await program.get("rps-ha:service")) as Configuration;
    await configured(false);
    await changeService({ type: "exec", exec: ["/usr/bin/sleep", "infinity"] });
    const { text, exitCode } = await program.up();
    expect(text).toContain("http://127.0.0.1:5137/ does not answer");
    expect(text).toContain(
      "the update was rolled back: the previous configuration is in place, and rps in maintenance",
    );
    expect(exitCode).not.toBe(0);
    await expectResting();
    await program.configure({ "rps-ha:service": good });
  });

  test("up starts what is stopped when it ends, and checks it", async () => {
    expect(await upWorks()).toContain("maintenance of rps ends");
    await expectServing();
    expect(await output()).toMatchObject({ maintenance: false, healthCheck: { passed: true } });
  });
});

describe("held by an operator", () => {
  test("on stops the service, and status and preview say who, since when and why", async () => {
    const on = await maintenance("on", "--reason", REASON);
    expect(on.text).toContain("rps.service is stopped");
    expect(on.exitCode).toBe(0);
    await expectResting();
    const status = await maintenance("status", "--host", "maintenance");
    expect(status.text).toMatch(/held by operator since 20\S+ \(\S+@\S+: a new disk; it's Bob's\)/);
    expect(status.exitCode).toBe(0);
    // Also of what was done while the configuration held it.
    const { changes, messages } = await program.look();
    expect(changes).toEqual([]);
    expect(messages.join("\n")).toMatch(
      /rps is in maintenance since \S+ \(operator: a new disk; it's Bob's\)/,
    );
  });

  test("the same for programs", async () => {
    const { text } = await maintenance("status", "--json");
    const { hosts } = JSON.parse(text) as { hosts: unknown[] };
    expect(hosts).toEqual([
      {
        ...{ name: "maintenance", address: host.address, code: 0, maintenance: true, service: "inactive" },
        holds: {
          operator: {
            since: expect.stringMatching(/^20\d\d-\d\d-\d\dT/) as string,
            by: expect.stringContaining("@") as string,
            reason: REASON,
          },
        },
        said: [],
      },
    ]);
  });

  test("an update in it neither ends it nor starts anything, nor does drift correction; outputs say it", async () => {
    await changeService({ environment: { ROUND: "three" } });
    await host.exec(`rm ${LOG}`);
    await upWorks();
    await expectResting();
    await host.exec(`test -f ${LOG}`);
    expect(await output()).toMatchObject({ maintenance: true, drift: [`${LOG} was removed`] });
  });

  test("off clears only what the operator holds, up only what the configuration does", async () => {
    await configured(true);
    await upWorks();
    const both = await maintenance("status");
    expect(both.text).toContain("held by config since");
    expect(both.text).toContain("held by operator since");
    const off = await maintenance("off");
    expect(off.text).toContain("the configuration still keeps rps in maintenance");
    expect(off.exitCode).toBe(1);
    await expectResting();
    await maintenance("on");
    await configured(false);
    await upWorks();
    await expectResting();
  });

  test("off starts what is stopped, waits until it's healthy, and can be said twice", async () => {
    await host.exec(`systemctl stop ${PROXY}; systemctl stop ${TIMER}`);
    for (let round = 0; round < 2; round++) {
      const { text, exitCode } = await maintenance("off");
      expect(text).toContain("rps is no longer in maintenance, and healthy");
      expect(exitCode).toBe(0);
      await expectServing();
    }
    await upWorks();
    expect(await output()).toMatchObject({ maintenance: false, drift: [] });
    expect(await program.planned()).toEqual([]);
  });

  test("off of a service that doesn't become healthy says why and exits with 1; the timer goes on", async () => {
    await maintenance("on");
    const app = "/var/www/rps.pan2.app/app.py";
    await host.exec(`mv ${app} ${app}.away; systemctl stop ${TIMER}`);
    const { text, exitCode } = await maintenance("off");
    await host.exec(`mv ${app}.away ${app}`);
    expect(text).toContain("rps is no longer in maintenance, but the service isn't healthy");
    expect(text).toContain("ModuleNotFoundError");
    expect(exitCode).toBe(1);
    expect(await is("active", TIMER)).toBe("active");
    expect((await maintenance("off")).exitCode).toBe(0);
    await expectServing();
  });

  test("the outputs' lines do the same, ready to paste", async () => {
    const { commands } = await output<{ commands: Record<"maintenanceOn" | "maintenanceOff", string> }>();
    const onHost = (line: string) => /'(.*)'$/.exec(line)?.[1] ?? "";
    await host.execAs("deploy", onHost(commands.maintenanceOn));
    await expectResting();
    expect(await host.readFile(OPERATOR)).toMatch(/^20\S+\tdeploy\t\n$/);
    await host.execAs("deploy", onHost(commands.maintenanceOff));
    await expectServing();
  });
});

type Refusal = [string, string[], string];
/** The same sentence as one below. */
const NO_WORDS: Refusal[] = [
  ["without a word", [], "say on, off or status"],
  ["with two", ["on", "off"], "say on, off or status"],
];

describe("it's refused", () => {
  test.each<Refusal>([
    ...(FULL ? NO_WORDS : []),
    ["with another word", ["pause"], "say on, off or status"],
    ["with a reason for off", ["off", "--reason", "why"], "--reason belongs to `on`"],
    ["with a reason of two lines", ["on", "--reason", "a\nb"], "--reason must be one line"],
    ["for a host that the stack hasn't", ["on", "--host", "web9"], "the stack has no host web9"],
    ["with an option that there isn't", ["on", "--force"], "--force"],
  ])("%s", async (_, words, sentence) => {
    const { text, exitCode } = await maintenance(...words);
    expect(text).toContain(sentence);
    expect(exitCode).toBe(2);
  });

  test("while an update is open", async () => {
    await host.exec(`mkdir ${STATE}/transaction`);
    const { text, exitCode } = await maintenance("on");
    await host.exec(`rmdir ${STATE}/transaction`);
    expect(text).toContain("an update of rps is open");
    expect(exitCode).toBe(4);
    await expectServing();
  });

  test("where nothing is installed any more, or the host can't be reached", async () => {
    expect((await program.destroy()).exitCode).toBe(0);
    const gone = await maintenance("on");
    expect(gone.text).toContain("is installed on");
    expect(gone.exitCode).toBe(4);
    await host.exec("systemctl stop ssh.socket ssh.service");
    expect((await maintenance("status")).exitCode).toBe(3);
    await host.exec("systemctl start ssh.service");
  });
});
