import type { ContactFailure } from "../errors";
import { asRoot } from "./commands";
import type { HostConnection } from "./connection";
import { ContactError, runOnHost } from "./session";

/** Longest time that the host may take to answer the probe once logged in, in seconds. */
const PROBE_TIMEOUT_SEC = 20;

/**
 * One connection, one command: runs `host/probe` (see probeBundle) as root and returns what it printed. It changes nothing on the host.
 *
 * It comes before the command plugin's first login, which would try a wrong key eleven times a command.
 * @throws ContactError
 */
export async function probeHost(
  connection: HostConnection,
  wanted: Readonly<Record<string, string>>,
  script: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<string> {
  const words = Object.entries(wanted).map(([name, value]) => `${name}=${value}`);
  const line = asRoot(connection.user ?? "root", ["bash", "-s", "--", ...words]);
  const { code, stdout, stderr } = await runOnHost(
    connection,
    line,
    { stdin: script, timeoutSec: PROBE_TIMEOUT_SEC },
    env,
  );
  if (!stdout.includes("end\tyes\n")) throw new ContactError(refusalOf(code, stderr));
  return stdout;
}

function refusalOf(code: number | null, stderr: string): ContactFailure {
  const reason = (stderr.trim().split("\n")[0] ?? "").replace(/[^\x20-\x7e]/g, "?").slice(0, 200);
  return /^sudo:|sudo: (command )?not found|is not in the sudoers/.test(reason)
    ? { kind: "sudo", reason }
    : {
        kind: "probeFailed",
        reason: reason || `it ended with ${String(code)} before its answer was complete`,
      };
}
