import type { Requirements } from "../model/types";
import type { ObservedHost } from "./observedHost";

/** Debian 12's. Older ones lack LogExtraFields= semantics and drop-in behaviour that was tested. */
const OLDEST_SYSTEMD = 252;

/** What the host lacks of what the service needs, a sentence each with what to do. Pure. */
export function comparePreflight(wanted: Requirements, host: ObservedHost): string[] {
  return [...groundProblems(wanted, host), ...portProblems(wanted, host), ...hostUnitProblems(wanted, host)];
}

/** Those of what everything stands on: the system, the accounts, the directories. Pure. */
export function groundProblems(wanted: Requirements, host: ObservedHost): string[] {
  return [
    ...systemProblems(host),
    ...host.readOnlyPaths.map(
      (path) => `${path} is read-only: remount it (mount -o remount,rw), and see dmesg for why it is`,
    ),
    ...accountProblems(wanted, host),
    ...directoryProblems(wanted, host),
    ...nameProblems(host),
  ];
}

/** What the service can do without, but not who looks for what became of it, or is to be told. Pure. */
export const recommendations = (host: ObservedHost): string[] => [
  ...(host.isSystemdRunning && !host.isJournalPersistent
    ? [
        "the journal isn't persistent: after a reboot scripts/report knows less of what was before; mkdir /var/log/journal && systemctl restart systemd-journald keeps it",
      ]
    : []),
  ...(host.isEmailUndeliverable ? [NO_SENDMAIL] : []),
];

export const NO_SENDMAIL =
  "alerts.email is set, but the host has no sendmail, so nobody is written to: install one that delivers (Debian: apt-get install dma, postfix or exim4)";

function systemProblems(host: ObservedHost): string[] {
  if (!host.isSystemdRunning)
    return ["systemd isn't running as init: this needs a machine booted with systemd"];
  const problems: string[] = [];
  if (host.systemdVersion < OLDEST_SYSTEMD) {
    problems.push(
      `systemd is version ${host.systemdVersion}, ${OLDEST_SYSTEMD} is needed: upgrade to Debian 12 or newer`,
    );
  }
  if (host.missingCommands.length > 0) {
    problems.push(
      `commands are missing: ${host.missingCommands.join(", ")}; install them (Debian: apt-get install curl util-linux coreutils logrotate)`,
    );
  }
  return problems;
}

function accountProblems(wanted: Requirements, host: ObservedHost): string[] {
  const problems: string[] = [];
  if (!host.hasUser) {
    problems.push(
      `there is no user ${wanted.user}: create it (useradd --system ${wanted.user}), or correct service.user`,
    );
  }
  if (!host.hasGroup) {
    problems.push(
      `there is no group ${wanted.group}: create it (groupadd --system ${wanted.group}), or correct service.group`,
    );
  }
  if (host.directoryType !== "directory") {
    const found =
      host.directoryType === "" ? "there is no directory" : `it is a ${host.directoryType}, not a directory:`;
    problems.push(`${found} ${wanted.directory}: deploy the application there, or correct service.directory`);
  }
  if (host.executableType === "") {
    problems.push(`there is no ${wanted.executable}: install it, or correct service.exec`);
  } else if (!host.executableType.startsWith("regular")) {
    problems.push(
      `${wanted.executable} can't be executed: it is a ${host.executableType}; correct service.exec`,
    );
  } else if (!host.isExecutable) {
    problems.push(
      `${wanted.executable} isn't executable: chmod a+rx ${wanted.executable}, or correct service.exec`,
    );
  }
  return problems;
}

function directoryProblems({ directory }: Requirements, host: ObservedHost): string[] {
  return [
    ...host.unsafeAncestors.map(
      ({ path, owner, mode }) =>
        `${path} is ${owner}'s (mode ${mode}): whoever can replace ${directory} there could run anything as root; put the application elsewhere (/srv), or give ${path} to root, unless it's a login's home: chown root ${path} && chmod go-w ${path}`,
    ),
    ...(host.isLoginHome
      ? [
          `${directory} is a home directory with ssh keys (.ssh): sshd refuses them when the directory becomes root's; put the application elsewhere`,
        ]
      : []),
  ];
}

/** Before the first update: what is there under our names must have been made for this service. */
function nameProblems(host: ObservedHost): string[] {
  if (host.manifest !== undefined) return [];
  return [
    ...Object.entries(host.ownFragments)
      .filter(([, path]) => path !== "" && !path.startsWith("/etc/systemd/system/"))
      .map(([unit, path]) => `there is a ${unit} already, from ${path}: choose another service.name`),
    ...(host.foreignRotation === undefined
      ? []
      : [`${host.foreignRotation} is of another program: choose another service.name`]),
  ];
}

function portProblems(
  { port, unit, previousUnit = unit, isToRun }: Requirements,
  { portListener, maintenance }: ObservedHost,
): string[] {
  // In maintenance somebody may try the application by hand.
  if (!isToRun || maintenance.some(({ owner }) => owner === "operator")) return [];
  if (portListener === undefined) return [];
  const { process, cgroup } = portListener;
  if (belongsTo(cgroup, unit) || belongsTo(cgroup, previousUnit)) return [];
  const owner = /\/([a-z][a-z0-9_-]*)\.service/.exec(cgroup)?.[1];
  const renamed =
    owner === undefined
      ? ""
      : `; if ${unit} is ${owner}.service under another name, set service.previousName: ${owner}`;
  return [
    `port ${port} is taken by ${process}, which isn't of ${unit}: stop it (ss -ltnp 'sport = :${port}' names it), or correct service.port${renamed}`,
  ];
}

function hostUnitProblems({ hostUnits, proxy }: Requirements, host: ObservedHost): string[] {
  return hostUnits.flatMap((unit) => {
    const { loadState, activeState } = host.hostUnits[unit] ?? { loadState: "", activeState: "" };
    // One that is managed already was masked since, and is unmasked.
    const isManaged =
      host.manifest === "corrupt" || host.manifest?.units.some(({ name }) => name === unit) === true;
    if (loadState === "masked" && isManaged) return [];
    if (loadState === "masked") {
      return [
        `${unit} is masked: systemctl unmask ${unit} (systemctl unmask --runtime ${unit} if it's masked only until the next boot)`,
      ];
    }
    if (loadState !== "loaded") {
      return [
        `there is no ${unit} (systemd says ${loadState || "nothing"}): install it, or correct its name`,
      ];
    }
    // One that is stopped just now can't be asked; the update's own health check will.
    if (unit !== proxy?.unit || activeState !== "active") return [];
    if (host.proxyListener === undefined) {
      return [
        `${unit} is running but nothing listens on port ${proxy.port}: make it listen there (Apache: Listen ${proxy.port}), or correct proxy.port`,
      ];
    }
    return belongsTo(host.proxyListener.cgroup, unit)
      ? []
      : [
          `port ${proxy.port} is taken by ${host.proxyListener.process}, which isn't of ${unit}; correct proxy.port or proxy.unit`,
        ];
  });
}

/** A cgroup that can't be read (another namespace) proves nothing against the unit. */
export const belongsTo = (cgroup: string, unit: string): boolean =>
  cgroup.trim() === "" || cgroup.includes(`/${unit}`);
