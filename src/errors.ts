import type { Problem } from "./config/types";

/**
 * Every error that a user can meet: facts in, a sentence and what to do out. Pure; who throws chooses the class.
 */

/** All that is wrong with a stack's configuration. */
export function configurationSentence(project: string, stack: string, problems: readonly Problem[]): string {
  const lines = problems.map(({ key, message }) => `  ${project}:${key}: ${message}`);
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return `the configuration of stack ${stack} has ${count}; nothing was contacted:\n${lines.join("\n")}\nCorrect Pulumi.${stack}.yaml, or use \`pulumi config set\`; docs/configuration.md explains every key.`;
}

/** The same for the library's caller, who has no configuration file. */
export const problemsSentence = (problems: readonly Problem[]): string =>
  `the service's arguments are wrong:\n${problems.map(({ key, message }) => `  ${key}: ${message}`).join("\n")}`;

/** Why the first contact with a host failed. */
export type ContactFailure =
  | { readonly kind: "unreachable"; readonly reason: string }
  | { readonly kind: "wrongHostKey"; readonly offered: string }
  | { readonly kind: "loginRefused"; readonly tried: string }
  | { readonly kind: "badKey"; readonly reason: string }
  | { readonly kind: "needsPassphrase" }
  | { readonly kind: "wrongPassphrase" }
  | { readonly kind: "noKey" }
  | { readonly kind: "emptyAgent" }
  | { readonly kind: "deadAgent"; readonly socket: string }
  | { readonly kind: "sudo"; readonly reason: string }
  | { readonly kind: "probeFailed"; readonly reason: string };

export interface ContactTarget {
  readonly user: string;
  readonly host: string;
  readonly port: number;
}

/** One sentence a cause, with what to do. */
export function contactSentence({ user, host, port }: ContactTarget, failure: ContactFailure): string {
  const where = `${user}@${host}${port === 22 ? "" : ` port ${port}`}`;
  switch (failure.kind) {
    case "unreachable":
      if (/ENOTFOUND|EAI_AGAIN/.test(failure.reason)) {
        return `${host} is no host name that can be resolved here: correct the address, or see why the name server doesn't answer`;
      }
      return `cannot reach ${where}: ${failure.reason}. Is the host up, is the address right, and does a firewall let port ${port} through?`;
    case "wrongHostKey":
      return `${where} shows another host key than the pinned one; nothing was sent. It offers ${failure.offered}. If the server was reinstalled, compare this with /etc/ssh/ssh_host_*_key.pub on its console and set hostKey to it; otherwise somebody may be in between.`;
    case "loginRefused":
      return `${where} refused the login with ${failure.tried}. Add the public key to ~${user}/.ssh/authorized_keys on the server, or set the right sshPrivateKey or user.`;
    case "badKey":
      return `sshPrivateKey can't be read: ${failure.reason}. Set the whole private key, from its first line with BEGIN to the last with END: pulumi config set --secret sshPrivateKey < ~/.ssh/id_ed25519`;
    case "needsPassphrase":
      return "sshPrivateKey is encrypted and there is no passphrase; set it: pulumi config set --secret sshPrivateKeyPassphrase";
    case "wrongPassphrase":
      return "sshPrivateKeyPassphrase doesn't fit sshPrivateKey; set the right one: pulumi config set --secret sshPrivateKeyPassphrase";
    case "emptyAgent":
      return `the ssh-agent holds no key for ${where}: add one (ssh-add ~/.ssh/id_ed25519), or set sshPrivateKey`;
    case "noKey":
      return `there is no key for ${where}: set sshPrivateKey (pulumi config set --secret sshPrivateKey < ~/.ssh/id_ed25519), or start an ssh-agent so that SSH_AUTH_SOCK is set`;
    case "deadAgent":
      return `SSH_AUTH_SOCK is ${failure.socket}, where no ssh-agent answers; start one or unset the variable: the command plugin would fail at it even with a private key`;
    case "sudo":
      return `${user} on ${host} can't use sudo without a password (${failure.reason}). Add a file in /etc/sudoers.d with: ${user} ALL=(ALL) NOPASSWD: ALL`;
    case "probeFailed":
      return `${where} answers, but looking at it failed: ${failure.reason}`;
  }
}

/** All that a host lacks before anything can be installed on it. */
export const preflightSentence = (host: string, problems: readonly string[]): string =>
  `${host} isn't ready; nothing was changed on it:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`;

/** @param command which lets this stack take the service over, ready to paste */
export const otherStackSentence = (host: string, service: string, stack: string, command: string): string =>
  `${service} on ${host} belongs to stack ${stack}; nothing was changed. Remove it there first (pulumi destroy), or, if this stack is to take it over: ${command}`;

/** What the other hosts of an update have while one of them is being updated; each list by their names. */
export function otherHostsSentence(others: {
  readonly updated: readonly string[];
  /** That don't wait for this one, nor it for them. */
  readonly independent: readonly string[];
  readonly untouched: readonly string[];
}): string {
  const parts = [
    [others.updated, "the new configuration"],
    [others.independent, "the new configuration if it was confirmed, else the previous one"],
    [others.untouched, "the previous configuration, untouched"],
  ] as const;
  return `of the other hosts: ${parts
    .filter(([names]) => names.length > 0)
    .map(([names, words]) => `${names.join(", ")}: ${words}`)
    .join("; ")}`;
}

/**
 * Without its stack, which says nothing to a user: the engine prints only the sentence.
 * Formatting a source-mapped stack inside `apply` takes half a minute of CPU besides.
 */
export function plainError<E extends Error>(error: E): E {
  delete error.stack;
  const { message } = error;
  // Newer SDKs put "error serializing property …" in front, once for each of the resources that wait for this: 17 times.
  Object.defineProperty(error, "message", { get: () => message, set: () => undefined });
  return error;
}
