import { helperPath } from "../model/paths";

/**
 * The words of each call of the host-side helper. Pure.
 *
 * A command is part of a resource's inputs: another text runs it again at every user. So it's short, and nothing in it changes
 * that needn't; what is long or secret goes by stdin, which errors don't quote.
 */
export interface StepOptions {
  readonly service: string;
  /** The update which the step belongs to. */
  readonly transaction: string;
}

export const stage = (service: string, path: string, key: string): string[] => [
  "stage",
  service,
  path,
  "--key",
  key,
];

export const install = ({ service, transaction }: StepOptions, withinSec: number): string[] => [
  ...["install", service, "--transaction", transaction],
  ...["--within", String(withinSec)],
];

export const daemonReload = ({ service, transaction }: StepOptions): string[] => [
  "daemon-reload",
  service,
  "--transaction",
  transaction,
];

export const enable = (
  { service, transaction }: StepOptions,
  unit: string,
  withinSec: number,
  witness?: string,
): string[] => [
  ...["enable", service, unit, "--transaction", transaction],
  ...["--within", String(withinSec)],
  ...(witness === undefined ? [] : ["--witness", witness]),
];

export const verify = ({ service, transaction }: StepOptions, unit: string, withinSec: number): string[] => [
  ...["verify", service, unit, "--transaction", transaction],
  ...["--within", String(withinSec)],
];

export const healthCheck = (
  { service, transaction }: StepOptions,
  script: string,
  withinSec: number,
): string[] => [
  ...["health-check", service, "--transaction", transaction],
  ...["--within", String(withinSec), "--script", script],
];

export const confirm = ({ service, transaction }: StepOptions): string[] => [
  "confirm",
  service,
  "--transaction",
  transaction,
];

/** The two commands whose stdin is the helper itself, since it may not be there. */
export const installHelper = (version: string): string[] => ["bash", "-s", "--", "install-helper", version];
export const uninstall = (service: string): string[] => ["bash", "-s", "--", "uninstall", service];

/** The command line of a helper's verb for a login as `user`. */
export const helperLine = (user: string, version: string, words: readonly string[]): string =>
  asRoot(user, [helperPath(version), ...words]);

/** Quoted for the login shell; another user than root goes through sudo, which must never ask: nobody could answer. */
export const asRoot = (user: string, words: readonly string[]): string =>
  [...(user === "root" ? [] : ["sudo", "-n"]), ...words].map(quoted).join(" ");

/** Plain words stay as they are, for people read these in plans. */
const quoted = (word: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
