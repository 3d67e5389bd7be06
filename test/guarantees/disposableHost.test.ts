import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bootHosts, type DisposableHost } from "../support/disposableHost";

const SCRIPT = join(__dirname, "../../scripts/disposable-host");

function run(command: string, args: readonly string[]) {
  return execa(command, args, { stdin: "ignore", reject: false });
}

function ssh(host: DisposableHost, user: string, command: string, hostKey = host.hostKey) {
  // The pinned key is the only one that ssh may accept.
  const known = `KnownHostsCommand=/bin/echo ${host.address} ${hostKey}`;
  const options = [known, "UserKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes", "BatchMode=yes"];
  const args = options.flatMap((option) => ["-o", option]);
  return run("ssh", [...args, "-i", host.privateKeyFile, `${user}@${host.address}`, command]);
}

/** What of the hosts is still on this machine. */
async function remains(...names: string[]): Promise<string[]> {
  const links = await run("ip", ["-oneline", "link"]);
  const processes = await run("ps", ["-eo", "args"]);
  const mounts = readFileSync("/proc/mounts", "utf8");
  const trees = ["/sys/fs/cgroup", "/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];
  return names.flatMap((name) => [
    ...(existsSync(`/var/lib/pulumi-systemd-ha-hosts/${name}`) ? ["directory"] : []),
    ...(mounts.includes(`psha-${name} `) ? ["mount"] : []),
    ...(links.stdout.includes(`vb-psha-${name}@`) ? ["interface"] : []),
    ...(new RegExp(`--machine=psha-${name} |/supervise ${name}$`, "m").test(processes.stdout)
      ? ["process"]
      : []),
    ...trees.map((tree) => `${tree}/psha-${name}`).filter((path) => existsSync(path)),
  ]);
}

describe("hosts of both releases", () => {
  let hosts: DisposableHost[] = [];
  const host = (index: number) => hosts[index] ?? expect.fail("not booted");

  beforeAll(async () => {
    // Two runs at once, as in test files that run side by side.
    hosts = (
      await Promise.all([bootHosts(["dh-one", "dh-two"]), bootHosts(["dh-trixie"], { release: "trixie" })])
    ).flat();
  });
  afterAll(async () => {
    await Promise.all(hosts.map((each) => each.close()));
    expect(await remains("dh-one", "dh-two", "dh-trixie")).toEqual([]);
  });

  it("each has an address, a host key and a Debian of its own", async () => {
    expect(new Set(hosts.map(({ address }) => address)).size).toBe(3);
    expect(new Set(hosts.map(({ hostKey }) => hostKey)).size).toBe(3);
    const versions = await Promise.all(
      hosts.map((each) => each.exec(". /etc/os-release; hostname; echo $VERSION_ID")),
    );
    expect(versions.map(({ stdout }) => stdout)).toEqual(["dh-one\n12", "dh-two\n12", "dh-trixie\n13"]);
  });

  it("let root and a sudo user in by ssh with the pinned host key", async () => {
    for (const each of hosts) {
      expect(await ssh(each, "root", "id -un")).toMatchObject({ stdout: "root", exitCode: 0 });
      expect(await ssh(each, "deploy", "sudo -n id -un")).toMatchObject({ stdout: "root", exitCode: 0 });
    }
    const impostor = await ssh(host(0), "root", "true", host(1).hostKey);
    expect(impostor).toMatchObject({
      exitCode: 255,
      stderr: expect.stringContaining("verification failed") as string,
    });
  });

  it("have users whom sudo refuses or asks for a password", async () => {
    expect((await ssh(host(0), "nosudo", "sudo -n true")).exitCode).toBe(1);
    expect((await ssh(host(0), "asksudo", "sudo -n true")).exitCode).toBe(1);
    const asked = await host(0).execAs("asksudo", "sudo -S id -un", { input: "asksudo\n" });
    expect(asked.stdout).toBe("root");
  });

  it("give a command inside no power over this machine, such as its clock, that their systemd hasn't", async () => {
    const { stdout } = await host(0).exec(
      "sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status; sed -n 's/^CapBnd:[[:space:]]*//p' /proc/1/status",
    );
    const [own, systemd = ""] = stdout.split("\n");
    expect(own).toBe(systemd);
    const CAP_SYS_TIME = 25n;
    expect((BigInt(`0x${systemd}`) >> CAP_SYS_TIME) & 1n).toBe(0n);
  });

  it("have booted without a failed unit, Apache in front of an app that nothing runs yet", async () => {
    for (const each of hosts) {
      expect(await each.systemctlShow("apache2.service", "ActiveState", "UnitFileState")).toEqual({
        ActiveState: "active",
        UnitFileState: "enabled",
      });
      const { stdout } = await each.exec(
        "systemctl is-system-running; systemctl list-unit-files --no-legend 'rps*'; curl -s -o /dev/null -w '%{http_code}' localhost:8087",
      );
      expect(stdout).toBe("running\n503");
    }
  });

  it("serve the game through Apache and the edge as soon as Gunicorn runs", async () => {
    const command =
      "systemd-run -q --unit=app --uid=www-data --working-directory=/var/www/rps.pan2.app -p Type=notify";
    const visit = (flags: string) =>
      host(2).exec(`curl -s -m 2 ${flags} https://rps.pan2.app/`, { reject: false });
    await host(2).exec(`${command} gunicorn --bind 127.0.0.1:5137 app:app; systemctl start edge`);
    await expect.poll(async () => (await visit("")).stdout).toContain("Rock Paper Scissors");
    await host(2).writeFile("/run/edge-mode", "503");
    expect((await visit("-o /dev/null -w '%{http_code}'")).stdout).toBe("503");
    await host(2).writeFile("/run/edge-mode", "expired");
    expect((await visit("")).exitCode).toBe(60);
    await host(2).writeFile("/run/edge-mode", "hang");
    expect((await visit("")).exitCode).toBe(28);
  });

  it("come back from a reboot and from a power cut with their files, their address and their key", async () => {
    const bootId = async (index: number) => host(index).readFile("/proc/sys/kernel/random/boot_id");
    const before = [await bootId(0), await bootId(1), await bootId(2)];
    await Promise.all(hosts.map((each) => each.writeFile("/etc/kept", "line\n\n", "0600")));
    await Promise.all([host(0).reboot(), host(1).powerCut(), host(2).reboot()]);
    for (const [index, each] of hosts.entries()) {
      expect(await bootId(index)).not.toBe(before[index]);
      expect(await each.readFile("/etc/kept")).toBe("line\n\n");
      expect(await ssh(each, "deploy", "systemctl is-system-running")).toMatchObject({ stdout: "running" });
    }
  });

  it("say what went wrong in a script, and don't take a name twice", async () => {
    await expect(host(0).exec("echo reason >&2; exit 7")).rejects.toThrow(/dh-one: exit code 7 .*\nreason/s);
    expect(await host(0).exec("exit 7", { reject: false })).toMatchObject({ exitCode: 7 });
    await expect(bootHosts(["dh-new", "dh-one"])).rejects.toThrow('a host named "dh-one" is running already');
    expect(await remains("dh-new")).toEqual([]);
    expect((await host(0).exec("echo still there")).stdout).toBe("still there");
  });
});

describe("nothing is left", () => {
  /** Boots two hosts from a process of their own and returns once they run. */
  async function boot(): Promise<{ up: ChildProcess; ended: Promise<unknown> }> {
    const up = spawn(SCRIPT, ["up", "dh-end", "dh-ends"], {
      stdio: ["pipe", "pipe", "ignore"],
      detached: true,
    });
    await once(createInterface({ input: up.stdout }), "line");
    expect(await remains("dh-end")).toContain("mount");
    return { up, ended: once(up, "exit") };
  }

  it.each([
    ["Ctrl-C", (up: ChildProcess) => process.kill(-(up.pid ?? 0), "SIGINT")],
    ["SIGKILL", (up: ChildProcess) => process.kill(-(up.pid ?? 0), "SIGKILL")],
    ["the end of its parent", (up: ChildProcess) => up.stdin?.destroy()],
  ])("after %s", async (_, end) => {
    const { up, ended } = await boot();
    end(up);
    await ended;
    // Killed, it can't wait for the end of its hosts; they end all the same.
    await expect.poll(() => remains("dh-end", "dh-ends"), { timeout: 10_000, interval: 200 }).toEqual([]);
  });

  it("after a supervisor was killed and the next run came by", async () => {
    const { up, ended } = await boot();
    const supervisor = readFileSync("/var/lib/pulumi-systemd-ha-hosts/dh-end/supervisor", "utf8");
    process.kill(Number(supervisor), "SIGKILL");
    await expect.poll(async () => (await run(SCRIPT, ["list"])).stdout).toMatch(/^dh-end .* left over/m);
    await run(SCRIPT, ["up", "dh-next"]);
    expect(await remains("dh-end", "dh-next")).toEqual([]);
    up.stdin?.destroy();
    await ended;
    expect(await remains("dh-ends")).toEqual([]);
  });
});

describe("a sentence and an exit code", () => {
  it.each([
    ["an unknown release", SCRIPT, ["up", "--release", "sid", "dh-x"], 2, 'no image of "sid"'],
    ["an unknown machine", SCRIPT, ["up", "--machine", "lxc", "dh-x"], 2, 'no machine "lxc"'],
    ["a name that can't be one", SCRIPT, ["up", "Not_a_name"], 2, "can't be a host's name"],
    ["a host that isn't there", SCRIPT, ["exec", "dh-x", "true"], 3, 'no disposable host "dh-x"'],
    ["no root", "runuser", ["-u", "nobody", "--", SCRIPT, "up", "dh-x"], 4, "need root"],
    [
      "no namespaces",
      "setpriv",
      ["--bounding-set", "-sys_admin", SCRIPT, "up", "dh-x"],
      4,
      "denies new namespaces",
    ],
  ])("for %s", async (_, command, args, exitCode, sentence) => {
    const result = await run(command, args);
    expect(result.stderr).toContain(sentence);
    expect(result).toMatchObject({ exitCode, stdout: "" });
  });
});
