import { dial } from "./dial";
import type { Engine } from "./engine";
import type { Variable } from "./environment";
import type { CommandInputs } from "./inputs";
import { LineLog } from "./lineLog";
import { type Output, run } from "./run";

/** What the state has: the inputs, and the output of the last command that succeeded. */
export type CommandState = CommandInputs & Output;

export interface Operation {
  readonly urn: string;
  readonly engine: Engine;
  /** Bounds the dialling only: like the official plugin, this one waits for a running command to its end. */
  readonly signal: AbortSignal;
}

/** Connects, runs one command, closes. `previous` is the output that the command may find in its environment. */
export async function runCommand(
  text: string,
  inputs: CommandInputs,
  previous: Output,
  { urn, engine, signal }: Operation,
): Promise<Output> {
  const log = new LineLog((line) => engine.line(urn, line));
  const progress = (line: string): void => {
    log.write(Buffer.from(`${line}\n`));
  };
  const ignore = (): void => undefined;
  const write = (chunk: Buffer): void => {
    log.write(chunk);
  };
  const { logging = "stdoutAndStderr" } = inputs;
  try {
    const { client, close } = await dial(inputs.connection, { progress, signal });
    try {
      return await run(
        client,
        { text, stdin: inputs.stdin ?? "", variables: variablesOf(inputs, previous) },
        {
          refused: ({ name, isOptional }) => {
            const message = `Unable to set '${name}': the SSH server doesn't accept it (AcceptEnv in sshd_config)`;
            void (isOptional ? engine.warning(urn, message) : engine.error(urn, message));
          },
          stdout: logging === "stdout" || logging === "stdoutAndStderr" ? write : ignore,
          stderr: logging === "stderr" || logging === "stdoutAndStderr" ? write : ignore,
        },
      );
    } finally {
      close();
    }
  } finally {
    await log.finish();
  }
}

function variablesOf(inputs: CommandInputs, previous: Output): readonly Variable[] {
  const own = Object.entries(inputs.environment ?? {}).map(([name, value]) => ({
    name,
    value,
    isOptional: false,
  }));
  if (inputs.addPreviousOutputInEnv === false) return own;
  return [
    ...own,
    { name: "PULUMI_COMMAND_STDOUT", value: previous.stdout, isOptional: true },
    { name: "PULUMI_COMMAND_STDERR", value: previous.stderr, isOptional: true },
  ].filter(({ value, isOptional }) => !isOptional || value !== "");
}
