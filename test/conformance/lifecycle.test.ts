import { afterAll, beforeAll, expect, test } from "vitest";
import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { command, connectionTo, newStack, note, takeNotes } from "./support/setup";

let host: DisposableHost;

beforeAll(async () => {
  [host] = (await bootHosts(["cf-lifecycle"])) as [DisposableHost];
  await host.exec(
    "useradd --create-home other && cp -r /root/.ssh /home/other/ && chown -R other: /home/other/.ssh",
  );
});
afterAll(() => host.close());

test("create, update and delete run the command of that name, each once, and a second up runs none", async () => {
  const stack = await newStack();
  const connection = connectionTo(host);
  const program = (version: number) => [
    command("all", connection, {
      create: note("all", `create${version}`),
      update: note("all", `update${version}`),
      delete: note("all", `delete${version}`),
    }),
    command("create-only", connection, { create: note("create-only", "create"), stdin: `${version}` }),
    command("delete-only", connection, {
      delete: note("delete-only", `delete${version}`),
      stdin: `${version}`,
    }),
  ];

  await stack.up(program(1));
  expect(await takeNotes(host, "all")).toEqual(["create1 root"]);
  expect(await takeNotes(host, "create-only")).toEqual(["create root"]);

  const changed = await stack.up(program(2));
  expect(changed.operations("all")).toEqual(["update"]);
  expect(changed.operations("delete-only")).toEqual(["update"]);
  expect(await takeNotes(host, "all")).toEqual(["update2 root"]);
  expect(await takeNotes(host, "create-only"), "without `update`, `create` runs").toEqual(["create root"]);

  const again = await stack.up(program(2));
  expect(again.operations("all")).toEqual(["same"]);
  expect(await takeNotes(host, "all")).toEqual([]);

  await stack.destroy();
  expect(await takeNotes(host, "all")).toEqual(["delete2 root"]);
  expect(await takeNotes(host, "create-only")).toEqual([]);
  expect(await takeNotes(host, "delete-only")).toEqual(["delete2 root"]);
});

test("a changed trigger replaces: the new one is created, then the old one deleted as its state says", async () => {
  const stack = await newStack();
  const program = (trigger: string, user: string) => [
    command("replaced", connectionTo(host, { user }), {
      create: note("replaced", `create-${trigger}`),
      update: note("replaced", "update"),
      delete: note("replaced", `delete-${trigger}`),
      triggers: [trigger],
    }),
  ];
  await stack.up(program("a", "other"));

  const run = await stack.up(program("b", "root"));
  expect(run.operations("replaced")).toEqual(["create-replacement", "replace", "delete-replaced"]);
  expect(run.differences("replaced")).toMatchObject({
    "triggers[0]": "update-replace",
    connection: "update",
  });
  expect(await takeNotes(host, "replaced"), "the old delete text, over the old connection").toEqual([
    "create-a other",
    "create-b root",
    "delete-a other",
  ]);
});

test("a change of anything but triggers updates, and runs the command, over the new connection", async () => {
  const stack = await newStack();
  const before = {
    update: note("update", "x"),
    delete: "true",
    stdin: "1",
    logging: "none",
    environment: { LC_A: "1" },
  };
  const changes = {
    connection: {},
    create: { create: "true" },
    delete: { delete: "false" },
    stdin: { stdin: "2" },
    logging: { logging: "stderr" },
    environment: { environment: { LC_A: "2" } },
    addPreviousOutputInEnv: { addPreviousOutputInEnv: true },
  };
  const program = (isChanged: boolean) =>
    Object.entries(changes).map(([input, change]) => {
      const user = isChanged && input === "connection" ? "other" : "root";
      return command(input, connectionTo(host, { user }), {
        ...before,
        update: note(`update-${input}`, "updated"),
        ...(isChanged && change),
      });
    });
  await stack.up(program(false));

  const run = await stack.up(program(true));
  for (const input of Object.keys(changes)) {
    expect(run.operations(input), input).toEqual(["update"]);
    const path = input === "environment" ? "environment.LC_A" : input;
    expect(run.differences(input)).toEqual({ [path]: input === "create" ? "add" : "update" });
    const user = input === "connection" ? "other" : "root";
    expect(await takeNotes(host, `update-${input}`)).toEqual([`updated ${user}`]);
  }
});

test("a create that fails leaves no state, an update that fails leaves the old one, and both run again", async () => {
  const stack = await newStack();
  const connection = connectionTo(host);
  const needs = (file: string) => `${note("retried", file)}; test -e /var/tmp/${file}`;
  const creation = command("creation", connection, { create: needs("may-create") });
  const update = (text: string) => command("update", connection, { create: "echo made", update: text });
  await stack.up([update("true")]);

  await stack.upFails([creation, update(needs("may-update"))]);
  expect(await stack.state("creation")).toBeUndefined();
  expect(await stack.state("update")).toMatchObject({
    inputs: { update: "true" },
    outputs: { stdout: "made" },
  });

  await host.exec("touch /var/tmp/may-create /var/tmp/may-update");
  const run = await stack.up([creation, update(needs("may-update"))]);
  expect(run.operations("creation")).toEqual(["create"]);
  expect(run.operations("update")).toEqual(["update"]);
  const tries = ["may-create", "may-create", "may-update", "may-update"].map((word) => `${word} root`);
  expect([...(await takeNotes(host, "retried"))].sort()).toEqual(tries);
});

test("a delete that fails keeps the resource, and the next destroy deletes it", async () => {
  const stack = await newStack();
  await stack.up([command("kept", connectionTo(host), { delete: "echo no; test -e /var/tmp/may-delete" })]);

  const run = await stack.upFails([]);
  expect(run.errors("kept")).toMatch(/exited with status 1\b[^]*\bno\b/);
  expect(await stack.state("kept")).toBeDefined();

  await host.exec("touch /var/tmp/may-delete");
  await stack.destroy();
  expect(await stack.state("kept")).toBeUndefined();
});

test("an error has the exit status, the command and the output of both streams, but not the stdin", async () => {
  const stack = await newStack();
  const connection = connectionTo(host);
  const run = await stack.upFails([
    command("status", connection, {
      create: "cat >/dev/null; echo on-out; echo on-err >&2; exit 42",
      stdin: "on-in",
    }),
    command("killed", connection, { create: "echo before; kill -KILL $$" }),
    command("cut", connection, { create: "kill -KILL $PPID" }),
  ]);
  expect(run.errors("status")).toMatch(/exited with status 42\b/);
  expect(run.errors("status")).toContain("exit 42");
  expect(run.errors("status")).toMatch(/^on-out$/m);
  expect(run.errors("status")).toMatch(/^on-err$/m);
  expect(run.errors("status")).not.toContain("on-in");
  expect(run.errors("killed")).toMatch(/exited with status 137\b[^]*^before$/m);
  expect(run.errors("cut"), "the session itself was killed").toContain("without exit status");
});
