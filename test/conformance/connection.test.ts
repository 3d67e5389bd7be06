import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { generateKey, type KeyPair, openDoor, startAgent } from "./support/network";
import { command, connectionTo, newStack, note, takeNotes } from "./support/setup";

let host: DisposableHost;
let bastion: DisposableHost;

beforeAll(async () => {
  [host, bastion] = (await bootHosts(["cf-host", "cf-bastion"])) as [DisposableHost, DisposableHost];
  await host.exec(`
    printf '%s\\n' 'Port 22' 'Port 2222' 'PasswordAuthentication yes' >/etc/ssh/sshd_config.d/00-conformance.conf
    systemctl restart ssh
    useradd --create-home other && echo other:let-me-in | chpasswd`);
});
afterAll(() => Promise.all([host.close(), bastion.close()]));

async function authorize(key: KeyPair): Promise<KeyPair> {
  await host.exec(`echo '${key.publicKey.trim()}' >>/root/.ssh/authorized_keys`);
  return key;
}

// An RSA host key is missing here: pinned to one, the official plugin asks for SHA-1 signatures only, which OpenSSH has
// not given since 8.8, and never connects. The drop-in does the same. RSA keys of users are fine.
test("every way to log in that the official plugin has works", async () => {
  const stack = await newStack();
  const [encrypted, rsa, ecdsa, inAgent] = await Promise.all([
    generateKey("ed25519", "open sesame").then(authorize),
    generateKey("rsa").then(authorize),
    generateKey("ecdsa").then(authorize),
    generateKey("ed25519").then(authorize),
  ]);
  const agentSocketPath = await startAgent(inAgent.privateKey);
  const { address, hostKey, privateKey } = host;
  const proxy = { host: bastion.address, hostKey: bastion.hostKey, privateKey: bastion.privateKey };
  const ways = {
    "key-and-host-key": { host: address, privateKey, hostKey },
    "no-host-key": { host: address, privateKey },
    port: { host: address, privateKey, hostKey, port: 2222 },
    password: { host: address, hostKey, user: "other", password: "let-me-in" },
    "key-then-password": { host: address, hostKey, user: "other", privateKey, password: "let-me-in" },
    "encrypted-key": { host: address, privateKey: encrypted.privateKey, privateKeyPassword: "open sesame" },
    "rsa-key": { host: address, privateKey: rsa.privateKey },
    "ecdsa-key": { host: address, privateKey: ecdsa.privateKey },
    "agent-by-path": { host: address, hostKey, agentSocketPath },
    proxy: { host: address, privateKey, hostKey, proxy },
    "proxy-to-other-port": { host: address, privateKey, hostKey, port: 2222, proxy },
  };
  const create = 'echo "$(id -un) from ${SSH_CLIENT%% *} at ${SSH_CONNECTION##* }"';
  const run = await stack.up(
    Object.entries(ways).map(([name, connection]) => command(name, connection, { create })),
  );
  const printed = (name: string) => run.outputs(name)["stdout"];
  for (const name of [
    "key-and-host-key",
    "no-host-key",
    "encrypted-key",
    "rsa-key",
    "ecdsa-key",
    "agent-by-path",
  ]) {
    expect(printed(name), name).toMatch(/^root from \S+ at 22$/);
  }
  expect(printed("port")).toMatch(/^root from \S+ at 2222$/);
  expect(printed("password")).toMatch(/^other /);
  expect(printed("key-then-password")).toMatch(/^other /);
  expect(printed("proxy")).toBe(`root from ${bastion.address} at 22`);
  expect(printed("proxy-to-other-port")).toBe(`root from ${bastion.address} at 2222`);
});

// A socket in SSH_AUTH_SOCK that nobody listens on makes the official plugin fail even where a privateKey is given.
// The library looks before it starts and says so, so nothing here depends on what a plugin does then.
test("SSH_AUTH_SOCK is the agent where the connection names none, and a privateKey goes before it", async () => {
  const stack = await newStack();
  const inAgent = await generateKey("ed25519").then(authorize);
  const SSH_AUTH_SOCK = await startAgent(inAgent.privateKey);
  const stranger = await generateKey("ed25519");
  const { address, hostKey } = host;
  const run = await stack.upFails(
    [
      command("agent", { host: address, hostKey }, { create: "id -un" }),
      command(
        "stranger",
        { host: address, hostKey, privateKey: stranger.privateKey, dialErrorLimit: 0 },
        { create: "id" },
      ),
    ],
    { environment: { SSH_AUTH_SOCK } },
  );
  expect(run.outputs("agent")).toMatchObject({ stdout: "root" });
  expect(run.errors("stranger"), "with a privateKey the agent's keys aren't tried").not.toBe("");
});

test("a wrong identity, of the host or of the user, fails before a byte of the command is sent", async () => {
  const stack = await newStack();
  const stranger = await generateKey("ed25519");
  const encrypted = await generateKey("ed25519", "open sesame").then(authorize);
  const connection = connectionTo(host, { dialErrorLimit: 0 });
  const unpinned = { host: host.address, dialErrorLimit: 0 };
  const proxy = connectionTo(bastion, { dialErrorLimit: 0 });
  const mistakes = {
    "other-host-key": { ...connection, hostKey: stranger.publicKey },
    "host-key-of-other-type": { ...connection, hostKey: (await generateKey("ecdsa")).publicKey },
    "unreadable-host-key": { ...connection, hostKey: "ssh-ed25519" },
    "other-key": { ...unpinned, privateKey: stranger.privateKey },
    "unreadable-key": { ...unpinned, privateKey: "no key" },
    "no-credentials": { host: host.address, dialErrorLimit: 0 },
    "wrong-user": { ...connection, user: "nobody-here" },
    "wrong-password": { host: host.address, user: "other", password: "guess", dialErrorLimit: 0 },
    "wrong-passphrase": { ...connection, privateKey: encrypted.privateKey, privateKeyPassword: "open" },
    "no-passphrase": { ...connection, privateKey: encrypted.privateKey },
    "other-host-key-of-proxy": { ...connection, proxy: { ...proxy, hostKey: stranger.publicKey } },
    "other-key-for-proxy": { ...connection, proxy: { ...proxy, privateKey: stranger.privateKey } },
    "no-way-on-from-proxy": { ...connection, port: 1, proxy },
  };
  const names = Object.keys(mistakes);
  const run = await stack.upFails(
    Object.entries(mistakes).map(([name, wrong]) => command(name, wrong, { create: note("intruder", "x") })),
  );
  expect(names.filter((name) => run.errors(name) === "")).toEqual([]);
  expect(await takeNotes(host, "intruder")).toEqual([]);
  expect(run.text).not.toMatch(/PRIVATE KEY|open sesame|guess/);
});

test("failed dials are tried again, dialErrorLimit times or else ten times, then the error says so", async () => {
  const stack = await newStack();
  const [late, limited, once, patient] = await Promise.all(
    [3, Infinity, Infinity, Infinity].map((hangUps) => openDoor(hangUps, host.address)),
  );
  const through = (door: { readonly port: number } | undefined, more = {}) =>
    connectionTo(host, { host: "127.0.0.1", port: door?.port ?? 0, ...more });
  const run = await stack.upFails([
    command("late", through(late), { create: "echo at last" }),
    command("limited", through(limited, { dialErrorLimit: 2 }), { create: "true" }),
    command("once", through(once, { dialErrorLimit: 0 }), { create: "true" }),
    command("patient", through(patient), { create: "true" }),
    command("refused", connectionTo(host, { port: 1, dialErrorLimit: 2 }), { create: "true" }),
  ]);
  expect(run.outputs("late")).toMatchObject({ stdout: "at last" });
  expect([late, limited, once, patient].map((door) => door?.knocks())).toEqual([4, 3, 1, 11]);
  expect(run.errors("limited")).toMatch(/after \d failed attempts/);
  expect(run.errors("refused")).toMatch(/after \d failed attempts.*refused/i);
});

test("perDialTimeout bounds the wait for a host that doesn't answer", async () => {
  const stack = await newStack();
  // A listener that accepts nobody, its queue full: the kernel drops what more comes, like a firewall.
  await host.exec(`cat >/var/tmp/deaf <<'PERL'
    use Socket;
    socket(my $listener, PF_INET, SOCK_STREAM, 0);
    bind($listener, pack_sockaddr_in(2300, INADDR_ANY));
    listen($listener, 0);
    for my $caller (1 .. 2) {
      socket($callers[$caller], PF_INET, SOCK_STREAM, 0);
      $callers[$caller]->blocking(0);
      connect($callers[$caller], pack_sockaddr_in(2300, INADDR_LOOPBACK));
    }
    sleep 600;
PERL
    systemd-run --quiet --unit=deaf perl -MIO::Handle /var/tmp/deaf; sleep 1`);
  const begin = Date.now();
  const run = await stack.upFails([
    command("deaf", connectionTo(host, { port: 2300, perDialTimeout: 1, dialErrorLimit: 1 }), {
      create: "true",
    }),
  ]);
  expect(run.errors("deaf")).toMatch(/after \d failed attempts/);
  const seconds = (Date.now() - begin) / 1000;
  expect(seconds).toBeGreaterThan(2);
  expect(seconds, "the default of 15 s a dial would take 30").toBeLessThan(25);
});

test("a command on a host that loses power fails, though nobody was left to close the connection", async () => {
  const stack = await newStack();
  const up = stack.upFails([
    command("orphan", connectionTo(bastion), { create: "touch /var/tmp/begun; sleep 600" }),
  ]);
  for (;;) {
    const { exitCode } = await bastion.exec("test -e /var/tmp/begun", { reject: false });
    if (exitCode === 0) break;
    await sleep(200);
  }
  // A guest's kernel is this machine's: it would say goodbye for the dead host, if it still could.
  await bastion.exec("ip link set host0 down");
  await bastion.powerCut();
  expect((await up).errors("orphan")).not.toBe("");
});
