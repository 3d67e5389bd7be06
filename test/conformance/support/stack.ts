import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { nameOf, parseEvents, type Run } from "./run";

/** JSON, with the marks that secretOf() and outputOf() put into it. */
export type Data = string | number | boolean | null | readonly Data[] | { readonly [key: string]: Data };

/** One resource of a test's program; `type` as in the SDK, without the package. */
export interface Resource {
  readonly name: string;
  readonly type?: "remote.Command" | "remote.CopyToRemote" | "local.Command";
  readonly args: { readonly [key: string]: Data };
  readonly options?: {
    readonly dependsOn?: readonly string[];
    readonly additionalSecretOutputs?: readonly string[];
  };
}

export const secretOf = (value: Data): Data => ({ $secret: value });
export const outputOf = (resource: string, output: "stdout" | "stderr"): Data => ({
  $output: [resource, output],
});

export interface RunOptions {
  /** More flags of the command. */
  readonly flags?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
}

interface State {
  readonly urn: string;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
}

const CHECKOUT = resolve(__dirname, "../../..");
const PULUMI_HOME = process.env["PULUMI_HOME"] ?? join(homedir(), ".pulumi");

/** The installed plugin is the one of scripts/command-plugin, not Pulumi's own. */
export const isDropIn = existsSync(join(PULUMI_HOME, "plugins/resource-command-v1.2.1/DROP-IN.md"));

const PROGRAM = `
const pulumi = require("@pulumi/pulumi");
const command = require("@pulumi/command");
const made = {};
const valueOf = (data) => {
  if (Array.isArray(data)) return data.map(valueOf);
  if (typeof data !== "object" || data === null) return data;
  if (data.$secret !== undefined) return pulumi.secret(valueOf(data.$secret));
  if (data.$output) return made[data.$output[0]][data.$output[1]];
  return Object.fromEntries(Object.entries(data).map(([key, item]) => [key, valueOf(item)]));
};
for (const { name, type = "remote.Command", args, options = {} } of require("./resources.json")) {
  const [module, kind] = type.split(".");
  const dependsOn = (options.dependsOn ?? []).map((other) => made[other]);
  made[name] = new command[module][kind](name, valueOf(args), { ...options, dependsOn });
}
`;

/** A stack in a directory of its own, with a file backend, run by the real `pulumi` with whichever plugin is installed. */
export class PulumiStack {
  private runs = 0;

  private constructor(readonly directory: string) {}

  /** @param pattern a stack to start from: its directory is copied, which is faster than `pulumi stack init`. */
  static async create(pattern?: PulumiStack): Promise<PulumiStack> {
    const stack = new PulumiStack(await mkdtemp(join(tmpdir(), "conformance-")));
    if (pattern) {
      await cp(pattern.directory, stack.directory, { recursive: true, verbatimSymlinks: true });
      return stack;
    }
    await Promise.all([
      symlink(join(CHECKOUT, "node_modules"), join(stack.directory, "node_modules")),
      stack.write("package.json", "{}"),
      stack.write("Pulumi.yaml", "name: conformance\nruntime: nodejs\n"),
      stack.write("index.js", PROGRAM),
    ]);
    await stack.pulumi(["stack", "init", "test"], {});
    return stack;
  }

  /** Makes the host what the resources say; the run must succeed. */
  up(resources: readonly Resource[], options: RunOptions = {}): Promise<Run> {
    return this.change("up", resources, options, true);
  }

  /** The same, where the run must fail; it goes on with the resources that don't depend on a failed one. */
  upFails(resources: readonly Resource[], { flags = [], ...options }: RunOptions = {}): Promise<Run> {
    return this.change("up", resources, { ...options, flags: ["--continue-on-error", ...flags] }, false);
  }

  preview(resources: readonly Resource[], options: RunOptions = {}): Promise<Run> {
    return this.change("preview", resources, options, true);
  }

  previewFails(resources: readonly Resource[], options: RunOptions = {}): Promise<Run> {
    return this.change("preview", resources, options, false);
  }

  refresh(options: RunOptions = {}): Promise<Run> {
    return this.logged("refresh", options, true);
  }

  destroy(options: RunOptions = {}): Promise<Run> {
    return this.logged("destroy", options, true);
  }

  /** The state as `pulumi stack export` prints it. */
  exported(): Promise<string> {
    return this.pulumi(["stack", "export", "--stack", "test"], {});
  }

  async state(name: string): Promise<State | undefined> {
    const { deployment } = JSON.parse(await this.exported()) as { deployment: { resources?: State[] } };
    return deployment.resources?.find(({ urn }) => nameOf(urn) === name);
  }

  /** Removes the directory with the state in it; what the commands left on the host is the host's end. */
  async close(): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  private async change(
    verb: string,
    resources: readonly Resource[],
    options: RunOptions,
    isFine: boolean,
  ): Promise<Run> {
    await this.write("resources.json", JSON.stringify(resources));
    return this.logged(verb, options, isFine);
  }

  private async logged(
    verb: string,
    { flags = [], environment = {} }: RunOptions,
    isFine: boolean,
  ): Promise<Run> {
    const log = join(this.directory, `events-${this.runs++}.json`);
    const yes = verb === "preview" ? [] : ["--yes", "--skip-preview"];
    const common = ["--stack", "test", "--suppress-outputs", "--event-log", log];
    const text = await this.pulumi([verb, ...yes, ...common, ...flags], environment, isFine);
    return parseEvents(text, await readFile(log, "utf8"));
  }

  private pulumi(
    args: readonly string[],
    environment: Readonly<Record<string, string>>,
    isFine = true,
  ): Promise<string> {
    const env = {
      ...process.env,
      // This machine's agent, if there is one, has no part in the tests.
      SSH_AUTH_SOCK: "",
      PULUMI_BACKEND_URL: `file://${this.directory}`,
      PULUMI_CONFIG_PASSPHRASE: "conformance",
      PULUMI_SKIP_UPDATE_CHECK: "true",
      // Shows --event-log, as the Automation API does.
      PULUMI_DEBUG_COMMANDS: "true",
      ...environment,
    };
    const flags = ["--non-interactive", "--color", "never"];
    const options = { cwd: this.directory, env, maxBuffer: 2 ** 28, timeout: 120_000 };
    return new Promise((done, fail) => {
      execFile("pulumi", [...args, ...flags], options, (error, stdout, stderr) => {
        if ((error === null) === isFine) done(stdout + stderr);
        else
          fail(new Error(`pulumi ${args.join(" ")} ${isFine ? "failed" : "succeeded"}:\n${stdout}${stderr}`));
      });
    });
  }

  private write(file: string, text: string): Promise<void> {
    return writeFile(join(this.directory, file), text);
  }
}
