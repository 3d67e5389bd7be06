import { execFile } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { promisify } from "node:util";

/** Who changes a host and from which commit, for its history; `-` where it isn't known. */
export interface UpdateNote {
  /** `login@machine`, or in CI who started it. */
  readonly user: string;
  /** Twelve digits, and `+` if what was committed isn't all. */
  readonly commit: string;
  /** In an update of several hosts: what the others have while this one is updated. */
  readonly otherHosts?: string | undefined;
}

/** @param directory of the program */
export async function updateNote(
  env: NodeJS.ProcessEnv = process.env,
  directory: string = process.cwd(),
): Promise<UpdateNote> {
  const user = firstOf(env, ["GITHUB_ACTOR", "GITLAB_USER_LOGIN"]) ?? login(env);
  const commit =
    (await commitOf(directory)) ?? firstOf(env, ["GITHUB_SHA", "CI_COMMIT_SHA"])?.slice(0, COMMIT_DIGITS);
  return { user: plainWord(user), commit: plainWord(commit) };
}

const COMMIT_DIGITS = 12;

const firstOf = (env: NodeJS.ProcessEnv, names: readonly string[]): string | undefined =>
  names.map((name) => env[name]).find((value) => value !== undefined && value !== "");

function login(env: NodeJS.ProcessEnv): string | undefined {
  const machine = hostname();
  try {
    return `${userInfo().username}@${machine}`;
  } catch {
    // A container's user may have no name.
    const name = firstOf(env, ["LOGNAME", "USER"]);
    return name === undefined ? undefined : `${name}@${machine}`;
  }
}

/** Nothing where git is missing, or the directory is in no repository of it. */
async function commitOf(directory: string): Promise<string | undefined> {
  const words = ["describe", "--always", `--abbrev=${COMMIT_DIGITS}`, "--exclude=*", "--dirty=+"];
  try {
    const { stdout } = await promisify(execFile)("git", words, { cwd: directory, timeout: 5000 });
    return stdout.trim();
  } catch {
    return undefined;
  }
}

/** As plain_word in host/lib/history.bash: printable, short, without blanks. */
function plainWord(text = ""): string {
  const word = text.replace(/[^\x21-\x7e]/g, "").slice(0, 64);
  return word === "" ? "-" : word;
}
