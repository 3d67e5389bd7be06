import { join } from "node:path";

import { expect } from "vitest";

import { CuttableProxy } from "./cuttableProxy";
import { bootHosts, type DisposableHost } from "./disposableHost";
import { findingsOf } from "./findings";
import { hostEntry, Program, REPOSITORY } from "./program";
import { printRounds, type Round } from "./rounds";
import { answers, eventually, PROXY, SERVICE, TIMER } from "./seedCommands";
import { type Traffic, withTraffic } from "./traffic";

/** Lets `killAt` work: a build of the helper whose fault points are alive. */
const FAULT_POINTS = join(REPOSITORY, "test/support/fault.bash");
const FAULT_FILE = "/run/pulumi-systemd-ha-fault";
const STATE = "/var/lib/pulumi-systemd-ha/rps";
const LIMIT_SEC = 120;
const UNITS = [SERVICE, PROXY, TIMER];
const ALL_ENABLED = UNITS.map(() => "enabled");

export type Running = ReturnType<Program["begin"]>;

/** Something that dies in the middle of an update. */
export interface Fault {
  readonly name: string;
  readonly prepare?: () => Promise<unknown>;
  /** Does it to a running `up`; has ended when the fault has struck. */
  readonly strike: (running: Running) => Promise<unknown>;
  /** The program that the update brings. @default what runs */
  readonly exec?: readonly string[];
  /** Whether users ask meanwhile, from the host itself. @default true */
  readonly hasTraffic?: boolean;
  /** Whether the update may come through all the same. @default false */
  readonly maySurvive?: boolean;
  /** Whether pulumi died before it could give the stack's lock back. @default false */
  readonly leavesLock?: boolean;
  /**
   * What shows that the next update works. `nextRound`: the next fault's update, which strikes at the same step or a later one and
   * so has to get there; the last round's converges. @default "converges"
   */
  readonly next?: "converges" | "nextRound";
}

/** The seed's server on a host whose connection can be cut, and a stack that is struck by faults in the middle of updates. */
export class FaultBench {
  private readonly rounds: Round[] = [];
  /** The last update that was struck. */
  private running: Running | undefined;

  private constructor(
    readonly host: DisposableHost,
    readonly proxy: CuttableProxy,
    readonly program: Program,
    /** The program that runs when nobody changes it. */
    private readonly exec: readonly string[],
  ) {}

  static async boot(name: string): Promise<FaultBench> {
    // For all that the engine runs, and for `findingsOf` here.
    process.env["PULUMI_SYSTEMD_HA_FAULT_POINTS"] = FAULT_POINTS;
    const [host] = (await bootHosts([name])) as [DisposableHost];
    await host.exec("systemctl start edge.service");
    const proxy = await CuttableProxy.to(host);
    const program = await Program.forHosts([host], "deploy");
    await program.configure({
      "rps-ha:hosts": [{ ...hostEntry(host, "deploy"), address: "127.0.0.1", port: proxy.port }],
    });
    // So that a round doesn't take longer than it must; the second also lies between any two steps, and a busy machine needs some.
    await program.change("rps-ha:service", (service) => ({
      ...service,
      healthyWithinSec: 6,
      confirmWithinSec: 12,
    }));
    const { exec } = (await program.get("rps-ha:service")) as { exec: readonly string[] };
    return new FaultBench(host, proxy, program, exec);
  }

  /** Prints a table of what was struck. */
  async close(): Promise<void> {
    printRounds(this.rounds);
    await this.program.close();
    this.proxy.close();
    await this.host.close();
  }

  up() {
    return this.program.up();
  }

  destroy() {
    return this.program.destroy();
  }

  /** The helper dies as by `kill -9` when it comes to the fault point next. */
  killAt(point: string): Promise<void> {
    return this.host.writeFile(FAULT_FILE, point);
  }

  /** `killAt` hasn't struck yet. */
  async isArmed(): Promise<boolean> {
    return (await this.host.exec(`test -e ${FAULT_FILE}`, { reject: false })).exitCode === 0;
  }

  async isInstalled(): Promise<boolean> {
    return (await this.host.exec(`test -e ${STATE}/manifest`, { reject: false })).exitCode === 0;
  }

  /** An update is neither confirmed nor rolled back, or a step goes on whose operator has gone: it may be about to open one. */
  async isOpen(): Promise<boolean> {
    const step = "helper (stage|install|daemon-reload|enable|verify|health-check|confirm|watch|recover) rps";
    const { exitCode } = await this.host.exec(`test -e ${STATE}/transaction || pgrep -f '${step}'`, {
      reject: false,
    });
    return exitCode === 0;
  }

  async expectTakenBack(): Promise<void> {
    await eventually(LIMIT_SEC, "taken back", async () => !(await this.isOpen()));
  }

  /** `up` comes through; whether a preview is empty after it is one of these rounds' last question, `expectNothingPlanned`. */
  async expectConverged(): Promise<void> {
    const result = await this.up();
    expect(result.text).not.toContain("error:");
    expect(result.exitCode).toBe(0);
    await this.expectSettled();
    await this.expectAsConfirmed();
  }

  async expectNothingPlanned(): Promise<void> {
    expect(await this.program.planned()).toEqual([]);
  }

  /** No update is open, and everything that is managed is as the confirmed one has it: all of the old, or all of the new. */
  private async expectAsConfirmed(): Promise<void> {
    expect((await this.host.exec(`ls ${STATE}`)).stdout).not.toContain("transaction");
    expect(await findingsOf(this.program, this.host.privateKey)).toEqual([]);
  }

  helperKilled(point: string, more: Partial<Fault> = {}): Fault {
    return {
      name: `helper killed at ${point}`,
      ...more,
      prepare: async () => {
        await more.prepare?.();
        await this.killAt(point);
      },
      strike: async (running) => {
        const reached = async () => !(await this.isArmed());
        await Promise.race([running, eventually(LIMIT_SEC, `fault point ${point} was reached`, reached)]);
        if (!(await reached()))
          expect.fail(`${point} wasn't reached by this update:\n${(await running).all}`);
      },
    };
  }

  /**
   * An update that changes everything, and the fault in its middle: the host settles by itself, old or new and serving, within two
   * minutes; the next `up` converges without hand work.
   */
  async strike(fault: Fault): Promise<void> {
    try {
      await this.struck(fault);
    } catch (error) {
      await this.repairByHand();
      throw error;
    }
  }

  /** So that one round's failure isn't the next one's. */
  private async repairByHand(): Promise<void> {
    this.proxy.mend();
    await this.running?.catch(() => undefined);
    await this.host.exec(`rm -f ${FAULT_FILE}; systemctl enable --quiet ${UNITS.join(" ")}`, {
      reject: false,
    });
    await this.program.run("cancel", "--yes").catch(() => undefined);
    await this.program.change("rps-ha:service", (service) => ({ ...service, exec: this.exec }));
    await eventually(LIMIT_SEC, "no update is open", async () => !(await this.isOpen())).catch(
      () => undefined,
    );
    await this.up();
  }

  private async struck({
    name,
    prepare,
    strike: act,
    exec,
    hasTraffic = true,
    maySurvive = false,
    leavesLock = false,
    next = "converges",
  }: Fault): Promise<void> {
    const { host, program } = this;
    const before = await this.managed();
    await this.changeEverything(exec);
    await prepare?.();
    const enabledBefore = await this.enabled();
    // What somebody had stopped may be so again, after a rollback.
    const served = await answers(host, 8087);
    let seconds = 0;
    const play = async () => {
      const running = program.begin();
      this.running = running;
      await act(running);
      const begun = performance.now();
      await eventually(
        LIMIT_SEC,
        `${name}: settled and serving`,
        async () => !(await this.isOpen()) && (!served || (await answers(host, 8087))),
      );
      seconds = (performance.now() - begun) / 1000;
      const { exitCode } = await running;
      if (!maySurvive) expect(exitCode, "the update that was struck has failed").not.toBe(0);
      // Whatever the rest of that run did.
      await eventually(LIMIT_SEC, `${name}: settled`, async () => !(await this.isOpen()));
    };
    let traffic: Traffic | undefined;
    if (hasTraffic) [, traffic] = await withTraffic(host, play);
    else await play();
    if (served) await this.expectSettled(enabledBefore);
    const after = await this.managed();
    this.proxy.mend();
    if (leavesLock) await program.run("cancel", "--yes");
    if (next === "converges") {
      if (exec !== undefined) await this.changeEverything();
      await this.expectConverged();
    } else {
      // What somebody had stopped is drift, and stays so until then.
      expect(served).toBe(true);
      await this.expectAsConfirmed();
    }
    const settledAs = after === before ? "old" : "new";
    if (settledAs === "new" && next === "converges")
      expect(after, "all of the new configuration, or all of the old").toBe(await this.managed());
    this.rounds.push({ fault: name, seconds, settledAs, traffic });
  }

  /** Contents of everything that is managed. */
  private async managed(): Promise<string> {
    const { stdout } = await this.host.exec(
      "sha256sum /etc/systemd/system/rps* /etc/systemd/system/apache2.service.d/restart.conf /etc/logrotate.d/rps /var/www/rps.pan2.app/bin/*",
      { reject: false },
    );
    return stdout;
  }

  /** Whether each unit is started at boot. */
  private async enabled(): Promise<readonly string[]> {
    const answer = await this.host.exec(`systemctl is-enabled ${UNITS.join(" ")}`, { reject: false });
    return answer.stdout.split("\n");
  }

  private async expectSettled(enabled: readonly string[] = ALL_ENABLED): Promise<void> {
    const { host } = this;
    expect(await answers(host, 8087)).toBe(true);
    expect((await host.exec(`systemctl is-active ${UNITS.join(" ")}`)).stdout).toBe("active\nactive\nactive");
    expect([ALL_ENABLED, enabled]).toContainEqual(await this.enabled());
    expect(
      (await host.exec("find /etc /var/www /usr/local/lib -name '*.dpkg-new' -o -name '*.new'")).stdout,
    ).toBe("");
  }

  /** Another value in the unit (so a restart), the drop-in and the script. */
  private async changeEverything(exec = this.exec): Promise<void> {
    const round = Date.now();
    const { program } = this;
    await program.change("rps-ha:service", (service) => ({
      ...service,
      exec,
      environment: { ROUND: String(round) },
    }));
    await program.change("rps-ha:proxy", (drop) => ({ ...drop, restartSec: 5 + (round % 50) }));
    await program.change("rps-ha:healthCheck", (check) => ({ ...check, timeoutSec: 5 + (round % 40) }));
  }
}
