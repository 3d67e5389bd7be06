import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { hostEntry, Program } from "../support/program";
import { answers, eventually, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** Who logs in, where and through what changes; and who else does. */
let host: DisposableHost;
let bastion: DisposableHost;
let rebuilt: DisposableHost;
let program: Program;

beforeAll(async () => {
  const hosts = await bootHosts(["identity", "identity-bastion", "identity-rebuilt"]);
  [host, bastion, rebuilt] = hosts as [DisposableHost, DisposableHost, DisposableHost];
  for (const server of [host, rebuilt]) await server.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  expect((await program.up()).exitCode).toBe(0);
});
afterAll(async () => {
  await program.close();
  for (const one of [host, bastion, rebuilt]) await one.close();
});

const processes = () => Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));

/** After the change, `up` runs commands, restarts nothing, and the next preview is empty. */
async function expectQuietUpdate(): Promise<void> {
  const before = await processes();
  const up = await program.up();
  expect(up.text).not.toContain("error:");
  expect(up.text).toMatch(/^ +~ [1-9]\d* updated$/m);
  expect(up.exitCode).toBe(0);
  expect(await processes()).toEqual(before);
  expect(await program.planned()).toEqual([]);
}

describe("another way to the host runs the commands again, restarts nothing, and then nothing is planned", () => {
  // From one straight to the next: the way back is another way too.
  test("another user", async () => {
    await program.configure({ "rps-ha:hosts": [hostEntry(host, "root")] });
    await expectQuietUpdate();
  });

  test("a bastion", async () => {
    const through = { address: bastion.address, user: "deploy", hostKey: bastion.hostKey };
    await bastion.exec("cat >>/home/deploy/.ssh/authorized_keys", {
      input: await publicKey(host),
    });
    await program.configure({ "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), bastion: through }] });
    await expectQuietUpdate();
  });

  test("another address, without the bastion", async () => {
    const address = host.address.replace(/\d+$/, "251");
    await host.exec(`ip address add ${address}/24 dev host0`);
    await program.configure({ "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), address }] });
    await expectQuietUpdate();
  });

  test("another port and another key, and the old ones open nothing any more", async () => {
    await host.exec(`echo 'Port 2222' >/etc/ssh/sshd_config.d/port.conf && systemctl restart ssh
      ssh-keygen -qt ed25519 -N '' -f /root/new && cat /root/new.pub >/home/deploy/.ssh/authorized_keys`);
    await program.configure({ "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), port: 2222 }] });
    await program.setSecret("rps-ha:sshPrivateKey", await host.readFile("/root/new"));
    await expectQuietUpdate();
  });

  test("another drift mode after that finds nothing either", async () => {
    expect(await program.planned({ PULUMI_SYSTEMD_HA_DRIFT: "off" })).toEqual([]);
  });
});

const publicKey = async ({ privateKeyFile }: DisposableHost): Promise<string> =>
  `${(await execa("ssh-keygen", ["-y", "-f", privateKeyFile])).stdout}\n`;

describe("a second stack", () => {
  let second: Program;
  beforeAll(async () => {
    second = await Program.forHosts([host], "deploy", {}, "second");
    await second.configure({ "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), port: 2222 }] });
    await second.setSecret("rps-ha:sshPrivateKey", await host.readFile("/root/new"));
  });
  afterAll(() => second.close());

  test("is refused in preview and up, and told whose the service is and how to take it over", async () => {
    const before = await processes();
    for (const result of [await second.preview(), await second.up()]) {
      expect(result.exitCode).not.toBe(0);
      expect(result.text).toContain("belongs to stack rps-ha/test; nothing was changed");
      expect(result.text).toContain("touch /var/lib/pulumi-systemd-ha/rps/released");
    }
    expect((await second.script("doctor", "--drift")).exitCode).toBe(4);
    expect(await processes()).toEqual(before);
    expect(await program.planned()).toEqual([]);
  });

  test("takes it over with the operator's word, and the first is refused then", async () => {
    const before = await processes();
    await host.exec("touch /var/lib/pulumi-systemd-ha/rps/released");
    expect((await second.up()).text).not.toContain("error:");
    expect(await second.planned()).toEqual([]);
    expect(await processes()).toEqual(before);
    expect((await program.preview()).text).toContain("belongs to stack rps-ha/second");
    await host.exec("touch /var/lib/pulumi-systemd-ha/rps/released");
    expect((await program.up()).text).not.toContain("error:");
    expect(await processes()).toEqual(before);
  });
});

describe("two updates at once", () => {
  test("of two operators with different configurations: the host has one of them, whole", async () => {
    const other = await Program.forHosts([host], "deploy", {});
    await other.configure({ "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), port: 2222 }] });
    await other.setSecret("rps-ha:sshPrivateKey", await host.readFile("/root/new"));
    try {
      await program.change("rps-ha:service", (service) => ({ ...service, environment: { FROM: "one" } }));
      await other.change("rps-ha:service", (service) => ({ ...service, environment: { FROM: "two" } }));
      const results = await Promise.all([program.up(), other.up()]);
      for (const { exitCode, text } of results) {
        if (exitCode !== 0)
          expect(text).toMatch(/another (update came|operation holds)|isn't staged|run the update again/);
      }
      await eventually(20, "the service answers", () => answers(host, 8087));
      // Whoever comes last wins.
      expect((await program.up()).text).not.toContain("error:");
      expect(await program.planned()).toEqual([]);
      const { stdout } = await host.exec(
        `grep -h FROM /etc/systemd/system/${SERVICE}; tr '\\0' '\\n' </proc/$(systemctl show -p MainPID --value ${SERVICE})/environ | grep FROM`,
      );
      expect(stdout.trim().split("\n")).toEqual(['Environment="FROM=one"', "FROM=one"]);
    } finally {
      await other.close();
    }
  });
});

describe("a host that was rebuilt", () => {
  const KEY = "/etc/ssh/ssh_host_ed25519_key";
  beforeAll(() => program.setSecret("rps-ha:sshPrivateKey", rebuilt.privateKey));

  const named = (hostKey: string) => ({
    "rps-ha:hosts": [{ ...hostEntry(rebuilt, "deploy"), name: host.name, hostKey }],
  });

  test("with another host key is refused before anything is sent", async () => {
    await program.configure(named(host.hostKey));
    const { text, exitCode } = await program.preview();
    expect(text).toContain("shows another host key than the pinned one; nothing was sent");
    expect(exitCode).not.toBe(0);
  });

  test.each(["with its former host key", "with the new host key in the configuration"])(
    "%s is named and provisioned again, all of it",
    async (which) => {
      if (which === "with its former host key") {
        const own = await rebuilt.readFile(KEY);
        await rebuilt.writeFile("/root/own-key", own, "0600");
        await rebuilt.writeFile(KEY, await host.readFile(KEY));
        await rebuilt.exec(`ssh-keygen -yf ${KEY} >${KEY}.pub && systemctl restart ssh`);
        await program.configure(named(host.hostKey));
      } else {
        // As fresh as a new machine.
        await rebuilt.exec(`cp /root/own-key ${KEY} && ssh-keygen -yf ${KEY} >${KEY}.pub && systemctl restart ssh
          systemctl disable --now ${TIMER} ${SERVICE}
          rm -r /etc/systemd/system/{rps*,apache2.service.d} /var/lib/pulumi-systemd-ha /usr/local/lib/pulumi-systemd-ha /etc/logrotate.d/rps /var/www/rps.pan2.app/{bin,logs}
          chown www-data:www-data /var/www/rps.pan2.app; chmod 0755 /var/www/rps.pan2.app; systemctl daemon-reload
          rm /etc/machine-id && systemd-machine-id-setup`);
        await program.configure(named(rebuilt.hostKey));
      }
      const preview = await program.look(["--expect-no-changes"]);
      expect(preview.messages.join("\n")).toContain("nothing of rps is installed on the host");
      expect(preview.exitCode).not.toBe(0);
      expect(preview.changes).toHaveLength(18);
      expect((await program.up()).text).not.toContain("error:");
      expect(await answers(rebuilt, 8087)).toBe(true);
      expect(await program.planned()).toEqual([]);
    },
  );
});
