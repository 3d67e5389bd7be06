import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { command, connectionTo, newStack, note, SKIP_STDIN, takeNotes } from "./support/setup";
import { outputOf, secretOf } from "./support/stack";

/** The engine's mark of a value that only `up` can tell. */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
const KEEP_OUTPUTS = { stdout: "created", stderr: "" };

let host: DisposableHost;

beforeAll(async () => {
  [host] = (await bootHosts(["cf-preview"])) as [DisposableHost];
});
afterAll(() => host.close());

test("a preview of a create runs nothing and leaves the outputs unknown, with the inputs as they are", async () => {
  const stack = await newStack();
  const create = note("previewed", "create");
  const run = await stack.preview([
    command("new", connectionTo(host), { create, stdin: "text", triggers: ["a"] }),
    command("after", connectionTo(host), { stdin: outputOf("new", "stdout") }),
  ]);
  expect(run.operations("new")).toEqual(["create"]);
  expect(run.outputs("new")).toMatchObject({
    create,
    stdin: "text",
    triggers: ["a"],
    stdout: UNKNOWN,
    stderr: UNKNOWN,
  });
  expect(run.outputs("after")).toMatchObject({ stdin: UNKNOWN });
  expect(await takeNotes(host, "previewed")).toEqual([]);
  expect(await stack.state("new")).toBeUndefined();
});

test("a preview of an update runs nothing and leaves the outputs unknown once a known input changes or goes", async () => {
  const stack = await newStack();
  const args = { create: `${SKIP_STDIN}echo created`, stdin: "1", delete: note("previewed", "delete") };
  const changes = {
    changed: { ...args, stdin: "2" },
    "delete-text": { ...args, delete: "true" },
    gone: { create: args.create, delete: args.delete },
    secret: { ...args, stdin: secretOf("1") },
    same: args,
    // Only what the state has is looked at: an added input doesn't make the outputs unknown.
    added: { ...args, logging: "none" },
    replaced: { ...args, triggers: ["new"] },
  };
  const names = Object.keys(changes);
  await stack.up(names.map((name) => command(name, connectionTo(host), args)));

  const run = await stack.preview(
    Object.entries(changes).map(([name, changed]) => command(name, connectionTo(host), changed)),
  );
  const uncertain = { stdout: UNKNOWN, stderr: UNKNOWN };
  for (const name of ["changed", "delete-text", "gone", "secret"]) {
    expect(run.operations(name), name).toEqual(["update"]);
    expect(run.outputs(name), name).toMatchObject(uncertain);
  }
  expect(run.operations("same")).toEqual(["same"]);
  expect(run.operations("added")).toEqual(["update"]);
  expect(run.outputs("added")).toMatchObject(KEEP_OUTPUTS);
  expect(run.operations("replaced")).toEqual(["create-replacement", "replace", "delete-replaced"]);
  expect(run.outputs("replaced")).toMatchObject(uncertain);
  expect(await takeNotes(host, "previewed")).toEqual([]);
});

test("a preview names each change by its path and kind, and no part of the connection", async () => {
  const stack = await newStack();
  const args = {
    create: SKIP_STDIN,
    stdin: "1",
    environment: { LC_A: "1", LC_B: "1" },
    triggers: ["a", { key: 1 }],
  };
  const changes = {
    inputs: {
      create: "echo",
      logging: "none",
      environment: { LC_A: "2", "LC_C.D": "1" },
      triggers: args.triggers,
    },
    "trigger-item": { ...args, triggers: ["b", { key: 2 }, "c"] },
    "triggers-gone": { create: SKIP_STDIN, stdin: "1", environment: args.environment },
  };
  const names = [...Object.keys(changes), "connection"];
  await stack.up(names.map((name) => command(name, connectionTo(host), args)));

  const run = await stack.preview([
    ...Object.entries(changes).map(([name, changed]) => command(name, connectionTo(host), changed)),
    command("connection", connectionTo(host, { port: 23, perDialTimeout: 5 }), args),
  ]);
  expect(run.differences("inputs")).toEqual({
    create: "update",
    stdin: "delete",
    logging: "add",
    "environment.LC_A": "update",
    "environment.LC_B": "delete",
    'environment["LC_C.D"]': "add",
  });
  expect(run.differences("trigger-item")).toEqual({
    "triggers[0]": "update-replace",
    "triggers[1].key": "update-replace",
    "triggers[2]": "add-replace",
  });
  expect(run.differences("triggers-gone")).toEqual({ triggers: "delete-replace" });
  expect(run.differences("connection")).toEqual({ connection: "update" });
});

test("the defaults of a connection, spelled out or not, are no difference", async () => {
  const stack = await newStack();
  const spelledOut = { user: "root", port: 22, dialErrorLimit: 10, perDialTimeout: 15 };
  await stack.up([command("defaults", connectionTo(host), { create: "true" })]);
  const run = await stack.preview([command("defaults", connectionTo(host, spelledOut), { create: "true" })], {
    flags: ["--expect-no-changes"],
  });
  expect(run.operations("defaults")).toEqual(["same"]);
});

test("a connection to a host that is still to be made previews as no change, other unknown inputs as one", async () => {
  const stack = await newStack();
  const address = (print: string) =>
    command("address", connectionTo(host), { create: `${print} ${host.address}` });
  const program = (print: string) => [
    address(print),
    command("dependent", connectionTo(host, { host: outputOf("address", "stdout") }), { create: "true" }),
    command("reader", connectionTo(host), { create: SKIP_STDIN, stdin: outputOf("address", "stdout") }),
  ];
  await stack.up(program("echo"));

  const run = await stack.preview(program("printf %s"));
  expect(run.operations("address")).toEqual(["update"]);
  expect(run.operations("dependent")).toEqual(["same"]);
  expect(run.differences("reader")).toEqual({ stdin: "update" });

  const made = await stack.up(program("printf %s"));
  expect(made.operations("dependent"), "the address turned out to be the same").toEqual(["same"]);
  expect(made.operations("reader")).toEqual(["same"]);
});

test("refresh finds nothing and runs nothing, whatever happened on the host", async () => {
  const stack = await newStack();
  const program = [
    command("made", connectionTo(host), {
      create: `${SKIP_STDIN}touch /var/tmp/made; echo made`,
      stdin: secretOf("s"),
    }),
  ];
  await stack.up(program);
  await host.exec("rm /var/tmp/made");
  const before = await stack.state("made");

  const run = await stack.refresh({ flags: ["--expect-no-changes"] });
  expect(run.operations("made")).toEqual(["refresh"]);
  expect((await stack.state("made"))?.outputs["stdout"]).toBe(before?.outputs["stdout"]);
  const after = await stack.up(program, { flags: ["--refresh", "--expect-no-changes"] });
  expect(after.differences("made")).toEqual({});
});
