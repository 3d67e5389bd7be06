import { createHash } from "node:crypto";

import type { DesiredHost } from "./types";

/** The keys under which files' contents are staged, by path. */
export type FileKeys = Readonly<Record<string, string>>;

/**
 * The desired manifest: the text which `helper install` gets, in lines of tab-separated columns.
 * The columns are explained in host/lib/manifest.bash.
 */
export function desiredManifest(desired: DesiredHost, keys: FileKeys, stack: string): string {
  const rows = [
    ["pulumi-systemd-ha-manifest", "1", desired.service, stack],
    ...desired.directories.map(({ path, mode, owner }) => [
      "directory",
      path,
      "-",
      mode,
      owner,
      "-",
      "-",
      "-",
    ]),
    ...desired.logs.map(({ path, mode, owner }) => ["log", path, "-", mode, owner, "-", "-", "-"]),
    ...desired.files.map(({ path, mode, owner, secret }) => {
      const key = keyOf(keys, path);
      // The key of a secret file isn't its hash, from which a short secret could be guessed.
      return ["file", path, secret ? "-" : key, mode, owner, "-", key, "-"];
    }),
    ...desired.units.map(({ name, role, origin }) => ["unit", name, "-", "-", "-", "-", role, origin]),
    ...settings(desired).map(([name, value]) => ["setting", name, "-", "-", "-", "-", value, "-"]),
  ];
  return rows.map((columns) => `${columns.join("\t")}\n`).join("");
}

/** What the helper's later steps need to know. */
const settings = ({
  healthyWithinSec,
  confirmWithinSec,
  healthCheckScript,
  historyKeep,
  alertAgainAfterSec,
  maintenance,
  previousName,
}: DesiredHost) =>
  [
    ...(previousName === undefined ? [] : [["previousName", previousName] as const]),
    ["healthyWithinSec", String(healthyWithinSec)],
    ["confirmWithinSec", String(confirmWithinSec)],
    ["healthCheckScript", healthCheckScript],
    ["historyKeep", String(historyKeep)],
    ...(alertAgainAfterSec === undefined
      ? []
      : [["alertAgainAfterSec", String(alertAgainAfterSec)] as const]),
    ...(maintenance ? [["maintenance", "yes"] as const] : []),
  ] as const;

function keyOf(keys: FileKeys, path: string): string {
  const key = keys[path];
  if (key === undefined) throw new Error(`no content was rendered for ${path}`);
  return key;
}

/** The revision of a configuration: a hash of its desired manifest, as the host computes it too. */
export const revisionOf = (manifest: string): string =>
  createHash("sha256").update(manifest).digest("hex").slice(0, 16);

/** A manifest that was read from a host. */
export interface Manifest {
  /** `project/stack`. */
  readonly stack: string;
  readonly things: readonly ManifestThing[];
  readonly units: readonly { readonly name: string; readonly role: string }[];
  /** The configuration keeps the service stopped. */
  readonly maintenance?: true;
  /** Lacking in that of an update which isn't confirmed. */
  readonly confirmed?: Confirmed;
}

export interface Confirmed {
  readonly transaction: string;
  readonly revision: string;
  readonly counter: number;
  /** When somebody brought it back by hand, in ISO 8601 with the host's offset; lacking in that of an update. */
  readonly returnedAt?: string;
}

export interface ManifestThing {
  readonly kind: "directory" | "log" | "file";
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  /** The content's SHA-256; `-` for a secret and for what isn't a file. */
  readonly hash: string;
  /** Under which the content is stored on the host; `-` for what isn't a file. */
  readonly key: string;
}

/** @returns undefined if it isn't whole: a confirmed manifest has the revision that it names. */
export function parseManifest(text: string): Manifest | undefined {
  const lines = text.split("\n").filter((line) => line !== "");
  const rows = lines.map((line) => line.split("\t"));
  const [header = [], ...rest] = rows;
  if (header[0] !== "pulumi-systemd-ha-manifest" || header[1] !== "1") return undefined;
  const last = rest.find(([kind]) => kind === "confirmed");
  const desired = lines.filter((line) => !line.startsWith("confirmed\t")).map((line) => `${line}\n`);
  if (last !== undefined && revisionOf(desired.join("")) !== last[2]) return undefined;
  return {
    stack: header[3] ?? "",
    things: rest.flatMap(([kind = "", path = "", hash = "", mode = "", owner = "", , key = ""]) =>
      isThing(kind) ? [{ kind, path, hash, mode, owner, key }] : [],
    ),
    units: rest
      .filter(([kind]) => kind === "unit")
      .map(([, name = "", , , , , role = ""]) => ({ name, role })),
    ...(rest.some(([kind, name]) => kind === "setting" && name === "maintenance") && { maintenance: true }),
    ...(last !== undefined && {
      confirmed: {
        transaction: last[1] ?? "",
        revision: last[2] ?? "",
        counter: Number.parseInt(last[3] ?? "", 10) || 0,
        ...(last[5] === "returned" && { returnedAt: last[4] ?? "" }),
      },
    }),
  };
}

const isThing = (kind: string): kind is ManifestThing["kind"] =>
  kind === "directory" || kind === "log" || kind === "file";
