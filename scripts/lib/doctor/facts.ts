import { printable } from "../../../src/drift/textDiff";
import { type Answer, curlAnswer } from "./answer";

/** What the collector saw on the host beyond what the probe sees; see host/doctor. */
export interface HostFacts {
  readonly disks: readonly Disk[];
  readonly memory: { readonly totalKib: number; readonly availableKib: number };
  /** `yes`, `no`, or nothing where nobody knows. */
  readonly isSynchronised: string;
  /** The kind of container that the host is, if it is one. */
  readonly container: string;
  /** By unit: the kernel's word for what its main process does, such as `S (sleeping)`. */
  readonly processes: Readonly<Record<string, { readonly pid: string; readonly state: string }>>;
  /** By unit or log: its last lines, the oldest first. */
  readonly words: Readonly<Record<string, readonly string[]>>;
  /** When the timer is due, in milliseconds since 1970; lacking where it isn't. */
  readonly nextRun?: number;
  /** systemd's word on the last check, and its exit status or signal. */
  readonly checkResult: string;
  readonly checkStatus: string;
  readonly checkState: string;
  /** What the last check found: `passed`, `time`, `external`. */
  readonly health: Readonly<Record<string, string>>;
  /** By unit: when the health check repaired it, in milliseconds since 1970, the oldest first. */
  readonly repairs: Readonly<Record<string, readonly number[]>>;
  /** Since when a drill keeps the service from running, in milliseconds since 1970. */
  readonly drill?: number;
  readonly closed: readonly ClosedPath[];
  /** What the program's first line names, where there is no such file. */
  readonly missingInterpreter?: string;
  /** By path: why it can't be written; empty if it can. */
  readonly logs: Readonly<Record<string, string>>;
  readonly databases: readonly Database[];
  /** How often the service said lately that a database is locked. */
  readonly lockedWords: number;
  /** By layer: `app`, `proxy`, `external`. */
  readonly answers: Readonly<Record<string, Answer>>;
  /** To which addresses the external URL's name leads on the host. */
  readonly addresses: readonly string[];
  /** PEM, of what is shown at the external URL. */
  readonly certificate: string;
}

export interface Disk {
  readonly target: string;
  readonly sizeKib: number;
  readonly freeKib: number;
  /** 0 where the file system has no fixed number. */
  readonly inodes: number;
  readonly freeInodes: number;
}

/** What the service's user can't use. */
export interface ClosedPath {
  readonly path: string;
  /** `enter`, `execute`, `read`. */
  readonly what: string;
  /** `root:root 0600`. */
  readonly owner: string;
  /** Only root could put something else, such as a link, into its place. */
  readonly isFixed: boolean;
}

export interface Database {
  readonly path: string;
  /** Lacking where there is no -wal. */
  readonly walBytes?: number;
  /** By the service's user. */
  readonly isWritable: boolean;
  /** `root:root 0600`. */
  readonly owner: string;
  readonly holders: readonly Holder[];
}

/** A process that has a database open. */
export interface Holder {
  readonly pid: string;
  readonly name: string;
  readonly user: string;
  readonly cgroup: string;
  /** For writing, at two looks one second apart. */
  readonly isLocking: boolean;
}

type Row = readonly string[];

/** Parses the rows of host/doctor. Pure. */
export function parseFacts(answer: string): HostFacts {
  const lines = answer.split("\n").map((line) => printable(line).split("\t"));
  const rows = (key: string): Row[] => lines.filter(([name]) => name === key).map(([, ...row]) => row);
  const pairs = (key: string) =>
    Object.fromEntries(rows(key).map(([name = "", value = ""]) => [name, value]));
  const [[totalKib = "", availableKib = ""] = []] = rows("memory");
  const [[isSynchronised = "", container = ""] = []] = rows("clock");
  const nextRun = nextRunOf(rows("timer")[0]?.[0]);
  const check = pairs("check");
  const missingInterpreter = rows("interpreter")[0]?.[0];
  const drill = rows("drill").map(([since]) => Number(since) * 1000)[0];
  return {
    disks: rows("disk").map(diskOf),
    memory: { totalKib: Number(totalKib), availableKib: Number(availableKib) },
    isSynchronised,
    container: container === "none" ? "" : container,
    processes: Object.fromEntries(
      rows("main_process").map(([unit = "", pid = "", state = ""]) => [unit, { pid, state }]),
    ),
    words: grouped(rows("words")),
    ...(nextRun !== undefined && { nextRun }),
    checkResult: check["Result"] ?? "",
    checkStatus: check["ExecMainStatus"] ?? "",
    checkState: check["ActiveState"] ?? "",
    health: pairs("health"),
    repairs: Object.fromEntries(
      rows("repairs").map(([unit = "", times = ""]) => [
        unit,
        times
          .split(" ")
          .map((time) => Number(time) * 1000)
          .sort((one, other) => one - other),
      ]),
    ),
    ...(drill !== undefined && { drill }),
    ...(missingInterpreter !== undefined && { missingInterpreter }),
    closed: rows("closed").map(([path = "", what = "", owner = "", place]) => ({
      ...{ path, what, owner },
      isFixed: place === "fixed",
    })),
    logs: pairs("log"),
    databases: databasesOf(rows),
    lockedWords: Number(rows("locked_words")[0]?.[0] ?? 0),
    answers: Object.fromEntries(rows("url").map(([key = "", ...row]) => [key, curlAnswer(row)])),
    addresses: (rows("resolved")[0]?.[1] ?? "").split(" ").filter((address) => address !== ""),
    certificate: Buffer.from(rows("certificate")[0]?.[1] ?? "", "base64").toString(),
  };
}

function diskOf([target = "", size, free, inodes, freeInodes]: Row): Disk {
  // Some file systems have none to count.
  const count = (text = ""): number => (/^\d+$/.test(text) ? Number(text) : 0);
  return {
    ...{ target, sizeKib: count(size), freeKib: count(free) },
    ...{ inodes: count(inodes), freeInodes: count(freeInodes) },
  };
}

function grouped(rows: readonly Row[]): Record<string, string[]> {
  const groups: Record<string, string[]> = {};
  for (const [source = "", line = ""] of rows) (groups[source] ??= []).push(line);
  return groups;
}

/** Of `systemctl list-timers --output=json`, whose times are microseconds. */
function nextRunOf(json = ""): number | undefined {
  try {
    const [timer] = JSON.parse(json) as { next?: number | null }[];
    const next = timer?.next ?? 0;
    return next > 0 ? next / 1000 : undefined;
  } catch {
    return undefined;
  }
}

function databasesOf(rows: (key: string) => Row[]): Database[] {
  const locks = new Set(rows("lock").map((row) => row.join("\t")));
  return rows("database").map(([path = "", wal = "", isWritable, owner = ""]) => ({
    path,
    ...(wal !== "" && { walBytes: Number(wal) }),
    isWritable: isWritable === "yes",
    owner,
    holders: rows("holder")
      .filter(([file]) => file === path)
      .map(([, pid = "", name = "", user = "", cgroup = ""]) => ({
        ...{ pid, name, user, cgroup },
        isLocking: locks.has(`${path}\t${pid}`),
      })),
  }));
}
