import { type Manifest, parseManifest } from "../model/manifest";

/** What the probe saw of a host, for one service. */
export interface ObservedHost {
  readonly machineId: string;
  readonly isSystemdRunning: boolean;
  /** Whether the journal outlives a boot. */
  readonly isJournalPersistent: boolean;
  /** Alerts by e-mail are configured there, and nothing sends any. */
  readonly isEmailUndeliverable: boolean;
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
  /** Directories above the application's where another than root could put one of their own. */
  readonly unsafeAncestors: readonly {
    readonly path: string;
    readonly owner: string;
    readonly mode: string;
  }[];
  /** The application's directory is where somebody's ssh keys lie. */
  readonly isLoginHome: boolean;
  /** By unit of ours: the file that systemd has for it now; empty if none. */
  readonly ownFragments: Readonly<Record<string, string>>;
  /** A log rotation of our file's name that isn't of this application. */
  readonly foreignRotation?: string;
  /** Inode and change time of where the state is or would be: another after every loss of the state directory. */
  readonly stateAnchor: string;
  /** What was confirmed last; `corrupt` where the file isn't whole. */
  readonly manifest?: Manifest | "corrupt";
  /** How many updates were ever begun, whatever became of them; and how many when the last was confirmed. */
  readonly attempts: string;
  readonly settledAttempts: string;
  /** An update which isn't confirmed (yet). */
  readonly openTransaction?: {
    readonly revision: string;
    readonly id: string;
    readonly manifest?: Manifest;
  };
  /** Somebody let another stack take the service over. */
  readonly isReleased: boolean;
  /** Who keeps the service stopped on purpose; nobody if empty. */
  readonly maintenance: readonly MaintenanceHold[];
  /** By path: what the steps that send them were called with last; `helper` is the helper's. */
  readonly revisions: Readonly<Record<string, string>>;
  readonly things: readonly ObservedThing[];
  /** The names under which content is stored on the host, and whether each is its SHA-256; a secret's never is. */
  readonly staged: Readonly<Record<string, boolean>>;
  readonly units: Readonly<Record<string, ObservedUnit>>;
  readonly overrides: readonly Override[];
  readonly process: { readonly recorded: string; readonly witness: string };
  readonly helper: { readonly listing: string; readonly anchor: string };
}

/** A marker on the host, see host/lib/maintenance.bash. */
export interface MaintenanceHold {
  /** `config` or `operator`. */
  readonly owner: string;
  /** ISO 8601 with the host's offset. */
  readonly since: string;
  readonly by: string;
  readonly reason: string;
}

/** A file, log or directory as it is. */
export interface ObservedThing {
  readonly kind: string;
  readonly path: string;
  /** As `stat -c %F` names it; empty where there is nothing. */
  readonly type: string;
  readonly mode: string;
  readonly owner: string;
  /** Inode and change time of it, or of the nearest directory above that there is. */
  readonly anchor: string;
  /** SHA-256; empty where it wasn't asked for. */
  readonly hash: string;
  /** The key of the managed content that it has; empty if none. */
  readonly key: string;
  readonly linkTarget?: string;
  /** Where it may be shown: its first 64 KiB. */
  readonly content?: string;
}

/** `systemctl show`, as text. */
export interface ObservedUnit {
  readonly properties: Readonly<Record<string, string>>;
  /** Effective properties that are others than at the confirmation: name, then and now. */
  readonly changed: readonly { readonly name: string; readonly was: string; readonly is: string }[];
}

/** A drop-in of somebody else which sets what ours sets. */
export interface Override {
  readonly unit: string;
  readonly path: string;
  /** It's of this unit alone, and was made on this host: an update moves it away. */
  readonly isMovable: boolean;
  readonly section: string;
  readonly key: string;
  readonly value: string;
}

/** Who listens on a TCP port. */
export interface Listener {
  readonly process: string;
  readonly cgroup: string;
  /** Lacking where it can't be seen from the host (another PID namespace). */
  readonly pid?: string;
}

/** Parses the answer of `host/probe`: lines of key, tab, values. Pure. */
export function parseObservedHost(answer: string): ObservedHost {
  const lines = answer.split("\n").map((line) => line.split("\t") as [string, string?, ...string[]]);
  const rows = (key: string): string[][] =>
    lines.filter(([name]) => name === key).map(([, ...values]) => values as string[]);
  const all = (key: string): string[] =>
    lines.filter(([name]) => name === key).map(([, value]) => value ?? "");
  const one = (key: string): string => (all(key)[0] ?? "").trim();
  const portListener = listenerOf(rows("port_listener"));
  const proxyListener = listenerOf(rows("proxy_listener"));
  const foreignRotation = rows("foreign_rotation")[0]?.[0];
  const manifest = contentsOf(rows("manifest"))[""];
  const [attempts = "", settledAttempts = ""] = rows("attempts")[0] ?? [];
  const [openRevision, openId = ""] = rows("open_transaction")[0] ?? [];
  const open = parseManifest(contentsOf(rows("open_manifest"))[""] ?? "");
  const [recorded = "", witness = ""] = rows("process")[0]?.slice(1) ?? [];
  const [listing = "", helperAnchor = ""] = rows("helper")[0] ?? [];
  return {
    machineId: one("machine_id"),
    isSystemdRunning: one("systemd_running") === "yes",
    isJournalPersistent: one("journal_persistent") === "yes",
    isEmailUndeliverable: one("email_undeliverable") === "yes",
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
    unsafeAncestors: rows("unsafe_ancestor").map(([path = "", owner = "", mode = ""]) => ({
      path,
      owner,
      mode,
    })),
    isLoginHome: one("login_home") === "yes",
    ownFragments: Object.fromEntries(rows("own_fragment").map(([unit = "", path = ""]) => [unit, path])),
    ...(foreignRotation !== undefined && { foreignRotation }),
    stateAnchor: one("state_anchor"),
    attempts,
    settledAttempts,
    ...(manifest !== undefined && { manifest: confirmedManifest(manifest) }),
    ...(openRevision !== undefined && {
      openTransaction: { revision: openRevision, id: openId, ...(open && { manifest: open }) },
    }),
    isReleased: one("released") === "yes",
    maintenance: rows("maintenance").map(([owner = "", since = "", by = "", reason = ""]) => ({
      owner,
      since,
      by,
      reason,
    })),
    revisions: Object.fromEntries(rows("revision").map(([path = "", revision = ""]) => [path, revision])),
    things: thingsOf(rows),
    staged: Object.fromEntries(rows("staged").map(([key = "", isHash]) => [key, isHash === "yes"])),
    units: unitsOf(rows),
    overrides: rows("override").map(
      ([unit = "", path = "", isMovable, section = "", key = "", ...value]) => ({
        unit,
        path,
        isMovable: isMovable === "yes",
        section,
        key,
        value: value.join(" "),
      }),
    ),
    process: { recorded, witness: witness.split("=")[1] ?? "" },
    helper: { listing, anchor: helperAnchor },
  };
}

function confirmedManifest(text: string): Manifest | "corrupt" {
  const manifest = parseManifest(text);
  return manifest?.confirmed === undefined ? "corrupt" : manifest;
}

type Rows = (key: string) => string[][];

/** Rows of name and base64. */
const contentsOf = (rows: readonly string[][]): Record<string, string> =>
  Object.fromEntries(
    rows.map(([name = "", base64 = ""]) => [name, Buffer.from(base64, "base64").toString("utf8")]),
  );

function thingsOf(rows: Rows): ObservedThing[] {
  const contents = contentsOf(rows("content"));
  const links = new Map(rows("link").map(([path = "", target = ""]) => [path, target]));
  return ["file", "directory", "log"].flatMap((kind) =>
    rows(kind).map(
      ([path = "", type = "", mode = "", owner = "", anchor = "", hash = "", key = ""]): ObservedThing => {
        const linkTarget = links.get(path);
        const content = contents[path];
        return {
          kind,
          path,
          type,
          mode,
          owner,
          anchor,
          hash,
          key,
          ...(linkTarget !== undefined && { linkTarget }),
          ...(content !== undefined && { content }),
        };
      },
    ),
  );
}

function unitsOf(rows: Rows): Record<string, ObservedUnit> {
  return Object.fromEntries(
    rows("unit").map(([name = "", ...properties]) => [
      name,
      {
        properties: Object.fromEntries(properties.map((line) => keyAndValue(line))),
        changed: rows("property")
          .filter(([unit]) => unit === name)
          .map(([, property = "", was = "", is = ""]) => ({ name: property, was, is })),
      },
    ]),
  );
}

function keyAndValue(line: string): [string, string] {
  const [key = "", value = ""] = line.split(/=(.*)/s);
  return [key, value.trim()];
}

function listenerOf([row]: readonly string[][]): Listener | undefined {
  const [value = "", pid = ""] = row ?? [];
  if (value.trim() === "") return undefined;
  const [process = "", ...cgroup] = value.trim().split(" ");
  return { process, cgroup: cgroup.join(" "), ...(pid !== "" && { pid }) };
}

function hostUnitsOf(lines: readonly (readonly [string, string?, ...string[]])[]): ObservedHost["hostUnits"] {
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
