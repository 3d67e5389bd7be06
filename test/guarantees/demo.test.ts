import { join } from "node:path";

import { execa } from "execa";
import { expect, test } from "vitest";

import { REPOSITORY } from "../support/program";

const demo = (...words: string[]) =>
  execa(join(REPOSITORY, "scripts/demo"), words, { all: true, reject: false, timeout: 200_000 });

test("the demo ends with the service answering through Apache, its units, and the health check's log", async () => {
  const { all, exitCode } = await demo();
  expect(all).toMatch(/answers through Apache: Rock Paper Scissors/);
  expect(all).toMatch(/rps\.service\s+│ 'active' │ 'enabled'/);
  expect(all).toMatch(/\] SUCCESS: All checks passed/);
  expect(exitCode).toBe(0);
  const { stdout } = await execa(join(REPOSITORY, "scripts/disposable-host"), ["list"]);
  expect(stdout).not.toContain("demo-host");
});

test.each([
  [["--typo"], /unknown option --typo/],
  [["--address", "203.0.113.1"], /--address needs --host-key: print it with `ssh-keyscan/],
  [["--release"], /--release needs a value/],
])("the demo refuses %j in a sentence", async (words, sentence) => {
  const { all, exitCode } = await demo(...words);
  expect(all).toMatch(sentence);
  expect(exitCode).toBe(2);
});
