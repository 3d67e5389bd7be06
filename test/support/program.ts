import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { execa } from "execa";
import { parse, stringify } from "yaml";

import type { DisposableHost } from "./disposableHost";

export const REPOSITORY = resolve(__dirname, "../..");
const PROJECT_FILES = ["host", "templates", "node_modules", "package.json"];

export type Configuration = Record<string, unknown>;

/** The seed's server as Pulumi.prod.yaml has it, for these hosts: the file's first host gets what only an owner knows. */
export async function seedConfiguration(
  hosts: readonly DisposableHost[],
  user = "root",
): Promise<Configuration> {
  const file = parse(await readFile(join(REPOSITORY, "Pulumi.prod.yaml"), "utf8")) as {
    config: Configuration;
  };
  return { ...file.config, "rps-ha:hosts": hosts.map((host) => hostEntry(host, user)) };
}

export const hostEntry = (
  { name, address, port, hostKey }: DisposableHost,
  user = "root",
): Configuration => ({
  name,
  address,
  port,
  hostKey,
  user,
});

/** What a run of the CLI printed, and its exit code. */
export interface Result {
  readonly exitCode: number;
  readonly text: string;
  readonly seconds: number;
}

/** A planned change: `update web1-rps-install`. */
export type Change = `${string} ${string}`;

export interface Preview {
  readonly exitCode: number;
  readonly changes: readonly Change[];
  /** `web1-rps-install: a sentence`. */
  readonly messages: readonly string[];
}

/**
 * The project's own program in a stack of its own: the real `pulumi`, a file backend in a temporary directory, the checkout's
 * library as built. Everything but the configuration is as a user has it.
 */
export class Program {
  private constructor(
    readonly directory: string,
    private readonly stack: string,
    private readonly env: Readonly<Record<string, string | undefined>>,
  ) {}

  static async create(
    config: Configuration,
    secrets: Readonly<Record<string, string>> = {},
    stack = "test",
  ): Promise<Program> {
    const directory = await mkdtemp(join(tmpdir(), "pulumi-systemd-ha-"));
    for (const name of PROJECT_FILES) await symlink(join(REPOSITORY, name), join(directory, name));
    // Program and library as built, see build.ts: half of a run's time would go into compiling the same sources again. The demo has
    // the sources, as users do.
    await symlink(join(REPOSITORY, "bin/index.js"), join(directory, "index.js"));
    await symlink(join(REPOSITORY, "bin/src"), join(directory, "src"));
    const project = parse(await readFile(join(REPOSITORY, "Pulumi.yaml"), "utf8")) as Configuration;
    await writeFile(join(directory, "Pulumi.yaml"), stringify({ ...project, main: "index.js" }));
    const program = new Program(directory, stack, {
      PULUMI_BACKEND_URL: `file://${directory}`,
      PULUMI_CONFIG_PASSPHRASE: "test",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      NODE_OPTIONS: `--require ${join(__dirname, "lightSdk.cjs")}`,
      SSH_AUTH_SOCK: undefined,
      PULUMI_SYSTEMD_HA_DRIFT: undefined,
    });
    await program.run("stack", "init", stack);
    await program.configure(config);
    for (const [key, value] of Object.entries(secrets)) await program.setSecret(key, value);
    return program;
  }

  /** For the seed's server on these hosts, with the private key of the first. */
  static async forHosts(
    hosts: readonly DisposableHost[],
    user = "root",
    more: Configuration = {},
    stack?: string,
  ): Promise<Program> {
    const config = { ...(await seedConfiguration(hosts, user)), ...more };
    return Program.create(config, { "rps-ha:sshPrivateKey": hosts[0]?.privateKey ?? "" }, stack);
  }

  private get configFile(): string {
    return join(this.directory, `Pulumi.${this.stack}.yaml`);
  }

  /** Sets keys, or removes those given as undefined; what else is there, secrets too, stays. */
  async configure(changes: Configuration): Promise<void> {
    const text = await readFile(this.configFile, "utf8").catch(() => "{}");
    const file = parse(text) as { config?: Configuration };
    const config = Object.entries({ ...file.config, ...changes }).filter(([, value]) => value !== undefined);
    await writeFile(this.configFile, stringify({ ...file, config: Object.fromEntries(config) }));
  }

  /** What a key has now. */
  async get(key: string): Promise<unknown> {
    const file = parse(await readFile(this.configFile, "utf8")) as { config: Configuration };
    return file.config[key];
  }

  /** Changes one key's object by a function of what it is now. */
  async change(
    key: string,
    update: (value: Record<string, unknown>) => Record<string, unknown>,
  ): Promise<void> {
    const file = parse(await readFile(this.configFile, "utf8")) as {
      config: Record<string, Record<string, unknown>>;
    };
    await this.configure({ [key]: update(file.config[key] ?? {}) });
  }

  async setSecret(key: string, value: string): Promise<void> {
    const { exitCode, stderr } = await this.execute(["config", "set", "--secret", key], { input: value });
    if (exitCode !== 0) throw new Error(stderr);
  }

  up(env: Environment = {}, flags: readonly string[] = []): Promise<Result> {
    return this.timed(["up", "--yes", "--skip-preview", "--suppress-outputs", ...flags], env);
  }

  /** An `up` that goes on while the test does something to it; a promise of its result that can be killed. */
  begin(env: Environment = {}) {
    return this.execute(["up", "--yes", "--skip-preview", "--suppress-outputs"], { env });
  }

  /** One of the project's scripts, such as `doctor`, for this stack. */
  async script(name: string, ...words: readonly string[]): Promise<Result> {
    const begun = performance.now();
    const { all, exitCode = -1 } = await this.beginScript(name, ...words);
    return { exitCode, text: all, seconds: (performance.now() - begun) / 1000 };
  }

  /** The same while the test does something to it. */
  beginScript(name: string, ...words: readonly string[]) {
    return execa(join(REPOSITORY, "scripts", name), [...words, "--stack", this.stack], {
      cwd: this.directory,
      env: this.env,
      stdin: "ignore",
      reject: false,
      all: true,
    });
  }

  preview(flags: readonly string[] = [], env: Environment = {}): Promise<Result> {
    return this.timed(["preview", "--diff", ...flags], env);
  }

  destroy(env: Environment = {}): Promise<Result> {
    return this.timed(["destroy", "--yes", "--skip-preview"], env);
  }

  /** What a preview plans, without what stays the same; throws if the preview fails. */
  async planned(env: Environment = {}): Promise<readonly Change[]> {
    return (await this.look([], env)).changes;
  }

  /** A preview for programs: what it plans, and what it says of which resource; throws if it fails otherwise than by a finding. */
  async look(flags: readonly string[] = [], env: Environment = {}): Promise<Preview> {
    const { stdout, stderr, exitCode = -1 } = await this.execute(["preview", "--json", ...flags], { env });
    // With --expect-no-changes, a sentence follows the JSON.
    const end = stdout.lastIndexOf("\n}") + 2;
    if (end < 2) throw new Error(`${stdout}\n${stderr}`);
    const { steps = [], diagnostics = [] } = JSON.parse(stdout.slice(0, end)) as {
      steps?: { op: string; urn: string }[];
      diagnostics?: { urn?: string; message: string; severity: string }[];
    };
    if (exitCode !== 0 && diagnostics.some(({ severity }) => severity === "error")) {
      throw new Error(`${stdout}\n${stderr}`);
    }
    return {
      exitCode,
      changes: steps.filter(({ op }) => op !== "same").map(({ op, urn }): Change => `${op} ${nameOf(urn)}`),
      messages: diagnostics.map(({ urn = "", message }) => `${nameOf(urn)}: ${message}`),
    };
  }

  async outputs<T>(): Promise<T> {
    return JSON.parse((await this.run("stack", "output", "--json")).stdout) as T;
  }

  async state(): Promise<string> {
    return (await this.run("stack", "export")).stdout;
  }

  /** Any command of the CLI; throws if it fails. */
  async run(...words: string[]): Promise<{ stdout: string; stderr: string }> {
    const { stdout, stderr, exitCode } = await this.execute(words, {});
    if (exitCode !== 0) throw new Error(`pulumi ${words.join(" ")}: ${stdout}\n${stderr}`);
    return { stdout, stderr };
  }

  /** Destroys what is left and forgets the stack. */
  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  private async timed(words: readonly string[], env: Environment): Promise<Result> {
    const begun = performance.now();
    const { all, exitCode = -1 } = await this.execute(words, { env });
    return { exitCode, text: all, seconds: (performance.now() - begun) / 1000 };
  }

  private execute(words: readonly string[], { input, env = {} }: { input?: string; env?: Environment }) {
    const options = [
      "--non-interactive",
      "--color",
      "never",
      ...(STACKLESS.has(words[0] ?? "") ? [] : ["--stack", this.stack]),
    ];
    return execa("pulumi", [...words, ...options], {
      cwd: this.directory,
      env: { ...this.env, ...env },
      ...(input === undefined ? { stdin: "ignore" } : { input }),
      reject: false,
      all: true,
      // A run that hangs is a failure, not a reason to wait for the test runner's limit.
      timeout: 240_000,
    });
  }
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

type Environment = Readonly<Record<string, string | undefined>>;

const STACKLESS = new Set(["stack", "plugin"]);
