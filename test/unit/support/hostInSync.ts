import { createHash } from "node:crypto";

import { type ObservedHost, type ObservedThing, parseObservedHost } from "../../../src/drift/observedHost";
import { desiredManifest, revisionOf } from "../../../src/model/manifest";
import type { ManagedUnit } from "../../../src/model/types";
import { desiredOf, filesOf, type Raw } from "./configs";

/** A line of host/probe's answer. */
export type Row = readonly [key: string, ...values: string[]];

export const answerOf = (rows: readonly Row[]): string =>
  [...rows, ["end", "yes"]].map((row) => `${row.join("\t")}\n`).join("");

export const base64 = (text: string): string => Buffer.from(text, "utf8").toString("base64");
export const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

export const STACK = "project/stack";
export const TRANSACTION = "0123456789ab";
export const INVOCATION = "11111111222222223333333344444444";

/** As `helper install` gets it. */
export const manifestOf = (raw: Raw, stack = STACK): string =>
  desiredManifest(
    desiredOf(raw),
    Object.fromEntries(filesOf(raw, stack).map(({ path, key }) => [path, key])),
    stack,
  );

/** As `helper confirm` leaves it. */
export const confirmedManifest = (manifest: string, transaction = TRANSACTION, counter = 3): string =>
  `${manifest}confirmed\t${transaction}\t${revisionOf(manifest)}\t${counter}\t2026-01-22T22:14:39+0100\n`;

export const witnessOf = (raw: Raw, stack = STACK): string => {
  const unit = filesOf(raw, stack).find(({ template }) => template === "app.service")?.text ?? "";
  return /WITNESS=([0-9a-f]{16})$/m.exec(unit)?.[1] ?? "none";
};

/** What host/probe says of a host that has all that the seed's service needs, and nothing of ours. */
export const READY_HOST: readonly Row[] = [
  ["machine_id", "0123456789abcdef0123456789abcdef"],
  ["systemd_running", "yes"],
  ["journal_persistent", "yes"],
  ["systemd_version", "252"],
  ["user_exists", "yes"],
  ["group_exists", "yes"],
  ["directory_type", "directory"],
  ["executable_type", "regular file"],
  ["executable_runs", "yes"],
  ["unit_load_state:apache2.service", "loaded"],
  ["unit_active_state:apache2.service", "inactive"],
  ["state_anchor", "1 1000"],
];

/** The same where nothing of ours is, file by file. */
export const newHostRows = (raw: Raw): Row[] => [
  ...READY_HOST,
  ...desiredOf(raw).files.map(({ path }): Row => ["file", path, "", "", "", "7 700", "", ""]),
];

export interface InSync {
  readonly stack?: string;
  readonly transaction?: string;
  readonly counter?: number;
  /** What the helper and the files were sent with last, by path. */
  readonly revisions?: Readonly<Record<string, string>>;
  /** @default "listing" */
  readonly helperListing?: string;
}

/** What host/probe says of a host where a configuration was confirmed, and nobody touched anything since. */
export function rowsInSync(raw: Raw, inSync: InSync = {}): Row[] {
  const { stack = STACK, transaction, counter, helperListing = "listing" } = inSync;
  const desired = desiredOf(raw);
  const files = filesOf(raw, stack);
  const revisions =
    inSync.revisions ??
    Object.fromEntries(["helper", ...files.map(({ path }) => path)].map((name) => [name, "kept"]));
  const thing = (
    kind: string,
    { path, mode, owner }: { path: string; mode: string; owner: string },
    [hash, key] = ["", ""],
  ): Row => [
    ...([kind, path, kind === "directory" ? "directory" : "regular file"] as const),
    ...[mode, owner, "7 700", hash, key],
  ];
  const unit = ({ name, role }: ManagedUnit): Row => [
    ...(["unit", name, "UptimeSec=90000", "LoadState=loaded", "UnitFileState=enabled"] as const),
    ...(role === "recovery"
      ? ["ActiveState=inactive", "SubState=dead"]
      : ["ActiveState=active", `SubState=${role === "timer" ? "waiting" : "running"}`]),
    ...["NeedDaemonReload=no", "Result=success", "ExecMainStatus=0", "StateChangeTimestampMonotonic=5000000"],
    `InvocationID=${role === "recovery" ? "" : INVOCATION}`,
  ];
  return [
    ...READY_HOST,
    ["manifest", "", base64(confirmedManifest(manifestOf(raw, stack), transaction, counter))],
    ["attempts", "5", "5"],
    ["released", "no"],
    ...Object.entries(revisions).map(([path, revision]): Row => ["revision", path, revision]),
    ...desired.directories.map((directory) => thing("directory", directory)),
    ...desired.logs.map((log) => thing("log", log)),
    // A secret's hash isn't asked for.
    ...files.map((file) => thing("file", file, [file.secret ? "" : file.key, file.key])),
    ...files.map(({ key, text }): Row => ["staged", key, key === sha256(text) ? "yes" : "no"]),
    ...desired.units.map(unit),
    [
      ...(["process", desired.requirements.unit, `${INVOCATION} ${witnessOf(raw, stack)}`] as const),
      `PULUMI_SYSTEMD_HA_WITNESS=${witnessOf(raw, stack)}`,
    ],
    ["helper", helperListing, "9 900"],
  ];
}

/** The same, read. */
export const inSyncHost = (raw: Raw, inSync: InSync = {}): ObservedHost =>
  parseObservedHost(answerOf(rowsInSync(raw, inSync)));
export const newHost = (raw: Raw): ObservedHost => parseObservedHost(answerOf(newHostRows(raw)));

/** A copy where a file, log or directory is another. */
export const withThing = (
  host: ObservedHost,
  path: string,
  change: Partial<ObservedThing>,
): ObservedHost => ({
  ...host,
  things: host.things.map((thing) => (thing.path === path ? { ...thing, ...change } : thing)),
});

/** A copy where systemd says something else of a unit. */
export const withUnit = (
  host: ObservedHost,
  unit: string,
  properties: Readonly<Record<string, string>>,
  changed: ObservedHost["units"][string]["changed"] = [],
): ObservedHost => ({
  ...host,
  units: {
    ...host.units,
    [unit]: { properties: { ...host.units[unit]?.properties, ...properties }, changed },
  },
});
