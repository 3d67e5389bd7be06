import type { Client } from "ssh2";

/** The parts of ssh2 that its types don't show; package.json pins the version they were read from (1.17.0). */
interface Internals {
  readonly _chanMgr: { readonly _channels: Readonly<Record<string, Channel>> };
  readonly _protocol: {
    exec(id: number, command: string, wantReply: boolean): void;
    env(id: number, name: string, value: string, wantReply: boolean): void;
  };
}
interface Channel {
  readonly outgoing: { readonly id: number };
  /** Who waits for the answers to this channel's requests, in their order. */
  readonly _callbacks: Answer[];
}
type Answer = (failure: boolean | Error) => void;

export interface Variable {
  readonly name: string;
  readonly value: string;
  /** The command may run without it, if the server refuses it (sshd's AcceptEnv lacks the name). */
  readonly isOptional: boolean;
}

/**
 * Makes the next `exec` of this client send variables first, each with the server's answer awaited. ssh2's own
 * `env` option doesn't ask for answers: a refused variable would be missing without a word.
 */
export function sendBeforeExec(
  client: Client,
  variables: readonly Variable[],
  onRefused: (v: Variable) => void,
): void {
  const { _chanMgr: channels, _protocol: protocol } = client as unknown as Internals;
  const exec = protocol.exec.bind(protocol);
  protocol.exec = (id, command, wantReply) => {
    const channel = Object.values(channels._channels).find(({ outgoing }) => outgoing.id === id);
    const started = channel?._callbacks.pop();
    if (!channel || !started) throw new Error("ssh2 has changed inside: see environment.ts");
    const sendFrom = (index: number): void => {
      const variable = variables[index];
      if (!variable) {
        channel._callbacks.push(started);
        exec(id, command, wantReply);
        return;
      }
      channel._callbacks.push((failure) => {
        if (failure) onRefused(variable);
        if (failure && !variable.isOptional) {
          started(new Error(`could not set environment variable "${variable.name}": the server refused it`));
        } else {
          sendFrom(index + 1);
        }
      });
      protocol.env(id, variable.name, variable.value, true);
    };
    sendFrom(0);
  };
}
