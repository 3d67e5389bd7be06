import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost, refusalOf } from "../support/disposableHost";
import { FULL } from "../support/full";
import { Program } from "../support/program";
import { answers, eventually, PROXY, restarted, SERVICE, TIMER } from "../support/seedCommands";

/**
 * Faults in the middle of an update that need a kernel, a clock, memory and a disk of the host's own. Emulated, an `up` takes
 * minutes: in the long run only.
 */
const refusal = FULL ? refusalOf("qemu") : "only with --full";

describe.skipIf(refusal !== undefined)(
  `a virtual machine${refusal === undefined ? "" : ` (${refusal})`}`,
  () => {
    let host: DisposableHost;
    let program: Program;

    beforeAll(async () => {
      [host] = (await bootHosts(["virtual-faults"], { machine: "qemu" })) as [DisposableHost];
      await host.exec("systemctl start edge.service");
      program = await Program.forHosts([host]);
      await change(0);
      expect((await program.up()).text).not.toContain("error:");
    });
    afterAll(async () => {
      await program.close();
      await host.close();
    });

    /** An emulated processor needs several times as long for everything. */
    const PATIENT = { healthyWithinSec: 40, confirmWithinSec: 60 };
    const STATE = "/var/lib/pulumi-systemd-ha/rps";
    const UNIT = `/etc/systemd/system/${SERVICE}`;
    const LIMIT_SEC = 240;

    async function change(round: number): Promise<void> {
      await program.change("rps-ha:service", (service) => ({
        ...service,
        ...PATIENT,
        environment: { ROUND: String(round) },
      }));
      await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, restartSec: 5 + round }));
    }

    const isOpen = async () =>
      (await host.exec(`test -e ${STATE}/transaction`, { reject: false })).exitCode === 0;

    /** Which configuration is there, whole. */
    async function roundThere(): Promise<number> {
      const unit = /ROUND=(\d+)/.exec(await host.readFile(UNIT))?.[1];
      const drop = /RestartSec=(\d+)/.exec(
        await host.readFile(`/etc/systemd/system/${PROXY}.d/restart.conf`),
      )?.[1];
      expect(Number(drop)).toBe(5 + Number(unit));
      return Number(unit);
    }

    async function expectSettled(...rounds: number[]): Promise<void> {
      await eventually(
        LIMIT_SEC,
        "settled and serving",
        async () => !(await isOpen()) && (await answers(host, 8087)),
      );
      expect(rounds).toContain(await roundThere());
      const { stdout } = await host.exec(`systemctl is-active ${SERVICE} ${PROXY} ${TIMER}`, {
        reject: false,
      });
      expect(stdout).toBe("active\nactive\nactive");
    }

    async function expectConverged(round: number): Promise<void> {
      await program.run("cancel", "--yes").catch(() => undefined);
      expect((await program.up()).text).not.toContain("error:");
      await expectSettled(round);
      expect(await program.planned()).toEqual([]);
    }

    test("a power cut in the middle of an update: at boot the former configuration runs, the next up converges", async () => {
      await change(1);
      const running = program.begin();
      await restarted(host, LIMIT_SEC);
      await host.powerCut();
      expect((await running).exitCode).not.toBe(0);
      await expectSettled(0);
      await expectConverged(1);
    });

    test("a clock that jumps in the middle of an update does no harm", async () => {
      await change(2);
      const running = program.begin();
      await eventually(LIMIT_SEC, "the update is open", isOpen);
      await host.exec("date -s '+3 days'");
      await restarted(host, LIMIT_SEC);
      await host.exec("date -s '-5 days'");
      const { exitCode, all } = await running;
      await host.exec("date -s '+2 days'");
      expect(all).not.toContain("error:");
      expect(exitCode).toBe(0);
      await expectSettled(2);
      expect(await program.planned()).toEqual([]);
    });

    test("no memory for a new process in the middle of an update: old or new, and the next up converges", async () => {
      await change(3);
      const running = program.begin();
      await eventually(LIMIT_SEC, "the update is open", isOpen);
      // Nothing is committed any more than what is; only what bash does by itself can end it.
      await host.exec(
        `systemd-run --quiet --unit=no-memory bash -c 'exec 3<> <(:); cd /proc/sys/vm; echo 2 >overcommit_memory; echo 1 >overcommit_kbytes; read -t 30 -u 3; echo 0 >overcommit_memory'`,
      );
      await running;
      await expectSettled(2, 3);
      await expectConverged(3);
    });
  },
);
