import { helperPath } from "../model/paths";

/**
 * The words of each call of the host-side helper. Pure.
 *
 * A command is part of a resource's inputs: another text runs it again at every user. So nothing stands in it that could
 * change while nothing drifts: what is configured goes by stdin, which errors don't quote; who logs in doesn't matter, since
 * the helper becomes root by itself.
 */
export interface StepOptions {
  readonly service: string;
  /** The update which the step belongs to. */
  readonly transaction: string;
}

export interface StageOptions {
  readonly service: string;
  readonly path: string;
  /** Another one after every drift, so that the content is sent again. */
  readonly revision: string;
  /** The content's key comes before it on stdin: a secret's isn't its hash. */
  readonly keyed: boolean;
}

export const stage = ({ service, path, revision, keyed }: StageOptions): string[] => [
  ...["stage", service, path, "--revision", revision],
  ...(keyed ? ["--keyed"] : []),
];

export type StepVerb = "install" | "daemon-reload" | "enable" | "verify" | "health-check" | "confirm";

/** @param unit of `enable` and `verify` */
export const step = (verb: StepVerb, { service, transaction }: StepOptions, unit?: string): string[] => [
  ...[verb, service],
  ...(unit === undefined ? [] : [unit]),
  ...["--transaction", transaction],
];

/** The two commands whose stdin is the helper itself, since it may not be there. */
export const installHelper = (version: string, service: string, revision: string): string[] => [
  ...["bash", "-s", "--", "install-helper", version],
  ...[service, revision],
];
export const uninstall = (service: string): string[] => ["bash", "-s", "--", "uninstall", service];

/** The command line of a helper's verb. */
export const helperLine = (version: string, words: readonly string[]): string =>
  commandLine([helperPath(version), ...words]);

/** As root: another user than root goes through sudo, which must never ask, for nobody could answer. */
export const asRoot = (user: string, words: readonly string[]): string =>
  commandLine([...(user === "root" ? [] : ["sudo", "-n"]), ...words]);

/** Quoted for the login shell. */
export const commandLine = (words: readonly string[]): string => words.map(quoted).join(" ");

/** Plain words stay as they are, for people read these in plans. */
const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
