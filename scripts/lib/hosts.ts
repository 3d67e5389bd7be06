import { contactSentence } from "../../src/errors";
import { printable } from "../../src/drift/textDiff";
import { helperLine } from "../../src/remote/commands";
import { connectionTo } from "../../src/remote/connection";
import { ContactError, type Ended, runOnHost } from "../../src/remote/session";
import { helperVersion } from "../../src/render/templates";
import { EXIT } from "./program";
import { type SelectedStack, UsageError } from "./stack";

export type StackHost = SelectedStack["config"]["hosts"][number];

/** A host that doesn't do what it's asked for. */
export class HostError extends Error {
  override readonly name = "HostError";
  constructor(
    readonly exitCode: number,
    sentence: string,
  ) {
    super(sentence);
  }
}

/** The stack's hosts, or the one of that name. */
export function chosenHosts({ config }: SelectedStack, name: string | undefined): readonly StackHost[] {
  const hosts = config.hosts.filter((host) => name === undefined || host.name === name);
  if (hosts.length > 0) return hosts;
  const names = config.hosts.map((host) => host.name).join(", ");
  throw new UsageError(`the stack has no host ${name ?? ""}; it has: ${names}`);
}

export interface HelperCall {
  /** The verb and what comes behind the service's name. */
  readonly words: readonly [verb: string, ...rest: string[]];
  readonly stdin?: string;
  /** Longer than the helper's own limit. */
  readonly timeoutSec: number;
  /** What is so where the answer doesn't arrive any more. @default nothing was changed */
  readonly whenLost?: string;
}

/**
 * Calls the host-side helper over a connection of its own.
 *
 * @returns what it printed
 * @throws HostError
 */
export async function callHelper(host: StackHost, stack: SelectedStack, call: HelperCall): Promise<string> {
  const { config } = stack;
  const [verb, ...rest] = call.words;
  const line = helperLine(helperVersion(), [verb, config.service.name, ...rest]);
  const { address, user, port } = host;
  const lost = new HostError(
    EXIT.unreachable,
    `the connection to ${user}@${address} was lost${call.whenLost === undefined ? "" : `; ${call.whenLost}`}`,
  );
  const { stdin, timeoutSec } = call;
  const ended = await runOnHost(connectionTo(host, config), line, {
    timeoutSec,
    ...(stdin !== undefined && { stdin }),
  }).catch((error: unknown) => {
    if (!(error instanceof ContactError)) throw error;
    // Logged in already.
    if (error.failure.kind === "probeFailed") throw lost;
    const target = error.target ?? { host: address, user, port };
    throw new HostError(EXIT.unreachable, contactSentence(target, error.failure));
  });
  if (ended.code === 0) return ended.stdout;
  if (typeof ended.code !== "number") throw lost;
  throw failureOf({ ...ended, code: ended.code }, host, config.service.name, verb);
}

/** By the helper's exit code, see host/helper. */
function failureOf(
  { code, stderr }: Ended & { readonly code: number },
  { address, user, port }: StackHost,
  service: string,
  verb: string,
): HostError {
  const said = printable(stderr).trim();
  if (said.startsWith("sudo:")) {
    const failure = { kind: "sudo", reason: said.split("\n")[0] ?? "" } as const;
    return new HostError(EXIT.unreachable, contactSentence({ host: address, user, port }, failure));
  }
  switch (code) {
    case 4:
      return new HostError(EXIT.refused, said);
    case 6:
      return new HostError(EXIT.rolledBack, said);
    case 124:
      // Out of time; a return that is, has been rolled back.
      return new HostError(verb === "return" ? EXIT.rolledBack : EXIT.finding, said);
    case 2:
    case 126:
    case 127:
      return new HostError(
        EXIT.refused,
        `nothing of ${service} is installed on ${address} by this release: run pulumi up`,
      );
    default:
      return new HostError(EXIT.finding, said || `the helper on ${address} ended with ${code}`);
  }
}
