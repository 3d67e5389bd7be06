import { setTimeout as sleep } from "node:timers/promises";

import { asRoot } from "../../../src/remote/commands";
import { connectionTo } from "../../../src/remote/connection";
import { ContactError, type Ended, openSession, type Session } from "../../../src/remote/session";
import { callHelper, HostError, type StackHost } from "../hosts";
import { EXIT } from "../program";
import type { SelectedStack } from "../stack";
import { now } from "./observer";

/** A plain command answers at once; one that stops a unit takes as long as systemd lets it. */
const COMMAND_LIMIT_SEC = 100;
/** More than the helper's own limit, which says a sentence. */
const HELPER_LIMIT_SEC = 180;
/** How long a host may take to come back from a reboot before it's given up, in seconds. */
const BACK_WITHIN_SEC = 300;

/** The host, as a drill uses it: commands as root over one connection. */
export class DrilledHost {
  private session: Session | undefined;

  constructor(
    private readonly host: StackHost,
    private readonly stack: SelectedStack,
  ) {}

  /**
   * Runs a command as root.
   *
   * @param timeoutSec how long it may take
   * @throws HostError if the connection fails
   */
  async run(words: readonly string[], timeoutSec = COMMAND_LIMIT_SEC): Promise<Ended> {
    const { user } = this.host;
    try {
      const session = await this.connected();
      return await session.run(asRoot(user, words), { timeoutSec });
    } catch (error) {
      if (!(error instanceof ContactError)) throw error;
      this.end();
      const reason = "reason" in error.failure ? error.failure.reason : error.failure.kind;
      throw new HostError(EXIT.unreachable, `${words.join(" ")}: the connection failed: ${reason}`);
    }
  }

  /** What to subtract from the host's clock to get the operator's, in seconds; as exact as the fastest of some answers. */
  async clockOffset(): Promise<number> {
    const looks: { seconds: number; offset: number }[] = [];
    for (let count = 0; count < 4; count++) {
      const before = now();
      const { stdout } = await this.run(["date", "+%s.%N"]);
      const after = now();
      looks.push({ seconds: after - before, offset: Number(stdout) - (before + after) / 2 });
    }
    return looks.sort((a, b) => a.seconds - b.seconds)[0]?.offset ?? 0;
  }

  /** Another one after each boot. */
  async bootId(): Promise<string> {
    return (await this.run(["cat", "/proc/sys/kernel/random/boot_id"])).stdout.trim();
  }

  /** What systemd calls the run of an active unit: another one after each start. */
  async activeProcess(unit: string): Promise<string | undefined> {
    const words = ["systemctl", "show", "--property=InvocationID,ActiveState", unit];
    const lines = (await this.run(words)).stdout.split("\n");
    return lines.includes("ActiveState=active")
      ? lines.find((line) => line.startsWith("InvocationID="))
      : undefined;
  }

  async hasFailed(unit: string): Promise<boolean> {
    return (await this.run(["systemctl", "is-failed", unit])).stdout.trim() === "failed";
  }

  /** @param since by the host's clock, in seconds since 1970 */
  async journalOf(unit: string, since: number): Promise<string> {
    const range = ["--unit", unit, "--since", `@${Math.floor(since)}`];
    return (await this.run(["journalctl", "--quiet", "--no-pager", "--output", "short-unix", ...range]))
      .stdout;
  }

  /**
   * Starts the guard on the host, which sets all right if nobody else does.
   *
   * @throws HostError where a drill isn't allowed: an update, maintenance, another drill, a service that isn't healthy
   */
  async arm(seconds: number): Promise<void> {
    const stdin = `stack ${this.stack.fullName}\nseconds ${seconds}\n`;
    await callHelper(this.host, this.stack, {
      words: ["drill", "arm"],
      stdin,
      timeoutSec: HELPER_LIMIT_SEC,
    });
  }

  /**
   * Sets all right and waits until it's healthy; also for a host that is just booting.
   *
   * @throws HostError if it doesn't get healthy, or isn't reached in time
   */
  async settle(): Promise<void> {
    const end = now() + BACK_WITHIN_SEC;
    for (;;) {
      try {
        await callHelper(this.host, this.stack, { words: ["drill", "settle"], timeoutSec: HELPER_LIMIT_SEC });
        return;
      } catch (error) {
        const isAway = error instanceof HostError && error.exitCode === EXIT.unreachable;
        if (!isAway || now() > end) throw error;
      }
      await sleep(1000);
    }
  }

  end(): void {
    this.session?.end();
    this.session = undefined;
  }

  private async connected(): Promise<Session> {
    if (this.session !== undefined) return this.session;
    const session = await openSession(connectionTo(this.host, this.stack.config), { silenceSec: 15 });
    session.onEnd(() => {
      this.session = undefined;
    });
    this.session = session;
    return session;
  }
}
