import { expect, test } from "vitest";

import { seed } from "../unit/support/configs";
import type { Row } from "../unit/support/hostInSync";
import { factsAfter, runProgram } from "./support/program";

/** Maintenance in the plan, in what is said and in the outputs. */
const OPERATOR: Row = ["maintenance", "operator", "2026-01-22T22:14:39+0100", "bob@desk", "a new disk"];
const CONFIG: Row = ["maintenance", "config", "2026-01-22T22:14:39+0100", "rps-ha/prod", ""];
const ON = { ...seed(), maintenance: true };

test("an operator's plans nothing, is said, and is in the outputs", async () => {
  const first = await runProgram(seed());
  const facts = [...factsAfter(first, seed()), OPERATOR];
  for (const preview of [true, false]) {
    const run = await runProgram(seed(), { facts, preview });
    // Of the service, which runs in spite of it.
    expect(run.messages.map(({ text }) => text)).toContain(
      "rps is in maintenance since 2026-01-22T22:14:39+0100 (operator: a new disk)",
    );
    expect(run.outputs["rps"]?.maintenance).toBe(true);
  }
  const stopped = facts.map((row): Row => {
    if (row[0] !== "unit") return row;
    return row.map((value) =>
      value === "ActiveState=active" ? "ActiveState=inactive" : value,
    ) as unknown as Row;
  });
  const run = await runProgram(seed(), { facts: stopped, preview: true });
  expect(run.resources).toEqual(first.resources);
});

test("the configuration's beginning and end are updates whose outputs are what will be", async () => {
  const off = await runProgram(seed());
  const begins = await runProgram(ON, { facts: factsAfter(off, seed()), preview: true });
  expect(begins.outputs["rps"]?.maintenance).toBe(true);
  expect(begins.messages.map(({ text }) => text)).toEqual([
    "rps goes into maintenance: its service is stopped, and nothing starts it",
  ]);
  expect(begins.resource("rps-rps-install").inputs["stdin"]).toContain("setting\tmaintenance\t");
  const on = await runProgram(ON);
  const ends = await runProgram(seed(), { facts: [...factsAfter(on, ON), CONFIG], preview: true });
  expect(ends.outputs["rps"]?.maintenance).toBe(false);
  expect(ends.messages.map(({ text }) => text)).toContain(
    "maintenance of rps ends: what is stopped is started, and must become healthy",
  );
});

test("a preview that asks no host takes the output from the configuration or the last health check", async () => {
  const run = await runProgram({ ...seed(), drift: "off" }, { preview: true });
  expect(run.contacts).toEqual([]);
  const on = await runProgram({ ...ON, drift: "off" }, { preview: true });
  expect(on.outputs["rps"]?.maintenance).toBe(true);
});
