import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** A configuration that doesn't become healthy is taken back: what was there before runs, and `up` says why. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["rollback"])) as [DisposableHost];
  program = await Program.forHosts([host], "deploy");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

test("first up", async () => {
  const result = await program.up();
  console.log(result.text);
  expect(result.exitCode).toBe(0);
  console.log((await host.exec("systemctl list-units 'pulumi*' ; ls -la /var/lib/pulumi-systemd-ha/rps; systemctl is-enabled rps-recovery.service")).stdout);
  console.log(await program.planned());
});
test("broken", async () => {
  await program.change("rps-ha:service", (service) => ({ ...service, exec: ["/usr/bin/false"], type: "exec" }));
  const result = await program.up();
  console.log(result.text, result.seconds);
  console.log((await host.exec("systemctl list-units 'pulumi*' ; ls -la /var/lib/pulumi-systemd-ha/rps; systemctl status rps.service; cat /var/lib/pulumi-systemd-ha/rps/steps; cat /var/lib/pulumi-systemd-ha/rps/rolled-back")).stdout);
  console.log(await program.look());
});
