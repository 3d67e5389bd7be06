import { commandLine } from "../../../src/remote/commands";

/** `unknown`: not tested, because of something below it or for want of a tool. */
export type Status = "ok" | "warning" | "failed" | "unknown";

/** A command to mend something, or to see more of it. */
export interface Mend {
  /** `host`: there, as root; `here`: in this checkout, on the operator's machine. */
  readonly on: "host" | "here";
  readonly command: string;
}

export interface Problem {
  readonly status: "warning" | "failed";
  /** A sentence. */
  readonly cause: string;
  readonly mend?: Mend;
  /** Unified, of a file that drifted. */
  readonly diff?: string;
}

/** What was found of one layer between the host's ground and its users. */
export interface Layer {
  readonly name: string;
  readonly status: Status;
  /** What it looks like, or why it wasn't tested; empty where something is wrong. */
  readonly seen: string;
  readonly problems: readonly Problem[];
}

export const onHost = (command: string): Mend => ({ on: "host", command });
export const here = (command: string): Mend => ({ on: "here", command });

/**
 * A command for the host that is run as the service's user: what lies below its directory, it may have swapped for a link when root
 * pastes the command.
 */
export const asUser = (
  { user, group = user }: { readonly user: string; readonly group?: string | undefined },
  ...words: readonly string[]
): Mend => onHost(commandLine(["setpriv", `--reuid=${user}`, `--regid=${group}`, "--init-groups", ...words]));

/** A path or name in a command that somebody pastes as root: whoever chose it must not choose the command. */
export const word = (text: string): string => commandLine([text]);

export const failed = (cause: string, mend?: Mend): Problem => ({
  ...{ status: "failed", cause },
  ...(mend && { mend }),
});
export const warning = (cause: string, mend?: Mend): Problem => ({
  ...{ status: "warning", cause },
  ...(mend && { mend }),
});

/** @param seen if nothing is wrong */
export function layer(name: string, seen: string, problems: readonly Problem[]): Layer {
  if (problems.length === 0) return { name, status: "ok", seen, problems };
  const status = problems.some((problem) => problem.status === "failed") ? "failed" : "warning";
  return { name, status, seen: "", problems };
}

/** @param because of what; part of a sentence */
export const untested = (name: string, because: string): Layer => ({
  ...{ name, status: "unknown", seen: `not tested: ${because}`, problems: [] },
});
