import type { Config, Problem } from "./types";

/** What a schema can't say, where the keys that it reads have their shape. */
export interface Rule {
  readonly reads: readonly string[];
  readonly find: (config: Config) => readonly Problem[];
}

/** A list of the one problem, or of none. */
export const refuse = (isWrong: boolean, key: string, message: string): Problem[] =>
  isWrong ? [{ key, message }] : [];
