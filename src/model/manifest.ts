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
  ];
  return rows.map((columns) => `${columns.join("\t")}\n`).join("");
}

function keyOf(keys: FileKeys, path: string): string {
  const key = keys[path];
  if (key === undefined) throw new Error(`no content was rendered for ${path}`);
  return key;
}
