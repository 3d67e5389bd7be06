import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const execute = promisify(execFile);

export interface Door {
  readonly port: number;
  /** Connections so far. */
  readonly knocks: () => number;
}

/** A port on this machine that hangs up on the first callers, then leads to the host's sshd. */
export async function openDoor(hangUps: number, address: string): Promise<Door> {
  let knocks = 0;
  const server = createServer((caller) => {
    knocks++;
    caller.on("error", () => caller.destroy());
    if (knocks <= hangUps) {
      caller.destroy();
      return;
    }
    const onward = connect(22, address);
    onward.on("error", () => caller.destroy());
    caller.pipe(onward).pipe(caller);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, knocks: () => knocks };
}

export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

export async function generateKey(type: "ed25519" | "rsa" | "ecdsa", passphrase = ""): Promise<KeyPair> {
  const directory = await temporaryDirectory();
  const file = join(directory, "key");
  await execute("ssh-keygen", ["-q", "-t", type, "-N", passphrase, "-f", file]);
  return { privateKey: await readFile(file, "utf8"), publicKey: await readFile(`${file}.pub`, "utf8") };
}

/** A real ssh-agent that holds the key; its socket's path. */
export async function startAgent(privateKey: string): Promise<string> {
  const directory = await temporaryDirectory();
  const [socket, file] = [join(directory, "agent"), join(directory, "key")];
  await writeFile(file, privateKey, { mode: 0o600 });
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  onTestFinished(() => {
    agent.kill();
  });
  for (let left = 50; ; left--) {
    try {
      await execute("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: socket } });
      return socket;
    } catch (error) {
      // Until it listens.
      if (left === 0) throw error;
      await sleep(100);
    }
  }
}

async function temporaryDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "conformance-ssh-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}
