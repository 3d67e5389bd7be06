import { afterAll, beforeAll, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers } from "../support/seedCommands";

/** What the command plugin does badly must not matter: the same results are wanted with the official one and the drop-in. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["defects"])) as [DisposableHost];
  program = await Program.forHosts([host]);
});
afterAll(async () => {
  await program.close();
  await host.close();
});

/** An application that is replaced by a script. */
const run = (script: string) =>
  program.change("rps-ha:service", ({ logReopenSignal: _, ...service }) => ({
    ...service,
    healthyWithinSec: 5,
    exec: ["/usr/bin/bash", "-c", script],
  }));

test("a line of 70,000 bytes from the application ends in a readable error, not in a hang", async () => {
  // Twice: to the journal by the unit's name, where the error takes its last lines from.
  await run(
    "head -c 70000 /dev/zero | tr '\\0' x | systemd-cat -t app; head -c 70000 /dev/zero | tr '\\0' y; echo; sleep 1; exit 3",
  );
  const result = await program.up();
  expect(result.exitCode).not.toBe(0);
  expect(result.seconds).toBeLessThan(60);
  expect(result.text).toMatch(/rps\.service didn't start: its process exited with status 3/);
  expect(Math.max(...result.text.split("\n").map((line) => line.length))).toBeLessThan(2000);
});

test("a service that never becomes ready fails within its time, though the plugin has no time-out; a large stdin is read to its end", async () => {
  await run("sleep 1000");
  // Pulumi hands the configuration on in an environment variable, which the kernel limits to 128 KiB.
  await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ BIG: "s".repeat(90_000) }));
  const result = await program.up();
  expect(result.exitCode).not.toBe(0);
  // The start has its own time, and as long as a former process may take to end.
  expect(result.seconds).toBeLessThan(90);
  expect(result.text).toMatch(/rps\.service didn't (re)?start/);
  // It was rolled back; what arrived is still stored.
  expect(
    (await host.exec("find /var/lib/pulumi-systemd-ha/rps/stage -size +85k -printf '%s\\n'")).stdout,
  ).toMatch(/^90\d{3}$/);
});

test("a large stdin is read to its end also by a step that refuses at once", async () => {
  await host.exec(
    "systemd-run --quiet --unit=holder flock /var/lib/pulumi-systemd-ha/rps/lock sleep 60; sleep 0.5",
  );
  await program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ BIG: "t".repeat(90_000) }));
  const locked = await program.up();
  expect(locked.text).toMatch(/another operation holds .*try again/);
  expect(locked.text).not.toMatch(/\bEOF\b/);
  await host.exec("systemctl stop holder");
});

test("and after all that, a good configuration goes through", async () => {
  await program.close();
  program = await Program.forHosts([host]);
  const result = await program.up();
  expect(result.text).not.toContain("error:");
  expect(await answers(host, 8087)).toBe(true);
  expect(await program.planned()).toEqual([]);
});
