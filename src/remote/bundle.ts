import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { packageRoot } from "../render/templates";

const HOST = join(packageRoot(__dirname), "host");
const END = "PULUMI_SYSTEMD_HA_END_OF_FILE";

/** The helper's version: part of its path on the host, and so of every command. See host/VERSION. */
export const helperVersion = (): string => readFileSync(join(HOST, "VERSION"), "utf8").trim();

/**
 * The host-side helper as one text for `bash -s`: what it takes to install it, and its files.
 *
 * @param faultPoints a file for lib/fault.bash, where tests kill the helper; never set outside them.
 */
export function helperBundle(faultPoints = process.env["PULUMI_SYSTEMD_HA_FAULT_POINTS"]): string {
  const libraries = readdirSync(join(HOST, "lib")).sort();
  const files = [...libraries.map((name) => `lib/${name}`), "helper"].map((name) =>
    fileText(name, join(HOST, name)),
  );
  const faults =
    faultPoints !== undefined && existsSync(faultPoints) ? [fileText("lib/fault.bash", faultPoints)] : [];
  const bootstrap = readFileSync(join(HOST, "bootstrap.bash"), "utf8");
  return [bootstrap, ...faults, ...files, 'finish "$@"\n'].join("\n");
}

function fileText(name: string, path: string): string {
  const mode = name === "helper" ? "0755" : "0644";
  return `add_file ${name} ${mode} <<'${END}'\n${readFileSync(path, "utf8")}${END}\n`;
}
