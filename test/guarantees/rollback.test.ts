import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { FULL } from "../support/full";
import { type Configuration, Program } from "../support/program";
import { answers, eventually, processOf, PROXY, restarted, SERVICE, TIMER } from "../support/seedCommands";
import { type Traffic, withTraffic } from "../support/traffic";

/** A configuration that doesn't become healthy is taken back: what was there before runs, and `up` says why. */
let host: DisposableHost;
let program: Program;
let good: Configuration;
const seen: { what: string; seconds: number; traffic: Traffic }[] = [];

/** The second also lies between any two steps: a busy machine needs some. */
const SHORT = { healthyWithinSec: 6, confirmWithinSec: 20 };
const PREVIOUS = "the update was rolled back: the previous configuration is running";

beforeAll(async () => {
  [host] = (await bootHosts(["rollback"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  await changeService(SHORT);
  await host.writeFile("/usr/local/bin/crashes-after-5s", '#!/bin/bash\ntimeout 5 "$@"\nexit 3\n');
  await host.exec("chmod 0755 /usr/local/bin/crashes-after-5s");
});
afterAll(async () => {
  for (const { what, seconds, traffic } of seen)
    console.log(
      `${what}: up failed after ${seconds.toFixed(1)} s; ${traffic.lost} of ${traffic.requests} requests lost, longest outage ${traffic.outage.toFixed(2)} s`,
    );
  await program.close();
  await host.close();
});

const changeService = (change: Configuration) =>
  program.change("rps-ha:service", (service) => ({ ...service, ...change }));

/** Everything below /etc and the application, but what the logs say. */
const listing = async (): Promise<string> =>
  (
    await host.exec(
      `find /etc /var/www -printf '%y %m %u:%g %p %l\\n' | grep -v -e __pycache__ -e /logs | sort; find /etc /var/www/rps.pan2.app/bin -type f -exec sha256sum {} + 2>/dev/null | sort`,
    )
  ).stdout;

async function expectServing(): Promise<void> {
  expect(await answers(host, 8087)).toBe(true);
  for (const unit of [SERVICE, PROXY, TIMER]) {
    expect((await host.exec(`systemctl is-active ${unit}; systemctl is-enabled ${unit}`)).stdout).toBe(
      "active\nenabled",
    );
  }
  expect((await host.exec("ls /var/lib/pulumi-systemd-ha/rps")).stdout).not.toContain("transaction");
  expect((await host.exec("systemctl --failed --plain --no-legend")).stdout).toBe("");
}

const gunicorn = (...words: string[]) => ["/usr/bin/gunicorn", ...words, "app:app"];
const bound = (port: number) => ["--bind", `127.0.0.1:${port}`];

type Case = readonly [string, Configuration, readonly (string | RegExp)[]];

const ENDED = ["its process exited with status 1", "journalctl -u rps.service"];

/** As the first configuration below. */
const VARIATION: Case = ["exits before it's ready", { exec: ["/usr/bin/false"] }, ENDED];

/** Each changes the configuration in one way, and names what `up` must say. */
const CASES: readonly Case[] = [
  ["exits at once", { type: "exec", exec: ["/usr/bin/false"] }, [/rps\.service (didn't|isn't|is not)/]],
  [
    "starts but never listens",
    { type: "exec", exec: ["/usr/bin/sleep", "infinity"] },
    ["http://127.0.0.1:5137/ does not answer"],
  ],
  [
    "crashes after 5 s",
    { type: "exec", exec: ["/usr/local/bin/crashes-after-5s", ...gunicorn(...bound(5137))] },
    ["rps.service ended within 6 s after it first answered"],
  ],
  [
    "fails for its environment",
    { environment: { GUNICORN_CMD_ARGS: "--no-such-option" } },
    [/rps\.service (didn't|isn't)/, "--no-such-option"],
  ],
  ["listens on another port", { exec: gunicorn(...bound(5999)) }, ["http://127.0.0.1:5137/ does not answer"]],
  ...(FULL ? [VARIATION] : []),
];

describe("on a host where nothing was before", () => {
  test("a first configuration that fails goes entirely", async () => {
    await host.exec(`systemctl start ${PROXY}`);
    const [before, proxy] = [await listing(), await processOf(host, PROXY)];
    await changeService({ exec: ["/usr/bin/false"] });
    const { exitCode, text } = await program.up();
    for (const sentence of ENDED) expect(text).toContain(sentence);
    expect(text).toContain("the update was rolled back: nothing of rps is installed, as before");
    expect(exitCode).not.toBe(0);
    expect(await listing()).toBe(before);
    expect(await processOf(host, PROXY)).toBe(proxy);
    expect((await host.exec("systemctl list-units --all --plain --no-legend 'rps*'")).stdout).toBe("");
  });

  test("and the corrected one is installed by the next up", async () => {
    await changeService({
      exec: gunicorn(...bound(5137), "--error-logfile", "/var/www/rps.pan2.app/logs/rps-error.log"),
    });
    good = (await program.get("rps-ha:service")) as Configuration;
    const { exitCode, text } = await program.up();
    expect(text).not.toContain("error:");
    expect(exitCode).toBe(0);
    await expectServing();
  });
});

describe("a configuration that fails is taken back", () => {
  test.each(CASES)("%s", async (what, change, sentences) => {
    const before = await listing();
    await program.configure({ "rps-ha:service": { ...good, ...change } });
    const [{ exitCode, text, seconds }, traffic] = await withTraffic(host, () => program.up());
    seen.push({ what, seconds, traffic });
    for (const sentence of sentences) expect(text).toMatch(sentence);
    expect(text).toContain(PREVIOUS);
    expect(exitCode).not.toBe(0);
    expect(await listing()).toBe(before);
    await expectServing();
  });
});

describe("what is around the service fails", () => {
  test("an answer without the text that the health check expects", async () => {
    const before = await listing();
    const check = await program.get("rps-ha:healthCheck");
    await program.configure({
      "rps-ha:service": { ...good, environment: { ROUND: "text" } },
      "rps-ha:healthCheck": { ...(check as Configuration), expectText: "no such words" },
    });
    const { exitCode, text } = await program.up();
    expect(text).toMatch(
      /the service isn't healthy 6 s after the start: .* doesn't contain the expected text/,
    );
    expect(text).toContain(PREVIOUS);
    expect(exitCode).not.toBe(0);
    await program.configure({ "rps-ha:healthCheck": check });
    expect(await listing()).toBe(before);
    await expectServing();
  });

  test("a health check that fails at each call", async () => {
    const before = await listing();
    await host.exec("mount --bind /usr/bin/false /usr/bin/curl");
    await program.configure({ "rps-ha:service": { ...good, environment: { ROUND: "check" } } });
    const { exitCode, text } = await program.up();
    await host.exec("umount /usr/bin/curl");
    expect(text).toContain("the service isn't healthy 6 s after the start");
    expect(text).toContain(PREVIOUS);
    expect(exitCode).not.toBe(0);
    expect(await listing()).toBe(before);
    await expectServing();
  });

  test("Apache that was stopped and doesn't start: the service has its previous configuration, Apache is as it was", async () => {
    // The timer's check would try as well.
    await host.exec(`systemctl stop ${TIMER} ${PROXY}; mkdir -p /run/systemd/system/${PROXY}.d`);
    await host.writeFile(
      `/run/systemd/system/${PROXY}.d/fails.conf`,
      "[Service]\nExecStartPre=/bin/sh -c 'echo no luck >&2; exit 7'\n",
    );
    await host.exec("systemctl daemon-reload");
    const before = await listing();
    await program.configure({ "rps-ha:service": { ...good, environment: { ROUND: "apache" } } });
    const { exitCode, text } = await program.up();
    expect(text).toMatch(/apache2\.service (didn't|isn't|is not)/);
    expect(text).toContain("no luck");
    expect(text).toContain("the update was rolled back: the previous configuration is running");
    expect(exitCode).not.toBe(0);
    expect(await listing()).toBe(before);
    expect(await answers(host, 5137)).toBe(true);
    expect((await host.exec(`systemctl is-enabled ${PROXY}`)).stdout).toBe("enabled");
  });

  test("the same again fails again, and a return to the good one changes nothing and restarts no service", async () => {
    expect((await program.up()).text).toContain(PREVIOUS);
    await host.exec(`rm -r /run/systemd/system/${PROXY}.d; systemctl daemon-reload`);
    const [before, process] = [await listing(), await processOf(host, SERVICE)];
    await program.configure({ "rps-ha:service": good });
    const { text, exitCode } = await program.up();
    expect(text).not.toContain("error:");
    expect(exitCode).toBe(0);
    expect(await listing()).toBe(before);
    expect(await processOf(host, SERVICE)).toBe(process);
    await expectServing();
  });
});

describe("the contact is lost", () => {
  test("the operator's network goes before the confirmation: the host returns by itself, a late step is told so", async () => {
    const before = await listing();
    // Nothing but the restart comes before the network goes: it needn't wait long.
    const lost = { ...good, confirmWithinSec: 10, environment: { ROUND: "lost" } };
    await program.configure({ "rps-ha:service": lost });
    const running = program.begin();
    await restarted(host);
    await host.exec("ip link set host0 down");
    await eventually(
      60,
      "rolled back",
      async () =>
        (await host.exec("test -e /var/lib/pulumi-systemd-ha/rps/rolled-back", { reject: false }))
          .exitCode === 0,
    );
    expect(await listing()).toBe(before);
    await expectServing();
    await host.exec("ip link set host0 up");
    const { exitCode, all } = await running;
    expect(exitCode).not.toBe(0);
    expect(all).toContain("the update was rolled back");
    await program.configure({ "rps-ha:service": good });
    const next = await program.up();
    expect(next.text).not.toContain("error:");
    expect(next.exitCode).toBe(0);
    // After all that was rolled back here.
    expect(await program.planned()).toEqual([]);
  });
});
