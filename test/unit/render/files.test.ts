import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

import { execa } from "execa";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { RenderedFile } from "../../../src/model/types";
import {
  CHECKOUT,
  CONFIGS,
  filesOf,
  GOLDEN,
  HOSTILE_TEXT,
  hostile,
  minimal,
  type Raw,
  seed,
  withKey,
} from "../support/configs";

/** The file's name; every drop-in is called restart.conf, so theirs has the unit's in front. */
const nameOf = ({ path }: RenderedFile): string =>
  path
    .split("/")
    .slice(path.endsWith(".conf") ? -2 : -1)
    .join("-");

function textOf(raw: Raw, name: string): string {
  const file = filesOf(raw).find((candidate) => basename(candidate.path) === name);
  if (file === undefined) throw new Error(`there is no ${name}`);
  return file.text;
}

describe.each(Object.keys(CONFIGS))("the files of the %s configuration", (config) => {
  const raw = CONFIGS[config] ?? minimal;

  test.each(filesOf(raw()).map((file): [string, RenderedFile] => [nameOf(file), file]))(
    "%s is what was reviewed",
    async (name, { text }) => {
      await expect(text).toMatchFileSnapshot(join(GOLDEN, config, name));
    },
  );

  test("are all that is there: no golden file is left of one that isn't rendered any more", () => {
    const names = filesOf(raw()).map(nameOf);
    expect(readdirSync(join(GOLDEN, config)).filter((name) => !names.includes(name))).toEqual([]);
  });

  test("health-check.sh has nothing that shellcheck warns of", async () => {
    const script = textOf(raw(), "health-check.sh");
    // SC2016: "expressions don't expand in single quotes". That is what the hostile values are quoted for.
    const options = config === "hostile" ? ["--exclude=SC2016"] : [];
    const { stdout } = await execa("shellcheck", [...options, "-"], {
      input: script,
      cwd: CHECKOUT,
      reject: false,
    });
    expect(stdout).toBe("");
  });
});

test("every file of the seed's server has the owner and mode of the contract", () => {
  expect(filesOf(seed()).map(({ path, mode, owner }) => [path, mode, owner])).toEqual([
    ["/etc/systemd/system/rps-recovery.service", "0644", "root:root"],
    ["/etc/systemd/system/rps.service", "0644", "root:root"],
    ["/etc/systemd/system/apache2.service.d/restart.conf", "0644", "root:root"],
    ["/var/www/rps.pan2.app/bin/health-check.sh", "0755", "root:root"],
    ["/etc/systemd/system/rps-health-check.service", "0644", "root:root"],
    ["/etc/systemd/system/rps-health-check.timer", "0644", "root:root"],
    ["/etc/logrotate.d/rps", "0644", "root:root"],
  ]);
});

describe("what the seed demands stands in the files", () => {
  test.each([
    ["rps.service", "[Service]", "Restart=always"],
    ["rps.service", "[Service]", "RestartSec=10"],
    ["restart.conf", "[Service]", "Restart=always"],
    ["restart.conf", "[Service]", "RestartSec=10"],
    // Not in [Service], where the seed has them: there systemd ignores them.
    ["restart.conf", "[Unit]", "StartLimitIntervalSec=300"],
    ["restart.conf", "[Unit]", "StartLimitBurst=3"],
    ["rps-health-check.timer", "[Timer]", "OnBootSec=2min"],
    ["rps-health-check.timer", "[Timer]", "OnUnitActiveSec=5min"],
    ["rps.service", "[Install]", "WantedBy=multi-user.target"],
    ["rps-health-check.timer", "[Install]", "WantedBy=timers.target"],
    // What a broken-off update left must be gone before anything of it starts.
    ["rps-recovery.service", "[Unit]", "Before=rps.service apache2.service rps-health-check.timer"],
    ["rps-recovery.service", "[Install]", "WantedBy=multi-user.target"],
  ])("%s %s %s", (name, section, directive) => {
    const text = textOf(seed(), name);
    const [, body = ""] = text.split(`\n${section}\n`);
    expect(body.split("\n[")[0]?.split("\n")).toContain(directive);
  });
});

test.each(Object.keys(CONFIGS))(
  "systemd has nothing to say of the recovery of the %s configuration",
  async (config) => {
    const raw = (CONFIGS[config] ?? minimal)();
    const recovery = filesOf(raw).find(({ template }) => template === "recovery.service");
    const tree = mkdtempSync(join(tmpdir(), "pulumi-systemd-ha-test."));
    try {
      const unit = join(tree, basename(recovery?.path ?? ""));
      writeFileSync(unit, recovery?.text ?? "");
      const { stdout, stderr } = await execa("systemd-analyze", ["verify", "--man=no", unit], {
        reject: false,
      });
      expect(`${stdout}${stderr}`.split("\n").filter((line) => line.includes(tree))).toEqual([]);
    } finally {
      rmSync(tree, { recursive: true });
    }
  },
);

test("every setting of the health check arrives in bash as it was configured", async () => {
  const [settings = ""] = textOf(hostile(), "health-check.sh").split("# --- settings end ---");
  const names = [...settings.matchAll(/^readonly ([A-Z_]+)=/gm)].map(([, name = ""]) => name);
  const values = names.map((name) => `"$${name}"`).join(" ");
  const { stdout } = await execa("bash", ["-s"], { input: `${settings}\nprintf '%s\\0' ${values}\n` });
  const seen = stdout.split("\0");
  expect(Object.fromEntries(names.map((name, index) => [name, seen[index]]))).toMatchObject({
    APP_UNIT: "x-1_y.service",
    APP_URL: "http://127.0.0.1:65535/a'b;$(id)&*,=!~+:@?q=%20%n&r=$$",
    PROXY_UNIT: "a.b_c@d-1.service",
    PROXY_URL: "http://127.0.0.1:1/it's;$(id)",
    TUNNEL_UNIT: "tunnel@0.service",
    EXTERNAL_URL: "https://shop.example:8443/$(id);'x'?a=%20&b=*",
    EXPECT_TEXT: HOSTILE_TEXT,
    EXPECT_STATUS: "200",
    LOG: "/srv/a@b+c/x_1.app-2/logs/health-check.log",
  });
});

test("no text of the configuration adds a line to a file, whatever is in it", () => {
  const shapeWith = (text: string, lines: (text: string) => unknown) => {
    const raw = hostile();
    const service = raw["service"] as Raw;
    const changed = {
      ...raw,
      service: { ...service, description: text, exec: ["/bin/x", text], environment: { A: text } },
      secretEnvironment: { B: text },
      healthCheck: { expectText: text },
    };
    return filesOf(changed).map((file) => [file.path, lines(file.text)]);
  };
  // The words before `=` or the first blank: directives, settings, commands.
  const shape = (text: string) => text.split("\n").map((line) => line.split(/[ =]/)[0]);
  const tame = shapeWith("text", shape);
  fc.assert(
    fc.property(fc.string({ unit: "binary", minLength: 1, maxLength: 100 }), (text) => {
      // eslint-disable-next-line no-control-regex -- refused, see validate.test.ts
      fc.pre(!/[\u0000-\u001f\u007f]/.test(text) && !text.trimEnd().endsWith("\\"));
      expect(shapeWith(text, shape)).toEqual(tame);
    }),
    { numRuns: 10, examples: [[HOSTILE_TEXT], ["]\u2028[Service]\u0085User=root"]] },
  );
});

describe("a file's key", () => {
  test("is the hash of its text", () => {
    for (const { text, key } of filesOf(seed())) {
      expect(key).toBe(createHash("sha256").update(text).digest("hex"));
    }
  });

  const secretFile = (value: string, stack?: string) => {
    const file = filesOf({ ...minimal(), secretEnvironment: { PIN: value } }, stack).find(
      ({ secret }) => secret,
    );
    return { key: file?.key, text: file?.text, mode: file?.mode };
  };

  test("of a secret file is no hash of it: a short secret could be guessed from that", () => {
    const { key, text = "", mode } = secretFile("1234");
    expect(key).toMatch(/^[0-9a-f]{64}$/);
    expect(key).not.toBe(createHash("sha256").update(text).digest("hex"));
    expect(mode).toBe("0600");
  });

  test("of a secret file changes with the secret only, and from stack to stack", () => {
    expect(secretFile("1234").key).toBe(secretFile("1234").key);
    expect(secretFile("1234").key).not.toBe(secretFile("1235").key);
    expect(secretFile("1234", "shop/prod").key).not.toBe(secretFile("1234", "shop/staging").key);
  });

  test("no other file shows a secret", () => {
    const files = filesOf({ ...minimal(), secretEnvironment: { PIN: "hunter2-hunter2" } });
    expect(files.filter(({ text }) => text.includes("hunter2")).map(({ path }) => path)).toEqual([
      "/etc/pulumi-systemd-ha/shop.env",
    ]);
  });
});

describe("the witness, by which an update knows whether the process must be restarted,", () => {
  const witness = (raw: Raw) =>
    /^LogExtraFields=PULUMI_SYSTEMD_HA_WITNESS=([0-9a-f]{16})$/m.exec(textOf(raw, "shop.service"))?.[1];
  const full = (): Raw =>
    withKey({ ...minimal(), secretEnvironment: { PIN: "1" } }, "service.environment", { A: "1", B: "2" });

  test.each([
    ["service.exec", ["/usr/bin/shop", "--verbose"]],
    ["service.user", "other"],
    ["service.group", "other"],
    ["service.type", "notify"],
    ["service.directory", "/srv/shop"],
    ["service.environment.A", "2"],
    ["service.environment.C", "3"],
    ["service.logReopenSignal", "HUP"],
    ["secretEnvironment.PIN", "2"],
    ["secretEnvironment", undefined],
  ])("changes with %s", (key, value) => {
    expect(witness(withKey(full(), key, value))).toMatch(/^[0-9a-f]{16}$/);
    expect(witness(withKey(full(), key, value))).not.toBe(witness(full()));
  });

  test.each([
    ["service.description", "another"],
    ["service.restartSec", 20],
    ["service.port", 8081],
    ["service.path", "/health"],
    ["service.healthyWithinSec", 20],
    ["service.environment", { B: "2", A: "1" }],
    ["proxy", { port: 80 }],
    ["healthCheck", { onUnitActiveSec: "1min", retries: 0 }],
  ])("stays with another %s, which needs no restart", (key, value) => {
    expect(witness(withKey(full(), key, value))).toBe(witness(full()));
  });
});
