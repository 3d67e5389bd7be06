import { describe, expect, test } from "vitest";

import { type ObservedHost, parseObservedHost } from "../../../src/drift/observedHost";
import { comparePreflight, recommendations } from "../../../src/drift/preflight";
import { desiredOf, minimal, seed } from "../support/configs";

const { requirements } = desiredOf(seed());

/** A host that has all that the seed's service needs, where nothing listens. */
const silent: ObservedHost = {
  ...parseObservedHost(""),
  machineId: "0123456789abcdef0123456789abcdef",
  isSystemdRunning: true,
  isJournalPersistent: true,
  systemdVersion: 252,
  hasUser: true,
  hasGroup: true,
  directoryType: "directory",
  executableType: "regular file",
  isExecutable: true,
  hostUnits: { "apache2.service": { loadState: "loaded", activeState: "active" } },
};
/** The same, with the service and its proxy running. */
const ready: ObservedHost = {
  ...silent,
  portListener: { process: "gunicorn", cgroup: "0::/system.slice/rps.service" },
  proxyListener: { process: "apache2", cgroup: "0::/system.slice/apache2.service" },
};

const apache = (loadState: string, activeState: string) => ({
  hostUnits: { "apache2.service": { loadState, activeState } },
});

describe("nothing stands in the way on", () => {
  test.each<[string, ObservedHost]>([
    ["a host that runs the service", ready],
    ["a host that doesn't run it yet", { ...silent, ...apache("loaded", "inactive") }],
    [
      "a host whose proxy failed: the update's health check will tell",
      { ...silent, ...apache("loaded", "failed") },
    ],
    ["a newer systemd", { ...ready, systemdVersion: 257 }],
    [
      "a host where the listener's cgroup can't be seen",
      { ...ready, portListener: { process: "unknown", cgroup: "" } },
    ],
    [
      "a host with cgroups of version 1",
      {
        ...ready,
        portListener: { process: "python3", cgroup: "2:cpu:/ 1:name=systemd:/system.slice/rps.service" },
      },
    ],
    [
      "a host where the managed proxy was masked since: the update unmasks it",
      { ...ready, ...apache("masked", "inactive"), manifest: "corrupt" },
    ],
    ["a host whose executable is an empty file", { ...ready, executableType: "regular empty file" }],
  ])("%s", (__, host) => {
    expect(comparePreflight(requirements, host)).toEqual([]);
  });

  test("a host without the proxy that isn't wanted", () => {
    expect(comparePreflight(desiredOf(minimal()).requirements, { ...silent, hostUnits: {} })).toEqual([]);
  });
});

describe("what a host lacks is said in a sentence, with what to do", () => {
  test.each<[string, Partial<ObservedHost>, string]>([
    [
      "systemd, in a container or a chroot",
      { isSystemdRunning: false, systemdVersion: 0 },
      "systemd isn't running as init: this needs a machine booted with systemd",
    ],
    [
      "a systemd that is new enough",
      { systemdVersion: 247 },
      "systemd is version 247, 252 is needed: upgrade to Debian 12 or newer",
    ],
    [
      "commands",
      { missingCommands: ["curl", "logrotate"] },
      "commands are missing: curl, logrotate; install them (Debian: apt-get install curl util-linux coreutils logrotate)",
    ],
    [
      "a file system that can be written",
      { readOnlyPaths: ["/etc/systemd/system"] },
      "/etc/systemd/system is read-only: remount it (mount -o remount,rw), and see dmesg for why it is",
    ],
    [
      "the user",
      { hasUser: false },
      "there is no user www-data: create it (useradd --system www-data), or correct service.user",
    ],
    [
      "the group",
      { hasGroup: false },
      "there is no group www-data: create it (groupadd --system www-data), or correct service.group",
    ],
    [
      "the directory",
      { directoryType: "" },
      "there is no directory /var/www/rps.pan2.app: deploy the application there, or correct service.directory",
    ],
    [
      "a directory where a link is",
      { directoryType: "symbolic link" },
      "it is a symbolic link, not a directory: /var/www/rps.pan2.app: deploy the application there, or correct service.directory",
    ],
    [
      "a directory that nobody else can swap",
      { unsafeAncestors: [{ path: "/var/www", owner: "www-data", mode: "755" }] },
      "/var/www is www-data's (mode 755): whoever can replace /var/www/rps.pan2.app there could run anything as root; put the application elsewhere (/srv), or give /var/www to root, unless it's a login's home: chown root /var/www && chmod go-w /var/www",
    ],
    [
      "a directory of its own, rather than somebody's home",
      { isLoginHome: true },
      "/var/www/rps.pan2.app is a home directory with ssh keys (.ssh): sshd refuses them when the directory becomes root's; put the application elsewhere",
    ],
    [
      "a name of its own, rather than a system service's",
      { ownFragments: { "rps.service": "/lib/systemd/system/rps.service", "rps-health-check.timer": "" } },
      "there is a rps.service already, from /lib/systemd/system/rps.service: choose another service.name",
    ],
    [
      "a log rotation of its own",
      { foreignRotation: "/etc/logrotate.d/rps" },
      "/etc/logrotate.d/rps is of another program: choose another service.name",
    ],
    [
      "the executable",
      { executableType: "", isExecutable: false },
      "there is no /usr/bin/gunicorn: install it, or correct service.exec",
    ],
    [
      "an executable where a directory is",
      { executableType: "directory" },
      "/usr/bin/gunicorn can't be executed: it is a directory; correct service.exec",
    ],
    [
      "the mode of an executable",
      { isExecutable: false },
      "/usr/bin/gunicorn isn't executable: chmod a+rx /usr/bin/gunicorn, or correct service.exec",
    ],
    [
      "the port, which another process has",
      { portListener: { process: "node", cgroup: "0::/user.slice/session-3.scope" } },
      "port 5137 is taken by node, which isn't of rps.service: stop it (ss -ltnp 'sport = :5137' names it), or correct service.port",
    ],
    [
      "the port, which a unit with a longer name has",
      { portListener: { process: "gunicorn", cgroup: "0::/system.slice/old-rps.service" } },
      "port 5137 is taken by gunicorn, which isn't of rps.service: stop it (ss -ltnp 'sport = :5137' names it), or correct service.port; if rps.service is old-rps.service under another name, set service.previousName: old-rps",
    ],
    [
      "a proxy that may run",
      apache("masked", "inactive"),
      "apache2.service is masked: systemctl unmask apache2.service (systemctl unmask --runtime apache2.service if it's masked only until the next boot)",
    ],
    [
      "the proxy",
      apache("not-found", "inactive"),
      "there is no apache2.service (systemd says not-found): install it, or correct its name",
    ],
    [
      "an answer about the proxy",
      { hostUnits: {} },
      "there is no apache2.service (systemd says nothing): install it, or correct its name",
    ],
    [
      "the proxy's port, which another process has",
      { proxyListener: { process: "nginx", cgroup: "0::/system.slice/nginx.service" } },
      "port 8087 is taken by nginx, which isn't of apache2.service; correct proxy.port or proxy.unit",
    ],
  ])("%s", (__, change, sentence) => {
    expect(comparePreflight(requirements, { ...ready, ...change })).toEqual([sentence]);
  });

  test("a proxy that listens elsewhere", () => {
    expect(comparePreflight(requirements, silent)).toEqual([
      "apache2.service is running but nothing listens on port 8087: make it listen there (Apache: Listen 8087), or correct proxy.port",
    ]);
  });

  test("all of it at once", () => {
    const bare: ObservedHost = {
      ...parseObservedHost(""),
      ...{
        machineId: "",
        stateAnchor: "",
        isSystemdRunning: true,
        systemdVersion: 241,
        missingCommands: ["curl"],
      },
      ...{ hasUser: false, hasGroup: false, directoryType: "", executableType: "", isExecutable: false },
      ...{ readOnlyPaths: ["/etc/systemd/system", "/var/lib"], hostUnits: {} },
      portListener: { process: "node", cgroup: "0::/user.slice" },
    };
    expect(comparePreflight(requirements, bare).map((sentence) => sentence.split(":")[0])).toEqual([
      "systemd is version 241, 252 is needed",
      "commands are missing",
      "/etc/systemd/system is read-only",
      "/var/lib is read-only",
      "there is no user www-data",
      "there is no group www-data",
      "there is no directory /var/www/rps.pan2.app",
      "there is no /usr/bin/gunicorn",
      "port 5137 is taken by node, which isn't of rps.service",
      "there is no apache2.service (systemd says nothing)",
    ]);
  });
});

test("a journal that a reboot ends is named, and is no obstacle", () => {
  const volatile = { ...ready, isJournalPersistent: false };
  expect(recommendations(ready)).toEqual([]);
  expect(recommendations(volatile).join()).toMatch(/^the journal isn't persistent: .*mkdir/);
  expect(recommendations({ ...ready, isEmailUndeliverable: true }).join()).toMatch(
    /^alerts.email is set, but the host has no sendmail/,
  );
  expect(comparePreflight(requirements, volatile)).toEqual([]);
});
