import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

import type { DesiredHost } from "../model/types";
import { packageRoot } from "../render/templates";
import { commandLine } from "./commands";

const HOST = join(packageRoot(__dirname), "host");
const END = "PULUMI_SYSTEMD_HA_END_OF_FILE";

/** A file of the helper: its name below the version's directory, its text here. */
interface HelperFile {
  readonly name: string;
  readonly text: string;
  readonly mode: string;
}

/** @param faultPoints a file for lib/fault.bash, where tests kill the helper; never set outside them. */
function helperFiles(faultPoints = process.env["PULUMI_SYSTEMD_HA_FAULT_POINTS"]): HelperFile[] {
  const file = (name: string, path: string): HelperFile => ({
    name,
    text: readFileSync(path, "utf8"),
    mode: name === "helper" ? "0755" : "0644",
  });
  const libraries = readdirSync(join(HOST, "lib")).sort();
  return [
    ...(faultPoints !== undefined && existsSync(faultPoints) ? [file("lib/fault.bash", faultPoints)] : []),
    ...libraries.map((name) => file(`lib/${name}`, join(HOST, "lib", name))),
    file("helper", join(HOST, "helper")),
  ];
}

/** The host-side helper as one text for `bash -s`: what it takes to install it, and its files. */
export function helperBundle(faultPoints?: string): string {
  const files = helperFiles(faultPoints).map(
    ({ name, mode, text }) => `add_file ${name} ${mode} ${heredoc(text)}`,
  );
  const bootstrap = readFileSync(join(HOST, "bootstrap.bash"), "utf8");
  return [bootstrap, ...files, 'finish "$@"\n'].join("\n");
}

/** What host/probe says of a helper that is installed whole; see its function `helper`. */
export function helperListing(faultPoints?: string): string {
  const lines = helperFiles(faultPoints).flatMap(({ name, mode, text }) => [
    `f ${mode.replace(/^0/, "")} root:root ${name}\n`,
    `${sha256(text)}  ./${name}\n`,
  ]);
  return sha256(lines.sort().join(""));
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** Bash reads a script that comes on stdin letter by letter, a system call each; cat takes the rest in one piece. */
const ALL_AT_ONCE = ". <(cat)";

/** The probe's files, in the order in which they are read. */
const PROBE = ["tell", "look", "requirements", "installed", "main"].map((name) => `probe/${name}.bash`);

/** host/probe as one text for `bash -s`, with what it is to look at. */
export function probeBundle(desired: DesiredHost, texts: readonly { path: string; text: string }[]): string {
  const library = ["lib/observe.bash", ...PROBE].map((name) => readFileSync(join(HOST, name), "utf8"));
  const things = [
    ...desired.directories.map(({ path, mode }) => `add_thing directory ${path} ${mode}`),
    ...desired.logs.map(({ path, mode }) => `add_thing log ${path} ${mode}`),
    ...desired.files.map(({ path, mode }) => `add_thing file ${path} ${mode}`),
    ...desired.units.map(({ name }) => `add_thing unit ${name} -`),
  ];
  const calls = texts.map(({ path, text }) => `add_text ${commandLine([path, text])}`);
  return [ALL_AT_ONCE, ...library, ...things, ...calls, 'main "$@"\n'].join("\n");
}

const DOCTOR = ["machine", "units", "urls", "paths", "databases", "main"].map(
  (name) => `doctor/${name}.bash`,
);

/** host/doctor as one text for `bash -s`. */
export function doctorBundle(): string {
  const files = ["lib/observe.bash", "lib/log.bash", "probe/tell.bash", ...DOCTOR];
  const library = files.map((name) => readFileSync(join(HOST, name), "utf8"));
  return [ALL_AT_ONCE, ...library, 'main "$@"\n'].join("\n");
}

const heredoc = (text: string): string => `<<'${END}'\n${text}${END}\n`;
