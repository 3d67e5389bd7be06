import { existsSync } from "node:fs";

import { Client, type ClientChannel, type ConnectConfig, OpenSSHAgent, utils } from "ssh2";

import { PRIVATE_KEY } from "../config/leaves";
import type { ContactFailure, ContactTarget } from "../errors";
import type { HostConnection } from "./connection";
import { ssh2Connection } from "./login";

/** The first contact failed; `failure` says why, in facts. */
export class ContactError extends Error {
  override readonly name = "ContactError";
  constructor(
    readonly failure: ContactFailure,
    /** Where, if it was at a login: the host, or the bastion before it. */
    readonly target?: ContactTarget,
  ) {
    super(failure.kind);
  }
}

/** More than any answer of ours comes from something else. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;

/** What a command on the host ended with. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string;
  /** How long it may take once logged in, in seconds. */
  readonly timeoutSec: number;
}

/**
 * One connection, one command.
 *
 * @param line for the login shell; see commandLine
 * @throws ContactError if it couldn't be run, or took too long
 */
export async function runOnHost(
  connection: HostConnection,
  line: string,
  options: RunOptions,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  const session = await openSession(connection, {}, env);
  try {
    return await session.run(line, options);
  } finally {
    session.end();
  }
}

export interface SessionOptions {
  /** How long a host that says nothing counts as there, in seconds. @default until TCP gives up */
  readonly silenceSec?: number;
}

/** A login that stays, for more than one command. */
export interface Session {
  /** @throws ContactError if it couldn't be run, or took too long */
  run(line: string, options: RunOptions): Promise<Ended>;
  /**
   * A connection from the host to one of its own TCP ports (direct-tcpip).
   *
   * @throws ssh2's error with the `reason` of RFC 4254, section 5.1
   */
  connectTo(port: number): Promise<ClientChannel>;
  /** Hears of the connection's end, whoever ends it. */
  onEnd(listener: () => void): void;
  end(): void;
}

/**
 * Logs in, through the bastion where there is one.
 *
 * @throws ContactError
 */
export async function openSession(
  connection: HostConnection,
  options: SessionOptions = {},
  env: NodeJS.ProcessEnv = process.env,
): Promise<Session> {
  const agent = env["SSH_AUTH_SOCK"] === "" ? undefined : env["SSH_AUTH_SOCK"];
  checkKey(connection);
  const agentKeys = agent === undefined ? undefined : await checkAgent(agent);
  if (connection.privateKey === undefined && (agentKeys ?? 0) === 0) {
    throw new ContactError({ kind: agentKeys === undefined ? "noKey" : "emptyAgent" });
  }
  const clients: Client[] = [];
  const end = () => {
    for (const client of [...clients].reverse()) client.end();
  };
  const client = await logIn(connection, { agent, ...options }, clients).catch((error: unknown) => {
    end();
    throw error;
  });
  return {
    run: (line, runOptions) => run(client, line, runOptions),
    connectTo: (port) => forward(client, "127.0.0.1", port),
    onEnd: (listener) => client.once("close", listener),
    end,
  };
}

const forward = (client: Client, host: string, port: number): Promise<ClientChannel> =>
  new Promise((resolve, reject) => {
    client.forwardOut("127.0.0.1", 0, host, port, (error, channel) => {
      if (error === undefined) resolve(channel);
      else reject(error);
    });
  });

/** What ssh2 says of a key it can't use, as one of our causes. */
function checkKey({ privateKey, privateKeyPassphrase }: HostConnection): void {
  if (privateKey === undefined) return;
  if (!new RegExp(PRIVATE_KEY, "u").test(privateKey)) {
    throw new ContactError({ kind: "badKey", reason: "it has no BEGIN and END line of a private key" });
  }
  const parsed = utils.parseKey(privateKey, privateKeyPassphrase);
  if (!(parsed instanceof Error)) return;
  const reason = parsed.message;
  if (/no passphrase given/i.test(reason)) throw new ContactError({ kind: "needsPassphrase" });
  if (
    /passphrase|integrity|decrypt|malformed openssh private key/i.test(reason) &&
    privateKeyPassphrase !== undefined
  ) {
    throw new ContactError({ kind: "wrongPassphrase" });
  }
  throw new ContactError({ kind: "badKey", reason });
}

/**
 * The plugin opens the agent's socket before anything else, also when it has a key.
 *
 * @returns how many keys it holds
 */
async function checkAgent(socket: string): Promise<number> {
  const dead = new ContactError({ kind: "deadAgent", socket });
  if (!existsSync(socket)) throw dead;
  return new Promise<number>((resolve, reject) => {
    new OpenSSHAgent(socket).getIdentities((error, keys = []) => {
      if (error) reject(dead);
      else resolve(keys.length);
    });
  });
}

/** How often a host must say within `silenceSec` that it's there. */
const KEEPALIVES = 3;

/** Every client that was opened is put into `clients`. */
async function logIn(
  connection: HostConnection,
  { agent, silenceSec }: SessionOptions & { readonly agent: string | undefined },
  clients: Client[],
): Promise<Client> {
  const { bastion } = connection;
  const stage = (to: Parameters<typeof ssh2Connection>[0], sock?: ConnectConfig["sock"]): Promise<Client> => {
    const target = { host: to.host, port: to.port ?? 22, user: to.user ?? "root" };
    let offered: string | undefined;
    const options = ssh2Connection(to, connection, agent, (key) => (offered = key));
    const keepalive = silenceSec !== undefined && {
      ...{ keepaliveInterval: (silenceSec * 1000) / KEEPALIVES, keepaliveCountMax: KEEPALIVES },
      readyTimeout: silenceSec * 1000,
    };
    const client = new Client();
    clients.push(client);
    return new Promise<Client>((resolve, reject) => {
      client.once("ready", () => {
        resolve(client);
      });
      client.on("error", (error: Error & { level?: string }) => {
        reject(new ContactError(failureOf(error, offered, { ...connection, ...to }), target));
      });
      client.once("close", () => {
        reject(new ContactError({ kind: "unreachable", reason: "the connection was closed" }, target));
      });
      try {
        client.connect({ ...options, ...keepalive, ...(sock && { sock }) });
        // Or the login waits 40 ms, until the host confirms by itself what came before a small packet (Nagle's algorithm).
        client.setNoDelay(true);
      } catch (error) {
        reject(new ContactError({ kind: "badKey", reason: String(error) }));
      }
    });
  };
  if (bastion === undefined) return stage(connection);
  const jump = await stage(bastion);
  const sock = await forward(jump, connection.host, connection.port ?? 22).catch((error: unknown) => {
    throw new ContactError({ kind: "unreachable", reason: `the bastion says: ${(error as Error).message}` });
  });
  return stage(connection, sock);
}

function failureOf(
  error: Error & { level?: string },
  offered: string | undefined,
  { privateKey, hostKey }: HostConnection,
): ContactFailure {
  if (offered !== undefined) return { kind: "wrongHostKey", offered };
  if (/no matching host key/i.test(error.message)) {
    return { kind: "wrongHostKey", offered: `no key of type ${hostKey?.split(" ")[0] ?? "ours"}` };
  }
  if (error.level === "client-authentication") {
    return {
      kind: "loginRefused",
      tried: privateKey === undefined ? "the ssh-agent's keys" : "sshPrivateKey",
    };
  }
  return { kind: "unreachable", reason: error.message };
}

function run(client: Client, line: string, { stdin = "", timeoutSec }: RunOptions): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const failed = (reason: string) => {
      reject(new ContactError({ kind: "probeFailed", reason }));
    };
    const timer = setTimeout(() => {
      failed(`no answer within ${timeoutSec} s`);
    }, timeoutSec * 1000);
    client.exec(line, (error, channel) => {
      if (error !== undefined) {
        clearTimeout(timer);
        failed(error.message);
        return;
      }
      let stdout = "";
      let stderr = "";
      channel.on("data", (chunk: Buffer) => {
        if (stdout.length < MAX_ANSWER_BYTES) stdout += chunk.toString();
      });
      channel.stderr.on("data", (chunk: Buffer) => {
        if (stderr.length < MAX_ANSWER_BYTES) stderr += chunk.toString();
      });
      // Without a code where the connection was lost.
      channel.on("close", (code: number | null = null) => {
        clearTimeout(timer);
        resolve({ code, stdout, stderr });
      });
      // sudo that refuses closes its end before the script has arrived.
      channel.on("error", () => undefined);
      channel.end(stdin);
    });
  });
}
