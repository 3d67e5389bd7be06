import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { AT_ONCE, type Case, CASES } from "../support/driftCases";
import { FULL } from "../support/full";
import { Program } from "../support/program";
import { answers, eventually, processOf, PROXY, SERVICE, TIMER, TRANSACTION } from "../support/seedCommands";

/** The seed's server, provisioned once; each case tampers with it. */
let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["drift"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  program = await Program.forHosts([host], "deploy");
  expect((await program.up()).exitCode).toBe(0);
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const ALONE = Object.keys(CASES).map((name) => [name]);
const ROUNDS = FULL
  ? ALONE
  : [...AT_ONCE, ...ALONE.filter(([name = ""]) => !AT_ONCE.some((round) => round.includes(name)))];

const plannedFor = (cases: readonly Case[]): string[] => {
  const stages = new Set(cases.flatMap((one) => one.stages ?? []));
  const isHelperPlanned = cases.some(({ helper }) => helper);
  return [
    ...TRANSACTION,
    ...[...stages].map((name) => `stage-${name}`),
    ...(isHelperPlanned ? ["helper"] : []),
  ]
    .map((step) => `update drift-rps-${step}`)
    .sort();
};

const processes = async (): Promise<Record<string, string>> =>
  Object.fromEntries(
    await Promise.all(
      [SERVICE, PROXY, TIMER].map(async (unit) => [unit, await processOf(host, unit)] as const),
    ),
  );

describe("drift: tamper, preview names it, up mends it, preview is empty, nothing else was restarted", () => {
  test("each case is in a round", () => {
    expect(ROUNDS.flat().sort()).toEqual(Object.keys(CASES).sort());
  });

  test.each(ROUNDS.map((names) => [names.join("; "), names] as const))("%s", async (_, names) => {
    const cases = names.map((name) => CASES[name]).filter((one) => one !== undefined);
    for (const { tamper } of cases) await host.exec(tamper);
    const before = await processes();
    const preview = await program.look(["--expect-no-changes"]);
    const said = preview.messages.join("\n");
    for (const name of cases.flatMap((one) => one.names)) {
      expect(said).toMatch(name instanceof RegExp ? name : literally(name));
    }
    expect(said).not.toContain("hunter2");
    expect(preview.exitCode).not.toBe(0);
    expect([...preview.changes].sort()).toEqual(plannedFor(cases));
    const up = await program.up();
    expect(up.text).not.toContain("error:");
    expect(up.exitCode).toBe(0);
    expect(await program.planned()).toEqual([]);
    const after = await processes();
    for (const unit of [SERVICE, PROXY, TIMER]) {
      if (!cases.some(({ touches = [] }) => touches.includes(unit)))
        expect([unit, after[unit]]).toEqual([unit, before[unit]]);
    }
    await eventually(15, "the service answers", () => answers(host, 8087));
  });
});

const literally = (text: string): RegExp => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
