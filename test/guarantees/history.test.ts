import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { type Configuration, Program, type Result } from "../support/program";
import { answers, eventually, processOf, SERVICE, TRANSACTION } from "../support/seedCommands";

/** What a host keeps of its configurations, who changed them, and a way back to one. */
let host: DisposableHost;
let program: Program;

const STATE = "/var/lib/pulumi-systemd-ha/rps";
const WRAPPER = "/usr/local/bin/wrapped";
const SECRETS = ["hunter2-first", "hunter2-second"] as const;
const CI = { GITHUB_ACTOR: "mia", GITHUB_SHA: "0123456789abcdef0123456789abcdef01234567" };

interface HistoryOf {
  readonly current: { readonly revision: string; readonly isReturned: boolean };
  readonly kept: readonly { readonly revision: string }[];
  readonly updates: readonly {
    readonly time: string;
    readonly revision: string;
    readonly stack: string;
    readonly user: string;
    readonly commit: string;
    readonly result: string;
    readonly changes: readonly { readonly kind: string; readonly name: string }[];
    readonly reason?: string;
    readonly isCurrent: boolean;
  }[];
}

const texts: string[] = [];
async function script(name: string, ...words: string[]): Promise<Result> {
  const result = await program.script(name, ...words);
  texts.push(result.text);
  return result;
}
async function history(): Promise<HistoryOf> {
  const { exitCode, text } = await script("history", "--json");
  expect(exitCode).toBe(0);
  const [first] = (JSON.parse(text) as { hosts: HistoryOf[] }).hosts;
  if (first === undefined) throw new Error(text);
  return first;
}
async function up(env = {}, flags: string[] = []): Promise<Result> {
  const result = await program.up(env, flags);
  texts.push(result.text);
  return result;
}
async function settle(env = {}): Promise<string> {
  const { exitCode, text } = await up(env);
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  return revision();
}
const revision = async (): Promise<string> =>
  (await host.exec(`awk '$1 == "confirmed" { print $3 }' ${STATE}/manifest`)).stdout;
const isOpen = async (): Promise<boolean> => (await host.exec(`ls ${STATE}`)).stdout.includes("transaction");
const changeService = (change: Configuration) =>
  program.change("rps-ha:service", (service) => ({ ...service, ...change }));
const setToken = (token: string) =>
  program.setSecret("rps-ha:secretEnvironment", JSON.stringify({ API_TOKEN: token }));
/** Everything that a rollback could change; the timer's health check may note a result of its own meanwhile. */
const everything = async (): Promise<string> =>
  (
    await host.exec(
      `find /etc /var/www/rps.pan2.app/bin ${STATE} -type f -exec sha256sum {} + | grep -v -e /lock -e /health$ | sort; systemctl show -p InvocationID ${SERVICE}`,
    )
  ).stdout;

beforeAll(async () => {
  [host] = (await bootHosts(["history"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  await host.writeFile(WRAPPER, '#!/bin/bash\nexec /usr/bin/gunicorn "$@"\n');
  await host.exec(`chmod 0755 ${WRAPPER}`);
  program = await Program.forHosts([host], "deploy");
  await changeService({ healthyWithinSec: 6, confirmWithinSec: 12 });
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const revisions: string[] = [];

describe("scripts/history", () => {
  test("a plan that was saved from another commit still holds", async () => {
    await setToken(SECRETS[0]);
    revisions.push(await settle());
    const plan = join(program.directory, "plan.json");
    const experimental = { PULUMI_EXPERIMENTAL: "true" };
    await changeService({ environment: { ROUND: "two" } });
    const saved = await program.preview([`--save-plan=${plan}`], { ...experimental, ...CI });
    expect(saved.exitCode).toBe(0);
    const env = { ...experimental, GITHUB_ACTOR: "bob", GITHUB_SHA: "fedcba9876543210" };
    expect((await up(env, [`--plan=${plan}`])).text).not.toContain("error:");
    revisions.push(await revision());
    expect(await program.planned({ GITHUB_SHA: "aaaaaaaaaaaaaaaa" })).toEqual([]);
  });

  test("tells of each update when, by whom, from which commit, what changed and what became of it", async () => {
    await setToken(SECRETS[1]);
    await changeService({ environment: { ROUND: "three" } });
    revisions.push(await settle(CI));
    const good = (await program.get("rps-ha:service")) as Configuration;
    await changeService({ exec: ["/usr/bin/false"] });
    expect((await up(CI)).text).toContain("the update was rolled back");
    await program.configure({ "rps-ha:service": good });
    expect(await settle(CI)).toBe(revisions[2]);

    const results = ["confirmed", "rolled-back", "confirmed", "confirmed", "confirmed"];
    // What only put the state right again is ended by the host.
    await eventually(40, "all of them ended", async () => !(await isOpen()));
    const { current, updates, kept } = await history();
    expect(current).toMatchObject({ revision: revisions[2], isReturned: false });
    expect(kept.map((one) => one.revision)).toEqual([...revisions].reverse());
    expect(updates.map(({ result }) => result)).toEqual(results);
    expect(updates.map(({ isCurrent }) => isCurrent)).toEqual([true, false, false, false, false]);
    for (const { time, stack } of updates) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d{4}$/);
      expect(stack).toBe("rps-ha/test");
    }
    const [, failed, secret, environment, first] = updates;
    expect(first).toMatchObject({ user: expect.stringMatching(/.@./) as string, commit: "-" });
    expect(environment).toMatchObject({
      ...{ revision: revisions[1], user: "bob", commit: "fedcba987654" },
      changes: [{ kind: "changed", name: `/etc/systemd/system/${SERVICE}` }],
    });
    expect(secret).toMatchObject({ revision: revisions[2], user: "mia", commit: "0123456789ab" });
    const changed = secret?.changes.map(({ name }) => name);
    expect(changed).toContain("/etc/pulumi-systemd-ha/rps.env");
    expect(failed?.reason).toContain(SERVICE);
  });

  test("as a table it's one line an update, and marks what is there and what can be brought back", async () => {
    const { exitCode, text } = await script("history");
    expect(exitCode).toBe(0);
    const lines = text.split("\n");
    expect(lines[0]).toBe(`${host.name} (${host.address}): revision ${revisions[2] ?? ""}`);
    expect(lines[1]).toMatch(/^ +WHEN +REVISION +RESULT +STACK +USER +COMMIT +WHAT$/);
    expect(lines[2]).toMatch(new RegExp(`^ {2}now +.* ${revisions[2] ?? ""} +confirmed +rps-ha/test +mia `));
    expect(lines.filter((line) => line.startsWith("  kept "))).toHaveLength(2);
    expect(lines.find((line) => line.includes("rolled back"))).toContain(SERVICE);
  });
});

describe("scripts/rollback", () => {
  test("without a terminal and --yes it shows the difference, and changes nothing", async () => {
    const before = await everything();
    const { exitCode, text } = await script("rollback");
    expect(text).toContain(`revision ${revisions[2] ?? ""} becomes ${revisions[1] ?? ""}`);
    expect(text).toMatch(/-Environment=.*ROUND=three/);
    expect(text).toMatch(/\+Environment=.*ROUND=two/);
    expect(text).toContain("say --yes");
    expect(exitCode).toBe(2);
    expect(await everything()).toBe(before);
  });

  test("an unknown revision is refused, and so is what is none", async () => {
    const before = await everything();
    expect((await script("rollback", "--yes", "--to", "0123456789abcdef")).exitCode).toBe(4);
    expect((await script("rollback", "--yes", "--to", "yesterday")).exitCode).toBe(2);
    expect((await script("rollback", "--yes", "--host", "nobody")).exitCode).toBe(2);
    expect(await everything()).toBe(before);
  });

  test("another stack's host is refused", async () => {
    const other = await Program.forHosts([host], "deploy", {}, "other");
    for (const name of ["rollback", "history"]) {
      const { exitCode, text } = await other.script(name, ...(name === "rollback" ? ["--yes"] : []));
      expect(text).toContain("belongs to stack rps-ha/test");
      expect(exitCode).toBe(4);
    }
    await other.close();
  });

  test("it brings the former one back, a secret too, and what is there already is no failure", async () => {
    const to = revisions[1] ?? "";
    const { exitCode, text } = await script("rollback", "--yes");
    expect(text).toContain("/etc/pulumi-systemd-ha/rps.env is changed (its text is secret)");
    expect(text).toContain(`${host.name}: revision ${to} is back`);
    expect(exitCode).toBe(0);
    expect((await host.exec("cat /etc/pulumi-systemd-ha/rps.env")).stdout).toContain(SECRETS[0]);
    expect(await answers(host, 8087)).toBe(true);
    const { current, updates } = await history();
    expect(current).toMatchObject({ revision: to, isReturned: true });
    expect(updates[0]).toMatchObject({ revision: to, result: "returned", isCurrent: true });
    const again = await script("rollback", "--yes", "--to", to);
    expect(again.text).toContain("already");
    expect(again.exitCode).toBe(0);
  });

  test("the next preview names it, in mode report as well; up installs the configured one again", async () => {
    const sentence = `revision ${revisions[1] ?? ""} was brought back on the host at `;
    const warned = await program.look([], { PULUMI_SYSTEMD_HA_DRIFT: "report" });
    expect(warned.messages.join("\n")).toContain(sentence);
    expect(warned.changes).toEqual([]);
    const preview = await program.look(["--expect-no-changes"]);
    expect(preview.exitCode).not.toBe(0);
    const message = preview.messages.find((one) => one.includes(sentence));
    expect(message).toMatch(/-rps-install: (warning: )?drift: /);
    expect(message).toContain(`the update installs the configured revision ${revisions[2] ?? ""} again`);
    expect([...preview.changes].sort()).toEqual(
      TRANSACTION.map((step) => `update ${host.name}-rps-${step}`).sort(),
    );
    expect(await settle()).toBe(revisions[2]);
    expect(await program.planned()).toEqual([]);
    expect((await host.exec("cat /etc/pulumi-systemd-ha/rps.env")).stdout).toContain(SECRETS[1]);
  });

  test("a configuration that doesn't work any more is taken back, and the present one serves", async () => {
    const good = (await program.get("rps-ha:service")) as Configuration & { exec: string[] };
    await changeService({ exec: [WRAPPER, ...good.exec.slice(1)] });
    const wrapped = await settle();
    await program.configure({ "rps-ha:service": good });
    await program.change("rps-ha:healthCheck", (check) => ({ ...check, onUnitActiveSec: "7min" }));
    const present = await settle();
    await host.writeFile(WRAPPER, "#!/bin/bash\nexit 3\n");
    const { exitCode, text } = await script("rollback", "--yes", "--to", wrapped);
    expect(text).toContain("the update was rolled back: the previous configuration is running");
    expect(exitCode).toBe(5);
    expect(await revision()).toBe(present);
    expect(await answers(host, 8087)).toBe(true);
    expect((await history()).updates[0]).toMatchObject({ revision: wrapped, result: "rolled-back" });
    expect(await program.planned()).toEqual([]);
  });

  test("nothing restarts that has what it needs", async () => {
    // Only the timer differs.
    const process = await processOf(host, SERVICE);
    expect((await script("rollback", "--yes", "--to", revisions[2] ?? "")).exitCode).toBe(0);
    expect(await revision()).toBe(revisions[2]);
    expect(await processOf(host, SERVICE)).toBe(process);
  });

  test("it needs no connection once it has begun", async () => {
    const running = script("rollback", "--yes", "--to", revisions[1] ?? "");
    await eventually(30, "it has begun", isOpen);
    await host.exec("ip link set host0 down");
    await eventually(60, "it's back", async () => (await revision()) === revisions[1]);
    expect(await answers(host, 8087)).toBe(true);
    await host.exec("ip link set host0 up");
    expect([0, 3]).toContain((await running).exitCode);
  });
});

test("historyKeep bounds what stays: the present one, so many former ones, and their content", async () => {
  await program.configure({ "rps-ha:historyKeep": 1 });
  const present = await settle();
  const { kept } = await history();
  expect(kept).toHaveLength(2);
  expect(kept[0]?.revision).toBe(present);
  const listing = await host.exec(
    `cd ${STATE} && ls stage | sort && echo && awk -F '\\t' '$1 == "file" { print $7 }' history/[0-9a-f]* | sort -u`,
  );
  const [staged, named] = listing.stdout.split("\n\n");
  expect(staged).toBe(named);
  expect(await program.planned()).toEqual([]);
});

test("no secret is in anything that was said", () => {
  expect(texts.length).toBeGreaterThan(20);
  for (const text of texts) for (const secret of SECRETS) expect(text).not.toContain(secret);
});
