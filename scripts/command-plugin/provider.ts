import { randomBytes } from "node:crypto";
import { setMaxListeners } from "node:events";
import { type CommandState, runCommand } from "./command";
import { areOutputsUncertain, compareInputs, type Difference } from "./difference";
import type { Engine } from "./engine";
import { checkInputs, type CheckedInputs, type CommandInputs } from "./inputs";
import type { Output } from "./run";
import { reveal, UNKNOWN, type Value, type Values } from "./values";

export const VERSION = "1.2.1";
const COMMAND = "command:remote:Command";
const NO_OUTPUT: Output = { stdout: "", stderr: "" };

export interface Change {
  readonly urn: string;
  readonly isPreview: boolean;
  readonly timeoutSeconds: number;
}

/** `command:remote:Command`, as far as the engine can see it. Every answer is what the official plugin answers. */
export class CommandProvider {
  private readonly cancelled = new AbortController();
  private running = 0;

  constructor(private readonly engine: Engine) {
    // One listener for each command that waits between two dials.
    setMaxListeners(0, this.cancelled.signal);
  }

  get isRunning(): boolean {
    return this.running > 0;
  }

  cancel(): void {
    this.cancelled.abort();
  }

  check(urn: string, news: Values): CheckedInputs {
    requireCommand(urn);
    return checkInputs(news);
  }

  diff(oldInputs: Values, state: Values, news: Values, ignored: readonly string[]): readonly Difference[] {
    return compareInputs(oldInputs, withIgnored(news, state, ignored));
  }

  async create(inputs: Values, change: Change): Promise<{ readonly id: string; readonly state: Values }> {
    requireCommand(change.urn);
    const id = nameOf(change.urn) + randomBytes(4).toString("hex");
    if (change.isPreview) return { id, state: { ...inputs, stdout: UNKNOWN, stderr: UNKNOWN } };
    const wanted = reveal(inputs) as unknown as CommandInputs;
    const output =
      wanted.create === undefined ? NO_OUTPUT : await this.run(wanted.create, wanted, NO_OUTPUT, change);
    return { id, state: { ...inputs, ...output } };
  }

  async update(state: Values, news: Values, ignored: readonly string[], change: Change): Promise<Values> {
    const inputs = withIgnored(news, state, ignored);
    const old = reveal(state) as unknown as CommandState;
    const previous = { stdout: old.stdout, stderr: old.stderr };
    if (change.isPreview) {
      const output = areOutputsUncertain(state, inputs) ? { stdout: UNKNOWN, stderr: UNKNOWN } : previous;
      return { ...inputs, ...output };
    }
    const wanted = reveal(inputs) as unknown as CommandInputs;
    const command = wanted.update ?? wanted.create;
    const output = command === undefined ? previous : await this.run(command, wanted, previous, change);
    return { ...inputs, ...output };
  }

  /** Runs the command that the state has, over the connection that the state has. */
  async delete(state: Values, change: Change): Promise<void> {
    const old = reveal(state) as unknown as CommandState;
    if (old.delete !== undefined) await this.run(old.delete, old, old, change);
  }

  private async run(text: string, inputs: CommandInputs, previous: Output, change: Change): Promise<Output> {
    const { urn, timeoutSeconds } = change;
    const cancelled = this.cancelled.signal;
    const signal =
      timeoutSeconds > 0
        ? AbortSignal.any([cancelled, AbortSignal.timeout(timeoutSeconds * 1000)])
        : cancelled;
    this.running++;
    try {
      return await runCommand(text, inputs, previous, { urn, engine: this.engine, signal });
    } finally {
      this.running--;
    }
  }
}

/** @throws the sentence by which someone learns which plugin this is, and that it does one thing only. */
export function refuse(token: string): never {
  throw new Error(
    `${token} is not supported: this command plugin is a drop-in of pulumi-systemd-ha, for demo and tests, ` +
      `and has only ${COMMAND}. The official one has the rest: pulumi plugin install resource command ${VERSION}`,
  );
}

function requireCommand(urn: string): void {
  const type = urn.split("::")[2]?.split("$").pop() ?? urn;
  if (type !== COMMAND) refuse(type);
}

function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}

/** An ignored input keeps the state's value, if it has one. */
function withIgnored(news: Values, state: Values, ignored: readonly string[]): Values {
  const kept = ignored.filter((key) => key in state).map((key) => [key, state[key] as Value]);
  return { ...news, ...(Object.fromEntries(kept) as Values) };
}
