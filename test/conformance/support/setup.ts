import { afterAll, onTestFinished } from "vitest";
import type { DisposableHost } from "../../support/disposableHost";
import { type Data, PulumiStack, type Resource } from "./stack";

type Arguments = Resource["args"];

const pattern = PulumiStack.create();
afterAll(async () => (await pattern).close());

/** A stack that is gone with the test. */
export async function newStack(): Promise<PulumiStack> {
  const stack = await PulumiStack.create(await pattern);
  onTestFinished(() => stack.close());
  return stack;
}

/** As the library connects: pinned host key, private key. */
export function connectionTo(host: DisposableHost, more: Arguments = {}): Arguments {
  return { host: host.address, hostKey: host.hostKey, privateKey: host.privateKey, ...more };
}

/** `remote.Command` with the previous output kept out of the environment, as the library always has it. */
export function command(
  name: string,
  connection: Data,
  args: Arguments,
  options: NonNullable<Resource["options"]> = {},
): Resource {
  return { name, args: { connection, addPreviousOutputInEnv: false, ...args }, options };
}

/**
 * Begins every command that is given a stdin it doesn't care for. Where one exits 0 and leaves even one byte unread,
 * the official plugin now and then fails with "EOF", the drop-in doesn't; the library's commands read all of it, so
 * nothing depends on that.
 */
export const SKIP_STDIN = "cat >/dev/null; ";

/** A shell command that leaves a word in a journal on the host, with the user that it ran as. */
export function note(journal: string, word: string): string {
  return `${SKIP_STDIN}echo "${word} $(id -un)" >>/var/tmp/${journal}; chmod -f a+w /var/tmp/${journal}; true`;
}

/** What `note` left, and forgets it. */
export async function takeNotes(host: DisposableHost, journal: string): Promise<readonly string[]> {
  const { stdout } = await host.exec(
    `touch /var/tmp/${journal}; cat /var/tmp/${journal}; rm /var/tmp/${journal}`,
  );
  return stdout.split("\n").filter((line) => line !== "");
}
