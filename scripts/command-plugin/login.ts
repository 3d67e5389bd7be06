import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type AnyAuthMethod, Client, utils } from "ssh2";
import type { Hop } from "./inputs";

/** What a login needs besides the address, read and checked once: a mistake in it is not tried eleven times. */
export interface Credentials {
  readonly methods: AnyAuthMethod[];
  readonly hostKey?: HostKey;
}

interface HostKey {
  readonly type: string;
  readonly blob: Buffer;
}

/** The official plugin bounds only the TCP connection and would wait for ever for a server that says nothing. */
const HANDSHAKE_MILLISECONDS = 60_000;

/**
 * Or a command on a host that lost power would never end. The official plugin's patience, 150 s, which it has from Go's
 * keep-alive of TCP; Node's gives up after 10 s of silence, so SSH's is used.
 */
const KEEPALIVE = { keepaliveInterval: 15_000, keepaliveCountMax: 9 };

/** @throws a sentence without the key or the password in it. */
export async function prepareLogin(hop: Hop): Promise<Credentials> {
  const methods: AnyAuthMethod[] = [];
  const username = hop.user;
  if (hop.privateKey !== undefined) {
    const key = utils.parseKey(hop.privateKey, hop.privateKeyPassword);
    if (key instanceof Error) throw new Error(`privateKey can't be read: ${key.message}`);
    methods.push({ type: "publickey", username, key });
  }
  const password = hop.password;
  if (password !== undefined) {
    methods.push({ type: "password", username, password });
    methods.push({
      type: "keyboard-interactive",
      username,
      prompt: (_name, _instructions, _language, prompts, answer) => {
        answer(prompts.map(() => password));
      },
    });
  }
  const agent = hop.agentSocketPath ?? process.env["SSH_AUTH_SOCK"];
  if (agent) {
    // Two quirks of the official plugin: the agent must answer even where it isn't used, and it isn't used
    // beside a privateKey.
    await requireAgent(agent);
    if (hop.privateKey === undefined) methods.push({ type: "agent", username, agent });
  }
  return hop.hostKey === undefined ? { methods } : { methods, hostKey: parseHostKey(hop.hostKey) };
}

export function login(hop: Hop, { methods, hostKey }: Credentials, sock: Duplex): Promise<Client> {
  const client = new Client();
  return new Promise((resolve, reject) => {
    client.once("ready", () => {
      resolve(client);
    });
    // Stays for the client's life: an error after the login reaches the command as the end of its channel.
    client.on("error", (error) => {
      sock.destroy();
      reject(error);
    });
    client.once("close", () => {
      reject(new Error("the server closed the connection before the login"));
    });
    client.connect({
      sock,
      username: hop.user,
      authHandler: [{ type: "none", username: hop.user }, ...methods],
      readyTimeout: HANDSHAKE_MILLISECONDS,
      ...KEEPALIVE,
      ...(hostKey && {
        // Only this type is asked for: a server has a key of each, and shows the first one that both know.
        algorithms: { serverHostKey: [hostKey.type as "ssh-ed25519"] },
        hostVerifier: (blob: Buffer) => blob.equals(hostKey.blob),
      }),
    });
  });
}

export function tcp({ host, port, perDialTimeout }: Hop): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Math.trunc(port), noDelay: true });
    const timer =
      perDialTimeout > 0
        ? setTimeout(() => {
            socket.destroy(new Error(`no connection to ${host}:${port} within ${perDialTimeout} s`));
          }, perDialTimeout * 1000)
        : undefined;
    socket.once("error", reject);
    socket.once("connect", () => {
      clearTimeout(timer);
      resolve(socket);
    });
    socket.once("close", () => {
      clearTimeout(timer);
    });
  });
}

/** A way to the host through an open connection to its bastion. */
export function through(bastion: Client, { host, port }: Hop): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    bastion.forwardOut("127.0.0.1", 0, host, Math.trunc(port), (error, channel) => {
      if (error) reject(error);
      else resolve(channel);
    });
  });
}

function parseHostKey(line: string): HostKey {
  const [, type, blob] = /(?:^|\s)((?:ssh|ecdsa|sk)-[\w@.-]+)\s+([A-Za-z0-9+/]+=*)(?:\s|$)/.exec(line) ?? [];
  if (type === undefined || blob === undefined) {
    throw new Error("hostKey must be one line as in a .pub file, such as: ssh-ed25519 AAAA…");
  }
  return { type, blob: Buffer.from(blob, "base64") };
}

function requireAgent(path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("error", (error) => {
      reject(
        new Error(
          `the ssh-agent at ${path} (agentSocketPath or SSH_AUTH_SOCK) doesn't answer: ${error.message}`,
        ),
      );
    });
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}
