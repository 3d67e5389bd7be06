import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";

import { HOST_KEY, seed, withKey } from "../unit/support/configs";
import { newHostRows, type Row } from "../unit/support/hostInSync";
import type { Message } from "./support/engine";
import { factsAfter, type Run, runProgram } from "./support/program";

const SECRET = "hunter2-hunter2";
const RAW = { ...seed(), secretEnvironment: { DB_PASSWORD: SECRET } };
const withSecret = { secretKeys: ["secretEnvironment"] };
const UNIT = "/etc/systemd/system/rps.service";

let first: Run;
let inSync: Row[];
beforeAll(async () => {
  first = await runProgram(RAW, withSecret);
  inSync = factsAfter(first, RAW);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

/** What the probe says, with other rows in place of those that begin alike. */
const tampered = (...rows: Row[]): Row[] => [
  ...inSync.filter((row) => !rows.some(([key, name]) => row[0] === key && row[1] === name)),
  ...rows,
];
const unitRow = (...change: string[]): Row => ["unit", "rps.service", "UptimeSec=100", ...change];
const content = "[Service]\nRestart=no\nEnvironment=API=abcdef\n";
const edited: Row[] = [
  ["file", UNIT, "regular file", "0644", "root:root", "8 800", "0123", ""],
  ["content", UNIT, Buffer.from(content).toString("base64")],
];
const stopped = unitRow("LoadState=loaded", "ActiveState=inactive", "UnitFileState=enabled");

const unarmed: Row = [
  ...(["unit", "rps-recovery.service", "UptimeSec=100"] as const),
  ...["LoadState=loaded", "ActiveState=inactive", "UnitFileState=disabled"],
];

/** The steps that Pulumi would run, since another command or content is in their inputs. */
const rerun = (run: Run, before = first): string[] =>
  run.resources
    .filter(({ name, inputs }) => {
      const known = before.resource(name).inputs;
      return inputs["create"] !== known["create"] || JSON.stringify(inputs) !== JSON.stringify(known);
    })
    .map(({ name }) => name.replace("rps-rps-", ""));
const FROM_INSTALL_ON = [
  ...["install", "daemon-reload"],
  ...["enable-rps.service", "enable-apache2.service", "enable-rps-health-check.timer"],
  ...["verify-rps.service", "verify-apache2.service", "verify-rps-health-check.timer"],
  ...["health-check", "confirm"],
];

describe("a host in sync", () => {
  test.each([false, true])(
    "gets the very commands of the last update: nothing is planned (preview: %s)",
    async (preview) => {
      const run = await runProgram(RAW, { ...withSecret, facts: inSync, preview });
      expect(run.resources).toEqual(first.resources);
      expect(run.messages).toEqual([]);
      expect(run.outputs["rps"]?.drift).toEqual([]);
    },
  );

  test("whose configuration changed gets all from the installation on, and the file that changed", async () => {
    const raw = withKey(RAW, "service.restartSec", "7s");
    const run = await runProgram(raw, { ...withSecret, facts: inSync });
    expect(rerun(run)).toEqual(["stage-rps.service", ...FROM_INSTALL_ON]);
    expect(run.messages).toEqual([]);
  });
});

describe("a host that", () => {
  test.each<[string, () => Row[], readonly string[]]>([
    ["was edited", () => tampered(...edited), ["stage-rps.service", ...FROM_INSTALL_ON]],
    ["was stopped", () => tampered(stopped), FROM_INSTALL_ON],
    [
      "lost its helper",
      () => [...inSync.filter(([key]) => key !== "helper"), ["helper", "none", "1 1"]],
      ["helper", ...FROM_INSTALL_ON],
    ],
    [
      "was left in the middle of an update",
      () => [...inSync, ["open_transaction", "fedcba9876543210", "ab12"]],
      FROM_INSTALL_ON,
    ],
    [
      "was left in the middle of an update that was to mend it",
      () => [...inSync, ["open_transaction", first.outputs["rps"]?.revision ?? "", "ab12"]],
      FROM_INSTALL_ON,
    ],
    [
      "would stay as it is after a restart in the middle of an update",
      () => tampered(unarmed),
      FROM_INSTALL_ON,
    ],
    [
      "was changed by another update of this stack",
      // Which swept away the content that was sent.
      () =>
        factsAfter(first, withKey(RAW, "service.restartSec", "7s"), {
          transaction: "fedcba987654",
          counter: 2,
        }),
      ["stage-rps.service", ...FROM_INSTALL_ON],
    ],
    [
      "was rebuilt",
      () => [...newHostRows(RAW).filter(([key]) => key === "file"), ["machine_id", "fedcba9876543210"]],
      ["all"],
    ],
  ])("%s gets what mends it, in preview and up alike", async (_, factsOf, steps) => {
    const facts = factsOf();
    const preview = await runProgram(RAW, { ...withSecret, facts, preview: true });
    const up = await runProgram(RAW, { ...withSecret, facts });
    const all = up.resources.slice(1).map(({ name }) => name.replace("rps-rps-", ""));
    expect(rerun(up)).toEqual(steps[0] === "all" ? all : steps);
    expect(up.resources).toEqual(preview.resources);
    expect(up.contacts).toHaveLength(1);
  });

  test("was tampered with once more in the same way gets other commands than the last time", async () => {
    const once = await runProgram(RAW, { ...withSecret, facts: tampered(...edited) });
    const mended = factsAfter(once, RAW, { counter: 2 });
    const again = [...mended.filter(([key, path]) => key !== "file" || path !== UNIT), ...edited];
    const twice = await runProgram(RAW, { ...withSecret, facts: again });
    expect(rerun(twice, once)).toEqual(["stage-rps.service", ...FROM_INSTALL_ON]);
    expect(rerun(await runProgram(RAW, { ...withSecret, facts: mended }), once)).toEqual([]);
  });
});

describe("what was found is said", () => {
  const said = async (
    facts: Row[],
    options: { drift?: string; preview?: boolean } = {},
  ): Promise<Message[]> => {
    const { drift = "correct", preview = true } = options;
    return (await runProgram({ ...RAW, drift }, { ...withSecret, facts, preview })).messages;
  };

  test.each([true, false])("at the step that is concerned (preview: %s)", async (preview) => {
    const messages = await said(
      [
        ...tampered(...edited, stopped, unarmed),
        ["directory", "/var/www/rps.pan2.app", "directory", "0777", "root:www-data", "7 700", "", ""],
        [
          "override",
          "apache2.service",
          "/etc/systemd/system/apache2.service.d/x.conf",
          "yes",
          "Service",
          "Restart",
          "no",
        ],
      ].filter((row) => row[0] !== "helper") as Row[],
      { preview },
    );
    expect(messages.map(({ severity, resource, text }) => [severity, resource, text.split("\n")[0]])).toEqual(
      [
        [
          "warning",
          "rps-rps-helper",
          "drift: the host-side helper was removed, altered or is of another release; the update mends it",
        ],
        ["warning", "rps-rps-stage-rps.service", `drift: ${UNIT} was changed; the update mends it`],
        // No step is of this unit alone.
        ["warning", "rps-rps-install", "drift: rps-recovery.service was disabled; the update mends it"],
        ["warning", "rps-rps-enable-rps.service", "drift: rps.service was stopped; the update mends it"],
        [
          "warning",
          "rps-rps-enable-apache2.service",
          "drift: /etc/systemd/system/apache2.service.d/x.conf sets Restart=no in [Service], which contradicts what is configured for apache2.service; the update mends it",
        ],
      ],
    );
  });

  test("with the difference, without what may be a secret", async () => {
    const messages = await said(
      tampered(...edited, ["content", UNIT, Buffer.from(`${content}# ${SECRET}\n`).toString("base64")]),
    );
    const text = messages.find(({ resource }) => resource === "rps-rps-stage-rps.service")?.text ?? "";
    expect(text).toContain("\n-Environment=API=[masked]\n");
    expect(text).toContain("\n-# [masked]\n");
    expect(text).toContain("\n+Restart=always\n");
    expect(JSON.stringify(messages)).not.toMatch(/abcdef|hunter2/);
  });

  test("with no promise to mend it where that isn't wanted, and as an output too", async () => {
    const run = await runProgram({ ...RAW, drift: "report" }, { ...withSecret, facts: tampered(stopped) });
    expect(run.messages).toEqual([
      { severity: "warning", resource: "rps-rps-enable-rps.service", text: "drift: rps.service was stopped" },
    ]);
    expect(run.outputs["rps"]?.drift).toEqual(["rps.service was stopped"]);
  });

  test("not in a preview with drift off, which asks no host", async () => {
    expect(await said(tampered(stopped), { drift: "off" })).toEqual([]);
  });

  test("as a notice where nothing is installed yet", async () => {
    expect(await said(newHostRows(RAW))).toEqual([
      {
        ...{ severity: "info", resource: "rps-rps" },
        text: "nothing of rps is installed on the host: all of it will be",
      },
    ]);
  });

  test.each(["correct", "report"])("and so is a restart, with drift %s too", async (drift) => {
    const raw = { ...withKey(RAW, "service.user", "nobody"), drift };
    const { messages } = await runProgram(raw, { ...withSecret, facts: inSync, preview: true });
    expect(messages).toEqual([
      {
        ...{ severity: "info", resource: "rps-rps" },
        text: "rps.service will be restarted: its settings change",
      },
    ]);
  });
});

describe("drift mode", () => {
  const another = {
    ...withKey(withKey(RAW, "service.restartSec", "7s"), "service.healthyWithinSec", 31),
    secretEnvironment: { DB_PASSWORD: "another-secret" },
  };
  const commandsOf = (run: Run) =>
    run.resources.map(({ name, inputs }) => [name, inputs["create"], inputs["delete"]]);
  const contentOf = (run: Run) =>
    run.resources.map(({ name, inputs }) => [name, JSON.stringify(inputs["stdin"])]);

  test.each(["report", "off"])(
    "%s keeps the commands as they are, so that only content runs them",
    async (drift) => {
      const run = await runProgram({ ...RAW, drift }, withSecret);
      for (const { ignoreChanges } of run.resources.filter(({ parent }) => parent !== "")) {
        expect(ignoreChanges).toEqual(["create"]);
      }
      // The same commands whatever is on the host.
      const facts = tampered(...edited, stopped);
      expect(commandsOf(await runProgram({ ...RAW, drift }, { ...withSecret, facts }))).toEqual(
        commandsOf(run),
      );
    },
  );

  test.each(["report", "off", "correct"])(
    "%s: nothing configured stands in a command but the ids, and every step has the new content",
    async (drift) => {
      const facts = inSync;
      const [before, after] = [
        await runProgram({ ...RAW, drift }, { ...withSecret, facts }),
        await runProgram({ ...another, drift }, { ...withSecret, facts }),
      ];
      // Where the host decides nothing, what is sent has one id for ever.
      const ids =
        drift === "correct" ? / --(transaction|revision) [0-9a-f]{12}/g : / --transaction [0-9a-f]{12}/g;
      const withoutIds = (run: Run) => JSON.stringify(commandsOf(run)).replace(ids, " ID");
      expect(withoutIds(after)).toBe(withoutIds(before));
      const changed = contentOf(after).filter(([, stdin], index) => stdin !== contentOf(before)[index]?.[1]);
      expect(changed.map(([name]) => name?.replace("rps-rps-", ""))).toEqual([
        ...["stage-rps.env", "stage-rps.service", "stage-health-check.sh", "stage-rps-health-check.service"],
        ...FROM_INSTALL_ON,
      ]);
    },
  );

  test("another login, host or jump host changes no command either", async () => {
    const raw = {
      ...RAW,
      hosts: [{ name: "rps", address: "other.example", user: "deploy", port: 2222, hostKey: HOST_KEY }],
    };
    expect(commandsOf(await runProgram(raw, withSecret))).toEqual(commandsOf(first));
  });

  test("off connects to no host in a preview, and looks before an update all the same", async () => {
    expect((await runProgram({ ...seed(), drift: "off" }, { preview: true })).contacts).toEqual([]);
    expect((await runProgram({ ...seed(), drift: "off" })).contacts).toHaveLength(1);
  });

  test.each(["correct", "report"])("%s looks at the host in a preview", async (drift) => {
    expect((await runProgram({ ...seed(), drift }, { preview: true })).contacts).toHaveLength(1);
  });

  test("off plans the same in preview and up", async () => {
    const preview = await runProgram({ ...RAW, drift: "off" }, { ...withSecret, preview: true });
    expect((await runProgram({ ...RAW, drift: "off" }, withSecret)).resources).toEqual(preview.resources);
  });

  test("is overridden by the environment", async () => {
    vi.stubEnv("PULUMI_SYSTEMD_HA_DRIFT", "off");
    expect((await runProgram(seed(), { preview: true })).contacts).toEqual([]);
  });
});
