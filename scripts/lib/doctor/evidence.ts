import { type Listener } from "../../../src/drift/observedHost";
import { type Mend, onHost, word } from "./verdict";

/** What systemd writes about a unit tells less than what the unit says itself. */
const SYSTEMD =
  /^(Start(ing|ed)|Stopp(ing|ed)|Reload(ing|ed)|Failed to start) |^\S+\.(service|timer): |^AH00558/;
/** A line of a traceback's end, or what else sounds like a reason. */
const REASONS: readonly RegExp[] = [
  /\b[A-Z]\w*(Error|Exception)\b(: |$)/,
  /\b(denied|refused|in use|no such|no space|not found|locked|cannot|can't|could not|fatal|panic|failed|error)\b/i,
];

/** The line that tells most of why something ended; undefined if none does. Pure. */
export function tellingLine(lines: readonly string[]): string | undefined {
  const own = lines.filter((line) => !SYSTEMD.test(line));
  for (const reason of REASONS) {
    const line = own.findLast((candidate) => reason.test(candidate));
    if (line !== undefined) return line.trim();
  }
  return undefined;
}

/** What lines say that a unit can't get or do, in words. The first that fits. */
const KNOWN: readonly (readonly [RegExp, string])[] = [
  [/No space left on device|Errno 28|ENOSPC/i, "there is no space left on a disk (see host)"],
  [/Too many open files|EMFILE/i, "it has too many files open (LimitNOFILE=)"],
  [/No module named|ModuleNotFoundError|Cannot find module/, "something that it needs isn't installed"],
  [/readonly database/, "its user can't write its database (see database)"],
  [/database is locked/, "its database was locked (see database)"],
  [/address already in use|Errno 98|EADDRINUSE/i, "its port was taken when it started"],
  [/Permission denied|Errno 13|EACCES/i, "its user isn't allowed to use something"],
];

export const knownReason = (lines: readonly string[]): string | undefined =>
  KNOWN.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];

/** What systemd could not do before the program began; see systemd.exec(5), "Process Exit Codes". */
const BEFORE_EXEC: Readonly<Record<string, string>> = {
  "200": "systemd couldn't enter its working directory",
  "203": "systemd couldn't execute its program",
  "209": "systemd couldn't open its log for standard output",
  "216": "there is no such group",
  "217": "there is no such user",
};

export const exitReason = (status: string): string | undefined => BEFORE_EXEC[status];

/** `python3 (process 812, of squatter.service)`. Pure. */
export function processText({ process, pid, cgroup }: Listener): string {
  const unit = unitOf(cgroup);
  const facts = [
    ...(pid === undefined ? [] : [`process ${pid}`]),
    ...(unit === undefined ? [] : [`of ${unit}`]),
  ];
  return `${process}${facts.length === 0 ? "" : ` (${facts.join(", ")})`}`;
}

const unitOf = (cgroup: string): string | undefined => /\/([^/ ]+\.service)(\/|\s|$)/.exec(cgroup)?.[1];

/** Ends a process that stands in the way; one of a unit by its unit, else systemd would start it again. Pure. */
export function endProcess({ pid, cgroup }: Listener): Mend | undefined {
  const unit = unitOf(cgroup);
  // Of a login, or of a user's own systemd.
  if (unit !== undefined && !unit.startsWith("user@")) return onHost(`systemctl stop ${word(unit)}`);
  return pid === undefined ? undefined : onHost(`kill ${word(pid)}`);
}
