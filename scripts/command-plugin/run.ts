import { isUtf8 } from "node:buffer";
import { constants } from "node:os";
import type { Client } from "ssh2";
import { sendBeforeExec, type Variable } from "./environment";

export interface Command {
  readonly text: string;
  readonly stdin: string;
  readonly variables: readonly Variable[];
}

export interface Listener {
  readonly refused: (variable: Variable) => void;
  readonly stdout: (chunk: Buffer) => void;
  readonly stderr: (chunk: Buffer) => void;
}

export interface Output {
  readonly stdout: string;
  readonly stderr: string;
}

/** @throws an error that has the exit status, the command and what it printed on both streams, in order. */
export async function run(client: Client, command: Command, listener: Listener): Promise<Output> {
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  const all: Buffer[] = [];
  const failure = await execute(client, command, {
    refused: listener.refused,
    stdout: (chunk) => {
      all.push(chunk);
      out.push(chunk);
      listener.stdout(chunk);
    },
    stderr: (chunk) => {
      all.push(chunk);
      err.push(chunk);
      listener.stderr(chunk);
    },
  });
  if (failure !== undefined) {
    throw new Error(`${failure}: running ${JSON.stringify(command.text)}:\n${Buffer.concat(all).toString()}`);
  }
  return { stdout: text(out), stderr: text(err) };
}

/** How the command ended, in the official plugin's words; undefined if well. Rejects if it didn't begin. */
function execute(client: Client, command: Command, listener: Listener): Promise<string | undefined> {
  sendBeforeExec(client, command.variables, listener.refused);
  return new Promise((resolve, reject) => {
    // Between login and exec the server may hang up (a restart, a kill): then no callback ever comes.
    const lost = (): void => {
      reject(new Error("the connection was lost before the command started"));
    };
    client.once("close", lost);
    client.exec(command.text, (error, channel) => {
      client.off("close", lost);
      if (error) {
        reject(error);
        return;
      }
      // Here and not later, after an await: the exit status may be in the very packet that brought us here.
      let ending: string | undefined = "wait: remote command exited without exit status or exit signal";
      channel.on("exit", (code: number | null, signal?: string) => {
        ending = endingOf(code, signal);
      });
      channel.on("data", listener.stdout);
      channel.stderr.on("data", listener.stderr);
      // A command may end without having read its stdin; what is left is dropped, and that is no failure here.
      channel.on("error", () => undefined);
      // The channel closes when its stdout has ended; what is left of stderr may come after that.
      let open = 2;
      const close = () => {
        if (--open === 0) resolve(ending);
      };
      channel.once("close", close);
      channel.stderr.once("close", close);
      channel.end(command.stdin);
    });
  });
}

function endingOf(code: number | null, signal: string | undefined): string | undefined {
  if (code === 0) return undefined;
  if (code !== null) return `Process exited with status ${code}`;
  return `Process exited with status ${signalStatus(signal)} from signal ${shortName(signal)}`;
}

function shortName(signal = ""): string {
  return signal.replace(/^SIG/, "");
}

function signalStatus(signal: string | undefined): number {
  const signals: Readonly<Record<string, number | undefined>> = constants.signals;
  return 128 + (signals[`SIG${shortName(signal)}`] ?? 0);
}

/** @throws for bytes that a state, which is JSON, can't hold: the official plugin fails then too. */
function text(chunks: readonly Buffer[]): string {
  const bytes = Buffer.concat(chunks);
  if (!isUtf8(bytes)) throw new Error("the command succeeded, but what it printed is not valid UTF-8");
  return bytes.toString().replace(/\n$/, "");
}
