import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { type Change, hostEntry, Program } from "../support/program";
import { CHECK, processOf, PROXY, SERVICE, TRANSACTION } from "../support/seedCommands";

/** What `correct`, `report` and `off` do with a host that drifted, with one that didn't, and with another configuration. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["drift-modes"], { release: "trixie" })) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host]);
  expect((await program.up()).exitCode).toBe(0);
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const REPORT = { PULUMI_SYSTEMD_HA_DRIFT: "report" };
const OFF = { PULUMI_SYSTEMD_HA_DRIFT: "off" };
const LOGROTATE = "/etc/logrotate.d/rps";

test.each([REPORT, OFF, {}])("in sync, mode %o changes nothing after another mode", async (mode) => {
  expect((await program.up(mode)).text).toMatch(/20 unchanged/);
});

describe("drifted", () => {
  beforeAll(() => host.exec(`chmod 0600 ${CHECK}; rm ${LOGROTATE}`));

  test("report names it, plans nothing and mends nothing", async () => {
    const preview = await program.preview(["--expect-no-changes"], REPORT);
    expect(preview.text).toContain(`drift: ${LOGROTATE} was removed`);
    expect(preview.text).toContain(`drift: ${CHECK} has mode 0600, not 0755`);
    expect(preview.text).not.toContain("mends it");
    expect(preview.exitCode).toBe(0);
    const up = await program.up(REPORT);
    expect(up.text).toContain(`drift: ${LOGROTATE} was removed`);
    expect(up.text).toMatch(/20 unchanged/);
    const { hosts } = await program.outputs<{ hosts: Record<string, { drift: string[] }> }>();
    expect(hosts["drift-modes"]?.drift).toContain(`${LOGROTATE} was removed`);
    expect((await host.exec(`test -e ${LOGROTATE}`, { reject: false })).exitCode).toBe(1);
  });

  test("scripts/doctor --drift names it and exits with 1, also as JSON", async () => {
    const { exitCode, text } = await program.script("doctor", "--drift");
    expect(text).toContain(`${LOGROTATE} was removed`);
    expect(exitCode).toBe(1);
    const json = await program.script("doctor", "--drift", "--json");
    expect(JSON.parse(json.text)).toMatchObject({
      hosts: [{ name: "drift-modes", code: 1, findings: expect.any(Array) as unknown[] }],
    });
  });

  test("off sees nothing, and connects to nobody in a preview", async () => {
    await host.exec("journalctl --rotate -q; systemctl stop ssh.socket ssh.service");
    try {
      const preview = await program.look(["--expect-no-changes"], OFF);
      expect(preview.messages.join("\n")).not.toContain("drift:");
      expect(preview.changes).toEqual([]);
      expect(preview.exitCode).toBe(0);
      const { exitCode, text } = await program.script("doctor", "--drift");
      expect(text).toContain("cannot reach");
      expect(exitCode).toBe(3);
    } finally {
      await host.exec("systemctl start ssh.service");
    }
  });

  test("correct mends it, by a saved plan, and the output is empty after the next look", async () => {
    const experimental = { PULUMI_EXPERIMENTAL: "true" };
    const plan = `${program.directory}/plan.json`;
    expect((await program.preview([`--save-plan=${plan}`], experimental)).exitCode).toBe(0);
    const up = await program.up(experimental, [`--plan=${plan}`]);
    expect(up.text).not.toContain("error:");
    expect(up.exitCode).toBe(0);
    expect(await program.planned()).toEqual([]);
    expect((await host.exec(`stat -c %a ${CHECK} ${LOGROTATE}`)).stdout).toBe("755\n644");
    const { exitCode, text } = await program.script("doctor", "--drift");
    expect(text).toContain("as it was installed");
    expect(exitCode).toBe(0);
  });
});

describe("state × manifest × host × mode", () => {
  const MANIFEST = "/var/lib/pulumi-systemd-ha/rps/manifest";
  const LOST = "lost-from-state";
  const states = [false, true].flatMap((isChanged) =>
    [false, true].flatMap((isLost) => [false, true].map((isTampered) => ({ isChanged, isLost, isTampered }))),
  );
  let entry: Record<string, unknown>;
  let again: Record<string, unknown>;

  beforeAll(async () => {
    // The same host once more, at another address: nothing of that is in the state.
    const address = host.address.replace(/\d+$/, "252");
    await host.exec(`ip address add ${address}/24 dev host0`);
    entry = hostEntry(host);
    again = { ...hostEntry(host), name: LOST, address };
  });

  async function preview(isChanged: boolean, isTwice: boolean, mode: string): Promise<readonly Change[]> {
    await program.change("rps-ha:service", (known) => ({
      ...known,
      environment: isChanged ? { CHANGED: "yes" } : {},
    }));
    await program.configure({ "rps-ha:hosts": isTwice ? [entry, again] : [entry] });
    const changes = await program.planned({ PULUMI_SYSTEMD_HA_DRIFT: mode });
    await program.change("rps-ha:service", (known) => ({ ...known, environment: {} }));
    await program.configure({ "rps-ha:hosts": [entry] });
    return changes;
  }

  const steps = (isChanged: boolean, isLost: boolean, isTampered: boolean) =>
    [
      ...(isChanged || isLost || isTampered ? TRANSACTION : []),
      ...(isChanged ? [`stage-${SERVICE}`] : []),
      ...(isTampered ? ["stage-rps"] : []),
    ]
      .map((step) => `update drift-modes-rps-${step}`)
      .sort();

  function expectAllCreated(changes: readonly Change[]): void {
    expect(changes).toHaveLength(19);
    expect(changes.every((change) => change.startsWith("create "))).toBe(true);
  }

  const rows = states.flatMap((state) => ["correct", "report"].map((mode) => ({ ...state, mode })));
  test.each(rows)(
    "configuration changed: $isChanged, manifest lost: $isLost, file gone: $isTampered, mode $mode",
    async ({ isChanged, isLost, isTampered, mode }) => {
      const isInSync = !isChanged && !isLost && !isTampered;
      await host.exec(
        `${isLost ? `mv ${MANIFEST} /root/manifest` : ":"}; ${isTampered ? `mv ${LOGROTATE} /root/rotation` : ":"}`,
      );
      const changes = await preview(isChanged, isInSync, mode);
      await host.exec(
        `[ ! -e /root/manifest ] || mv /root/manifest ${MANIFEST}; [ ! -e /root/rotation ] || mv /root/rotation ${LOGROTATE}`,
      );
      const isMended = mode === "correct";
      expect(changes.filter((change) => !change.includes(LOST)).sort()).toEqual(
        steps(isChanged, isLost && isMended, isTampered && isMended),
      );
      // State lost, host in sync: everything is created.
      if (isInSync) expectAllCreated(changes.filter((change) => change.includes(LOST)));
    },
  );

  // Where nobody is asked, one row stands for all that a host may be. That without a change is above.
  test("configuration changed, whatever the host is, mode off; and state lost", async () => {
    await host.exec("systemctl stop ssh.socket ssh.service");
    const changes = await preview(true, true, "off").finally(() => host.exec("systemctl start ssh.service"));
    expect(changes.filter((change) => !change.includes(LOST)).sort()).toEqual(steps(true, false, false));
    expectAllCreated(changes.filter((change) => change.includes(LOST)));
  });

  test("two things at once with another configuration: all named, one update, one restart", async () => {
    await host.exec(`rm ${LOGROTATE}; systemctl disable rps-health-check.timer`);
    await program.change("rps-ha:service", (known) => ({ ...known, environment: { BOTH: "yes" } }));
    const said = (await program.look()).messages.join("\n");
    expect(said).toContain(`${LOGROTATE} was removed`);
    expect(said).toContain("rps-health-check.timer was disabled");
    expect(said).toContain("rps.service will be restarted: its settings change");
    const before = await processOf(host, PROXY);
    expect((await program.up()).text).not.toContain("error:");
    expect(await program.planned()).toEqual([]);
    expect(await processOf(host, PROXY)).toBe(before);
  });
});

describe("another configuration", () => {
  test.each([
    ["off", OFF, "one", [{}]],
    ["report", REPORT, "two", [{}, OFF]],
  ])("is installed in mode %s too, and the process gets it", async (_, mode, value, others) => {
    const before = await processOf(host, SERVICE);
    await program.change("rps-ha:service", (service) => ({ ...service, environment: { MODE: value } }));
    const up = await program.up(mode);
    expect(up.text).not.toMatch(/error:|drift:/);
    expect(up.exitCode).toBe(0);
    expect(await processOf(host, SERVICE)).not.toBe(before);
    const { stdout } = await host.exec(
      `tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value ${SERVICE})/environ`,
    );
    expect(stdout).toContain(`MODE=${value}`);
    for (const other of others) expect(await program.planned(other)).toEqual([]);
  });
});
