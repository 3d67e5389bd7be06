import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { execa, execaSync } from "execa";

const SCRIPT = join(__dirname, "../../scripts/disposable-host");
/** Its exit code where the machine doesn't allow something. */
const REFUSED = 4;

export type DebianRelease = "bookworm" | "trixie";

/** A container, or a virtual machine with a kernel, a clock, memory and a disk of its own; that is several times slower. */
export type Machine = "nspawn" | "qemu";

export interface BootOptions {
  /** @default "nspawn" */
  readonly machine?: Machine;
  /** @default "bookworm" */
  readonly release?: DebianRelease;
}

export interface ExecOptions {
  /** What the script reads. @default nothing */
  readonly input?: string;
  /** Whether an exit code other than 0 is an error. @default true */
  readonly reject?: boolean;
}

/** Both outputs without their last newline. */
export interface ExecResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number;
}

/** What `scripts/disposable-host up` prints about a host. */
interface HostFacts {
  readonly name: string;
  readonly machine: Machine;
  readonly address: string;
  readonly port: number;
  readonly hostKey: string;
  readonly release: DebianRelease;
  readonly privateKeyFile: string;
}

/**
 * Why this machine can't have such hosts, nothing if it can: for `describe.skipIf`. Builds their image if it's the first time.
 */
export function refusalOf(machine: Machine): string | undefined {
  const { exitCode, stderr } = execaSync(SCRIPT, ["image", "--machine", machine], { reject: false });
  if (exitCode === 0) return undefined;
  if (exitCode === REFUSED)
    return stderr
      .split("\n")
      .at(-1)
      ?.replace(/^error: /, "");
  throw new Error(`disposable-host image: ${stderr}`);
}

/**
 * Boots Debian hosts and waits until they answer ssh. They end with `close()`, at the latest with this process, however
 * it ends.
 *
 * @param names unique on this machine: take one that no other test file uses
 */
export async function bootHosts(
  names: readonly string[],
  options: BootOptions = {},
): Promise<DisposableHost[]> {
  const run = new Run(names, options);
  const facts = await run.facts();
  return facts.map((host) => new DisposableHost(run, host));
}

/** One booted Debian: the seed's server before anything was provisioned on it. */
export class DisposableHost implements AsyncDisposable {
  readonly name: string;
  readonly machine: Machine;
  readonly address: string;
  /** Where its sshd answers. */
  readonly port: number;
  /** As in known_hosts, without the address: `ssh-ed25519 AAAA…`. */
  readonly hostKey: string;
  readonly release: DebianRelease;
  /** Lets in root, deploy (sudo without password), asksudo (sudo asks) and nosudo (no sudo). */
  readonly privateKeyFile: string;
  readonly privateKey: string;

  constructor(
    private readonly run: Run,
    facts: HostFacts,
  ) {
    this.name = facts.name;
    this.machine = facts.machine;
    this.address = facts.address;
    this.port = facts.port;
    this.hostKey = facts.hostKey;
    this.release = facts.release;
    this.privateKeyFile = facts.privateKeyFile;
    this.privateKey = readFileSync(facts.privateKeyFile, "utf8");
    run.add(this.name);
  }

  /** Runs `bash -c script` as root inside, in a container without ssh: works with a dead sshd too. */
  exec(script: string, options: ExecOptions = {}): Promise<ExecResult> {
    return this.execAs("root", script, options);
  }

  async execAs(user: string, script: string, options: ExecOptions = {}): Promise<ExecResult> {
    const result = await this.control(["exec", "--user", user, this.name, script], options.input);
    if (result.exitCode !== 0 && options.reject !== false) {
      throw new Error(`${this.name}: exit code ${result.exitCode} from: ${script}\n${said(result)}`);
    }
    return result;
  }

  /** Writes into the file that is there, so that its owner and mode stay, or makes a new one: root's, 0644. */
  async writeFile(path: string, text: string, mode?: string): Promise<void> {
    const chmod = mode === undefined ? "" : ` && chmod ${mode} ${quoted(path)}`;
    await this.exec(`cat >${quoted(path)}${chmod}`, { input: text });
  }

  /** @throws if there is no such file */
  async readFile(path: string): Promise<string> {
    // The mark keeps the file's own last newlines.
    const { stdout } = await this.exec(`cat ${quoted(path)} && printf .`);
    return stdout.slice(0, -1);
  }

  /** systemd's own words, e.g. `systemctlShow("apache2.service", "ActiveState")`. */
  async systemctlShow(unit: string, ...properties: string[]): Promise<Record<string, string>> {
    const { stdout } = await this.exec(
      `systemctl show ${quoted(unit)} --property=${quoted(properties.join(","))}`,
    );
    const lines = stdout.split("\n").filter((line) => line.includes("="));
    return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]));
  }

  /** An orderly reboot; waits until systemd has booted and ssh answers. */
  async reboot(): Promise<void> {
    await this.mustControl(["reboot", this.name]);
  }

  /**
   * Everything inside dies at once, without a chance to tidy up; waits until the host is up again. A virtual machine also loses
   * what it hadn't synced, and the time that was set.
   */
  async powerCut(): Promise<void> {
    await this.mustControl(["power-cut", this.name]);
  }

  /** Removes the host. Safe to repeat. */
  async close(): Promise<void> {
    await this.run.remove(this.name, () => this.mustControl(["down", this.name]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async mustControl(args: readonly string[]): Promise<void> {
    const result = await this.control(args);
    if (result.exitCode !== 0) throw new Error(`disposable-host ${args.join(" ")}: ${said(result)}`);
  }

  private async control(args: readonly string[], input = ""): Promise<ExecResult> {
    const { stdout, stderr, exitCode, shortMessage } = await execa(SCRIPT, args, { input, reject: false });
    if (exitCode === undefined) throw new Error(shortMessage);
    return { stdout, stderr, exitCode };
  }
}

/** In a function of its own for the type. */
function startUp(names: readonly string[], { machine = "nspawn", release = "bookworm" }: BootOptions) {
  return execa(SCRIPT, ["up", "--machine", machine, "--release", release, ...names], {
    stdin: "pipe",
    stdout: "pipe",
    reject: false,
  });
}

/** One `scripts/disposable-host up`: the end of its stdin ends its hosts, so they can't outlive this process. */
class Run {
  private readonly up: ReturnType<typeof startUp>;
  private readonly names = new Set<string>();

  constructor(names: readonly string[], options: BootOptions) {
    this.up = startUp(names, options);
  }

  async facts(): Promise<HostFacts[]> {
    const lines = createInterface({ input: this.up.stdout });
    const answer = await Promise.race([once(lines, "line") as Promise<[string]>, this.up]);
    if (!Array.isArray(answer)) throw new Error(`disposable-host up: ${said(answer)}`);
    return (JSON.parse(answer[0]) as { hosts: HostFacts[] }).hosts;
  }

  add(name: string): void {
    this.names.add(name);
  }

  /** The last one ends the run itself. */
  async remove(name: string, down: () => Promise<void>): Promise<void> {
    if (!this.names.delete(name)) return;
    if (this.names.size > 0) {
      await down();
      return;
    }
    this.up.stdin.end();
    const result = await this.up;
    if (result.exitCode !== 0) throw new Error(`disposable-host up: ${said(result)}`);
  }
}

function said({ stdout, stderr }: { stdout: string; stderr: string }): string {
  return [stderr, stdout].filter(Boolean).join("\n");
}

/** One word of bash. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
