import { describe, expect, test } from "vitest";

import { validateService } from "../../../src/config/validate";
import {
  checked,
  CONFIGS,
  HOST_KEY,
  hostile,
  minimal,
  PRIVATE_KEY,
  prodConfig,
  problemsOf,
  seed,
  withKey,
} from "../support/configs";

/** A configuration in which every object is there. */
const everyObject = () =>
  withKey({ ...hostile(), rollout: {} }, "hosts[0].bastion", { address: "jump", hostKey: HOST_KEY });

describe("a configuration that is right", () => {
  test.each(Object.keys(CONFIGS))("%s is accepted", (name) => {
    expect(problemsOf(CONFIGS[name]?.())).toEqual([]);
  });

  test("gets every default where only what is required was given", () => {
    expect(checked(minimal())).toEqual({
      hosts: [
        {
          ...{ name: "web1", address: "203.0.113.10", port: 22, user: "root", hostKey: HOST_KEY },
          insecureIgnoreHostKey: false,
        },
      ],
      service: {
        ...{ name: "shop", description: "", directory: "/var/www/shop", user: "shop", type: "exec" },
        ...{ exec: ["/usr/bin/shop"], environment: {}, port: 8080, path: "/", restartSec: 10 },
        ...{ healthyWithinSec: 30, confirmWithinSec: 60 },
      },
      healthCheck: {
        ...{ onBootSec: "2min", onUnitActiveSec: "5min", timeoutSec: 10, retries: 2 },
        ...{
          failuresBeforeRepair: 1,
          maxRepairs: 3,
          repairWindowSec: 3600,
          proxyDependsOn: "app",
          externalDependsOn: "proxy",
          alertAgainAfterSec: 3600,
          expectStatus: 200,
        },
      },
      drift: "correct",
      maintenance: false,
      rollout: { parallel: 1 },
      historyKeep: 5,
      onDestroy: "restore",
    });
  });

  test("of the seed's server says value for value what the seed document says", () => {
    const { service, proxy, healthCheck } = checked(seed());
    expect(service).toMatchObject({ name: "rps", directory: "/var/www/rps.pan2.app", user: "www-data" });
    expect(service).toMatchObject({ port: 5137, restartSec: 10 });
    expect(proxy).toMatchObject({ unit: "apache2.service", port: 8087, restartSec: 10 });
    expect(proxy).toMatchObject({ startLimitIntervalSec: 300, startLimitBurst: 3 });
    expect(healthCheck).toMatchObject({ onBootSec: "2min", onUnitActiveSec: "5min" });
    expect(healthCheck).toMatchObject({ externalUrl: "https://rps.pan2.app" });
  });

  test.each([
    ["hosts[0].address", "::1"],
    ["hosts[0].address", "a.b-c.example"],
    ["hosts[0].hostKey", `ecdsa-sha2-nistp256 ${"A".repeat(140)}= with a comment`],
    ["hosts[0].bastion", { address: "jump.example", hostKey: HOST_KEY }],
    ["service.restartSec", "2min 30s"],
    ["service.restartSec", "90"],
    ["service.restartSec", 0],
    ["service.healthyWithinSec", 40],
    ["service.type", "notify"],
    ["service.logReopenSignal", "HUP"],
    ["proxy", { port: 80 }],
    ["tunnel", {}],
    ["tunnel.unit", "a:b@c.d_e-f.service"],
    ["healthCheck.expectStatus", 204],
    ["drift", "off"],
    ["onDestroy", "leave"],
    ["sshPrivateKey", PRIVATE_KEY.trim()],
    ["maintenance", false],
  ])("%s may be %j", (key, value) => {
    expect(problemsOf(withKey(minimal(), key, value))).toEqual([]);
  });

  test("isn't changed by being checked", () => {
    const raw = minimal();
    checked(raw);
    expect(raw).toEqual(minimal());
  });
});

describe("one wrong value gives one sentence: key, what it must be, what it is, an example", () => {
  test.each([
    ["hosts", [], "must be a list of at least one host, got [] (example: [{"],
    ["hosts[0]", "web1", 'must be an object with name, address and hostKey, got "web1"'],
    ["hosts[0].name", "Web 1", "must be a short name of a-z, 0-9, _ and -, unique among the hosts, got"],
    ["hosts[0].address", "a b", 'must be a host name or an IP address, got "a b" (example: 203.0.113.10)'],
    ["hosts[0].address", "-oProxyCommand=id", "must be a host name or an IP address, got"],
    ["hosts[0].port", "22", 'must be a whole number from 1 to 65535, got "22" (example: 22)'],
    ["hosts[0].port", 65536, "must be a whole number from 1 to 65535, got 65536 (example: 22)"],
    ["hosts[0].user", "a b", 'must be a login name, got "a b" (example: deploy)'],
    ["hosts[0].hostKey", "SHA256:abc", "must be the server's public key as `ssh-keyscan"],
    ["hosts[0].hostKey", `ssh-rsa ${"A".repeat(372)}`, "must be the server's public key as `ssh-keyscan"],
    ["hosts[0].hostKey", `rps.example ${HOST_KEY}`, "must be the server's public key as `ssh-keyscan"],
    ["hosts[0].bastion.hostKey", "x", "must be the server's public key as `ssh-keyscan"],
    ["service", "gunicorn app:app", 'must be an object that describes the service, got "gunicorn app:app"'],
    ["service.name", "9lives", 'must be a short name of a-z, 0-9, _ and -, got "9lives" (example: shop)'],
    ["service.name", "a/../b", 'must be a short name of a-z, 0-9, _ and -, got "a/../b" (example: shop)'],
    ["service.description", "a".repeat(201), `must be one line of text, got "${"a".repeat(56)}… (example`],
    ["service.directory", "/var/www/", "must be an absolute path of letters, digits and ._@+- that ends"],
    ["service.directory", "/var/../etc", "must be an absolute path of letters, digits and ._@+- that ends"],
    ["service.directory", "var/www/shop", "must be an absolute path of letters, digits and ._@+- that ends"],
    ["service.directory", "/var/my shop", "must be an absolute path of letters, digits and ._@+- that ends"],
    ["service.user", "www data", 'must be the name of an existing user, got "www data" (example: www-data)'],
    ["service.group", 33, "must be the name of an existing group, got 33 (example: www-data)"],
    ["service.type", "simple", 'must be exec or notify (Gunicorn 20 and newer notifies), got "simple"'],
    [
      "service.exec",
      "/bin/a --b",
      "must be a list of words, the first an absolute path; not a shell line, g",
    ],
    ["service.exec", [], "must be a list of words, the first an absolute path; not a shell line, got [] (ex"],
    ["service.exec[1]", 80, "must be text, got 80 (example: --bind)"],
    ["service.environment", ["A=b"], 'must be an object of texts, got ["A=b"] (example: {"FLASK_ENV":"prod'],
    ["service.environment.WORKERS", 4, "must be text, got 4 (example: production)"],
    ["service.port", "abc", 'must be a whole number from 1 to 65535, got "abc" (example: 5137)'],
    ["service.port", 0, "must be a whole number from 1 to 65535, got 0 (example: 5137)"],
    ["service.port", 80.5, "must be a whole number from 1 to 65535, got 80.5 (example: 5137)"],
    ["service.path", "health", 'must be a path that begins with /, got "health" (example: /)'],
    ["service.path", "/a b", 'must be a path that begins with /, got "/a b" (example: /)'],
    [
      "service.restartSec",
      "soon",
      'must be a number of seconds or a systemd time span, got "soon" (example: 10',
    ],
    ["service.restartSec", -1, "must be a number of seconds or a systemd time span, got -1 (example: 10)"],
    ["service.logReopenSignal", "KILL", 'must be HUP, USR1 or USR2, got "KILL" (example: USR1)'],
    ["service.healthyWithinSec", 100, "must be seconds from 1 to 99, got 100 (example: 30)"],
    ["proxy", true, "must be an object with unit and port, got true"],
    ["proxy", {}, "is required: a whole number from 1 to 65535 (example: 8087)"],
    [
      "tunnel.unit",
      "cloudflared",
      'must be the name of a service unit, got "cloudflared" (example: cloudflared',
    ],
    [
      "tunnel.unit",
      "--now.service",
      'must be the name of a service unit, got "--now.service" (example: cloudfl',
    ],
    [
      "tunnel.unit",
      "tunnel@.service",
      'must be the name of a service unit, got "tunnel@.service" (example: clou',
    ],
    [
      "tunnel.unit",
      "../x.service",
      'must be the name of a service unit, got "../x.service" (example: cloudflar',
    ],
    ["healthCheck.retries", 11, "must be a whole number from 0 to 10, got 11 (example: 2)"],
    ["healthCheck.timeoutSec", 0, "must be seconds from 1 to 60, got 0 (example: 10)"],
    [
      "healthCheck.externalUrl",
      "shop.example",
      "must be an http or https URL without user and password, got",
    ],
    [
      "healthCheck.externalUrl",
      "file:///etc/shadow",
      "must be an http or https URL without user and password",
    ],
    ["healthCheck.expectStatus", "200", 'must be an HTTP status, got "200" (example: 200)'],
    ["healthCheck.expectText", "", 'must be one line of text, got "" (example: Add to cart)'],
    ["drift", "fix", 'must be correct, report or off, got "fix" (example: correct)'],
    ["maintenance", "yes", 'must be true or false, got "yes" (example: false)'],
    ["rollout.parallel", 0, "must be a whole number from 1 to 100, got 0 (example: 1)"],
    ["historyKeep", 2.5, "must be a whole number from 1 to 100, got 2.5 (example: 5)"],
    ["onDestroy", "delete", 'must be restore or leave, got "delete" (example: restore)'],
  ])("%s: %j", (key, value, sentence) => {
    const problems = problemsOf(withKey(everyObject(), key, value));
    const wrongKey = key === "proxy" && typeof value === "object" ? "proxy.port" : key;
    expect(problems.find((problem) => problem.startsWith(`${wrongKey}: `))).toContain(sentence);
    expect(new Set(problems.map((problem) => problem.split(": ")[0]))).toEqual(new Set([wrongKey]));
  });
});

describe("an unknown key is named with the known ones", () => {
  test.each([
    ["servce", "hosts, sshPrivateKey, sshPrivateKeyPassphrase, service, secretEnvironment, proxy, tunnel,"],
    ["hosts[0].hostkey", "name, address, port, user, hostKey, insecureIgnoreHostKey, bastion"],
    ["hosts[0].bastion.name", "address, port, user, hostKey"],
    ["service.restartsec", "name, previousName, description, directory, user, group, type, exec,"],
    ["proxy.restart", "unit, port, path, restartSec, startLimitIntervalSec, startLimitBurst"],
    ["tunnel.port", "unit, restartSec"],
    ["healthCheck.url", "onBootSec, onUnitActiveSec, timeoutSec, retries,"],
    ["rollout.serial", "parallel"],
  ])("%s", (key, known) => {
    const raw = withKey({ ...hostile(), rollout: {} }, "hosts[0].bastion", {
      address: "jump",
      hostKey: HOST_KEY,
    });
    expect(problemsOf(withKey(raw, key, "some value"))).toEqual([
      expect.stringContaining(`${key}: unknown key; known here: ${known}`),
    ]);
  });
});

describe("all problems are listed at once", () => {
  test("of Pulumi.prod.yaml as it is: the address and the host key, which only the server's owner knows", () => {
    expect(problemsOf(prodConfig())).toEqual([
      "hosts[0].address: is required: a host name or an IP address (example: 203.0.113.10)",
      expect.stringContaining(
        "hosts[0].hostKey: is required: the server's public key; print it with `ssh-keyscan",
      ),
    ]);
  });

  test("of an empty configuration: what is required", () => {
    expect(problemsOf({})).toEqual([
      expect.stringContaining("hosts: is required: a list of at least one host"),
      "service: is required: an object that describes the service",
    ]);
  });

  test.each([null, [], "text", 5])("of no configuration at all: %j", (raw) => {
    expect(problemsOf(raw)).toHaveLength(1);
  });

  test("no wrong value hides another, whether a schema or a rule refuses it", () => {
    const raw = {
      hosts: [{ name: "a" }, "b", { name: "a", address: "h", hostKey: 5 }, {}],
      service: {
        ...{ name: "Shop", directory: "/srv", user: "root", exec: ["run", 5, "a\nb"], port: "x", unknown: 1 },
        ...{ environment: { TOKEN: "t", B: 7, "C-D": "x" }, healthyWithinSec: 99, description: "a\\" },
      },
      secretEnvironment: { E: 8, "9": "x", F: "a\n" },
      proxy: { port: 70000 },
      healthCheck: { retries: -1, expectText: "\t" },
      alerts: {},
    };
    const keys = problemsOf(raw).map((problem) => problem.split(": ")[0]);
    expect(keys.sort()).toEqual([
      ...["alerts", "healthCheck.expectText", "healthCheck.retries", "hosts[0].address", "hosts[0].hostKey"],
      ...["hosts[1]", "hosts[2].hostKey", "hosts[2].name", "hosts[3].address", "hosts[3].hostKey"],
      ...["hosts[3].name", "proxy.port", "secretEnvironment.9", "secretEnvironment.E", "secretEnvironment.F"],
      ...["service.confirmWithinSec", "service.description", "service.directory", "service.environment.B"],
      ...["service.environment.C-D", "service.environment.TOKEN", "service.exec[0]", "service.exec[1]"],
      ...["service.exec[2]", "service.name", "service.port", "service.unknown", "service.user"],
    ]);
  });
});

describe("what a caller of the library gives", () => {
  test("is checked like the stack's configuration, without hosts", () => {
    const { service } = checked(minimal());
    expect(validateService({ service })).toMatchObject({ kind: "valid", config: { service } });
    expect(validateService({ service: { ...service, port: 0 }, proxy: { port: 0 }, tunnel: {} })).toEqual({
      kind: "invalid",
      problems: [
        { key: "service.port", message: expect.stringContaining("1 to 65535") as string },
        { key: "proxy.port", message: expect.stringContaining("1 to 65535") as string },
      ],
    });
  });
});
