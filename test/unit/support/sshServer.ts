import { type AddressInfo, connect } from "node:net";

import ssh2, { type Connection, type ServerChannel } from "ssh2";

const { generateKeyPairSync, parseKey } = ssh2.utils;

export interface Key {
  readonly private: string;
  /** Algorithm and key, as in `hostKey` and in authorized_keys. */
  readonly public: string;
}

export function newKey(type: "ed25519" | "ecdsa" = "ed25519", passphrase?: string): Key {
  const pair =
    type === "ecdsa"
      ? generateKeyPairSync("ecdsa", { bits: 256 })
      : generateKeyPairSync("ed25519", {
          ...((passphrase !== undefined && { passphrase, cipher: "aes256-ctr", rounds: 4 }) as object),
        });
  // About one in 300 of ssh2's own keys is one that it can't read.
  if (parseKey(pair.private, passphrase) instanceof Error) return newKey(type, passphrase);
  return { private: pair.private, public: pair.public.split(" ").slice(0, 2).join(" ") };
}

export interface Answer {
  readonly stdout?: string;
  readonly stderr?: string;
  /** Nothing: the connection is cut in place of an end. */
  readonly status?: number;
}

/** An SSH server on loopback that lets one key in, answers every command alike, and keeps count. */
export class SshServer {
  readonly commands: { readonly line: string; readonly stdin: string; readonly user: string }[] = [];
  connections = 0;
  /** Logins tried with a key that was signed for or turned away. */
  attempts = 0;
  open = 0;
  /** "cut": the connection breaks; "silent": no answer comes. */
  answer: Answer | "cut" | "silent" = { stdout: "end\tyes\n", status: 0 };
  forwards = true;
  readonly #server: ssh2.Server;

  private constructor(
    hostKeys: readonly Key[],
    private readonly authorized: Key,
  ) {
    this.#server = new ssh2.Server({ hostKeys: hostKeys.map((key) => key.private) }, (client) => {
      this.#serve(client);
    });
  }

  static async start(authorized: Key, ...hostKeys: readonly Key[]): Promise<SshServer> {
    const server = new SshServer(hostKeys, authorized);
    await new Promise<void>((resolve) => {
      server.#server.listen(0, "127.0.0.1", resolve);
    });
    return server;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #serve(client: Connection): void {
    let user = "";
    this.connections += 1;
    this.open += 1;
    client.on("close", () => (this.open -= 1));
    client.on("error", () => undefined);
    client.on("authentication", (login) => {
      user = login.username;
      if (login.method !== "publickey") {
        login.reject(["publickey"]);
        return;
      }
      const known = parseKey(this.authorized.public);
      const isKnown = !(known instanceof Error) && login.key.data.equals(known.getPublicSSH());
      if (!isKnown || login.signature !== undefined) this.attempts += 1;
      if (isKnown) login.accept();
      else login.reject(["publickey"]);
    });
    client.on("session", (accept) => {
      accept().on("exec", (acceptExec, _, { command }) => {
        this.#run(client, acceptExec(), command, user);
      });
    });
    client.on("tcpip", (accept, reject, { destIP, destPort }) => {
      if (!this.forwards) {
        reject();
        return;
      }
      const onward = connect(destPort, destIP);
      onward.on("error", () => client.end());
      const channel = accept();
      channel.on("error", () => undefined);
      channel.pipe(onward).pipe(channel);
    });
  }

  #run(client: Connection, channel: ServerChannel, line: string, user: string): void {
    let stdin = "";
    channel.on("data", (chunk: Buffer) => (stdin += chunk.toString()));
    channel.on("error", () => undefined);
    channel.on("end", () => {
      this.commands.push({ line, stdin, user });
      if (this.answer === "silent") return;
      if (this.answer === "cut") {
        client.end();
        return;
      }
      channel.write(this.answer.stdout ?? "");
      channel.stderr.write(this.answer.stderr ?? "");
      channel.exit(this.answer.status ?? 0);
      channel.end();
    });
  }
}
