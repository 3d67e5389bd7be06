import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "ssh2";
import { messageOf } from "./errors";
import type { Connection, Hop } from "./inputs";
import { login, prepareLogin, tcp, through } from "./login";

/** An open SSH connection, with the one to its proxy if there is one. */
export interface Dialled {
  readonly client: Client;
  readonly close: () => void;
}

export interface DialContext {
  /** A line for the resource's row while it waits. */
  readonly progress: (line: string) => void;
  /** Ends the waiting between two attempts: the engine's time limit, or Ctrl-C. */
  readonly signal: AbortSignal;
}

/**
 * Connects with the official plugin's patience: `dialErrorLimit` failures are forgiven, whatever their cause, with
 * growing waits in between. The login behind a proxy is tried once: there the official one tries again on the
 * connection that has just failed, which can't succeed.
 */
export async function dial(connection: Connection, context: DialContext): Promise<Dialled> {
  const credentials = await prepareLogin(connection);
  const proxy = connection.proxy;
  if (!proxy) {
    const client = await withRetries("Dial", connection, context, async () =>
      login(connection, credentials, await tcp(connection)),
    );
    return { client, close: () => client.end() };
  }
  try {
    const proxyCredentials = await prepareLogin(proxy);
    const bastion = await withRetries("Dial proxy", proxy, context, async () =>
      login(proxy, proxyCredentials, await tcp(proxy)),
    );
    try {
      const bridge = await withRetries("Dial from proxy", connection, context, () =>
        through(bastion, connection),
      );
      const client = await login(connection, credentials, bridge);
      return { client, close: () => void (client.end(), bastion.end()) };
    } catch (error) {
      bastion.end();
      throw error;
    }
  } catch (error) {
    throw new Error(`proxy: ${messageOf(error)}`);
  }
}

async function withRetries<T>(
  what: string,
  { dialErrorLimit: limit }: Hop,
  { progress, signal }: DialContext,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 1, wait = 100; ; failures++, wait = Math.min(wait * 1.5, 5000)) {
    try {
      return await attempt();
    } catch (error) {
      if (limit >= 0 && failures > limit) {
        throw new Error(`after ${failures} failed attempts: ${messageOf(error)}`);
      }
      progress(`${what} ${failures}/${limit < 0 ? "unlimited" : limit} failed: retrying`);
      await sleep(wait, undefined, { signal });
    }
  }
}
