/** What the probe saw of a host, for one service. */
export interface ObservedHost {
  readonly machineId: string;
  readonly isSystemdRunning: boolean;
  /** 0 where there is no systemctl. */
  readonly systemdVersion: number;
  readonly missingCommands: readonly string[];
  readonly hasUser: boolean;
  readonly hasGroup: boolean;
  /** As `stat -c %F` names it; empty where there is nothing. */
  readonly directoryType: string;
  readonly executableType: string;
  readonly isExecutable: boolean;
  readonly portListener?: Listener;
  readonly proxyListener?: Listener;
  readonly hostUnits: Readonly<Record<string, { readonly loadState: string; readonly activeState: string }>>;
  readonly readOnlyPaths: readonly string[];
  /** Inode and change time of where the manifest is or would be: another after every loss of the state directory. */
  readonly stateAnchor: string;
  /** The configuration that was confirmed last. */
  readonly confirmed?: {
    readonly transaction: string;
    readonly revision: string;
    readonly counter: number;
  };
  /** An update which isn't confirmed (yet): `attempt` differs after every run that got anywhere. */
  readonly openTransaction?: { readonly revision: string; readonly attempt: string };
}

/** Who listens on a TCP port. */
export interface Listener {
  readonly process: string;
  readonly cgroup: string;
}

/** Parses the answer of `host/probe`: lines of key, tab, value. Pure. */
export function parseObservedHost(answer: string): ObservedHost {
  const lines = answer.split("\n").map((line) => line.split("\t") as [string, string?]);
  const all = (key: string): string[] =>
    lines.filter(([name]) => name === key).map(([, value]) => value ?? "");
  const one = (key: string): string => (all(key)[0] ?? "").trim();
  const portListener = listenerOf(one("port_listener"));
  const proxyListener = listenerOf(one("proxy_listener"));
  const [openRevision = "", attempt = ""] = one("open_transaction").split(" ");
  return {
    machineId: one("machine_id"),
    isSystemdRunning: one("systemd_running") === "yes",
    systemdVersion: Number.parseInt(one("systemd_version"), 10) || 0,
    missingCommands: all("missing_command").map((name) => name.trim()),
    hasUser: one("user_exists") === "yes",
    hasGroup: one("group_exists") === "yes",
    directoryType: one("directory_type"),
    executableType: one("executable_type"),
    isExecutable: one("executable_runs") === "yes",
    ...(portListener && { portListener }),
    ...(proxyListener && { proxyListener }),
    hostUnits: hostUnitsOf(lines),
    readOnlyPaths: all("read_only").map((path) => path.trim()),
    stateAnchor: one("state_anchor"),
    ...(one("confirmed_transaction") !== "" && {
      confirmed: {
        transaction: one("confirmed_transaction"),
        revision: one("confirmed_revision"),
        counter: Number.parseInt(one("confirmed_counter"), 10) || 0,
      },
    }),
    ...(openRevision !== "" && { openTransaction: { revision: openRevision, attempt } }),
  };
}

function listenerOf(value: string): Listener | undefined {
  if (value === "") return undefined;
  const [process = "", ...cgroup] = value.split(" ");
  return { process, cgroup: cgroup.join(" ") };
}

function hostUnitsOf(lines: readonly (readonly [string, string?])[]): ObservedHost["hostUnits"] {
  const units: Record<string, { loadState: string; activeState: string }> = {};
  for (const [key, value = ""] of lines) {
    const [property, unit] = key.split(/:(.*)/s);
    if (unit === undefined || unit === "") continue;
    const known = (units[unit] ??= { loadState: "", activeState: "" });
    if (property === "unit_load_state") known.loadState = value.trim();
    if (property === "unit_active_state") known.activeState = value.trim();
  }
  return units;
}
