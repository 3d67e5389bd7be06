import { createInterface } from "node:readline/promises";

import { UsageError } from "./stack";

/**
 * Asks the operator; no is the default.
 *
 * @param instead what to do where there is nobody to ask
 * @throws UsageError without a terminal
 */
export async function isWanted(question: string, instead: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new UsageError(`there is no terminal to ask: ${instead}`);
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
