import { expect, test } from "vitest";
import { command, newStack } from "./support/setup";
import { isDropIn, type Resource } from "./support/stack";

// Only the drop-in's: the official plugin has these resources, and words its refusals in its own way.
const connection = { host: "192.0.2.1", privateKey: "not-to-be-printed" };
const others: readonly Resource[] = [
  { name: "local", type: "local.Command", args: { create: "true" } },
  { name: "copy", type: "remote.CopyToRemote", args: { connection, remotePath: "/x", source: null } },
];

test.runIf(isDropIn).each(others)("the drop-in refuses $type, and says what it is", async (other) => {
  const stack = await newStack();
  const run = await stack.previewFails([other]);
  expect(run.errors(other.name)).toContain(
    `command:${String(other.type).replace(".", ":")} is not supported`,
  );
  expect(run.errors(other.name)).toContain("drop-in of pulumi-systemd-ha");
  expect(run.errors(other.name)).toContain("pulumi plugin install resource command 1.2.1");
});

test.runIf(isDropIn)("the drop-in names every input that it can't use, and prints no value", async () => {
  const stack = await newStack();
  const run = await stack.previewFails([
    command(
      "wrong",
      { ...connection, prot: 22, port: "22", dialErrorLimit: 1.5, proxy: { hots: "192.0.2.2" } },
      { logging: "all", environment: { LC_A: 1 } },
    ),
  ]);
  for (const problem of [
    "connection.prot: unknown input (known: host, port, ",
    "connection.port: must be a number",
    "connection.dialErrorLimit: must be a whole number",
    "connection.proxy.hots: unknown input",
    "connection.proxy.host: missing",
    "logging: must be one of stdout, stderr, stdoutAndStderr, none",
    "environment: must be an object of strings",
  ]) {
    expect(run.errors("wrong")).toContain(problem);
  }
  expect(run.text).not.toContain("not-to-be-printed");
});
