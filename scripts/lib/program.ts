import * as pulumi from "@pulumi/pulumi";

import { UsageError } from "./stack";

/** The scripts' exit codes, see scripts/lib/common.bash; the last one is the shell's for Ctrl-C. */
export const EXIT = {
  ok: 0,
  finding: 1,
  usage: 2,
  unreachable: 3,
  refused: 4,
  rolledBack: 5,
  interrupted: 130,
} as const;

/** Runs a script to its exit code. What is the caller's mistake is a sentence, all else shows where it came from. */
export function runProgram(main: () => Promise<number>): void {
  main().then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      const isOurs =
        error instanceof UsageError ||
        pulumi.RunError.isInstance(error) ||
        (error as NodeJS.ErrnoException).code?.startsWith("ERR_PARSE_ARGS") === true;
      console.error(isOurs ? `error: ${(error as Error).message}` : error);
      process.exitCode = isOurs ? EXIT.usage : EXIT.finding;
    },
  );
}
