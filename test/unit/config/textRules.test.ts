import { describe, expect, test } from "vitest";

import { minimal, problemsOf, withKey } from "../support/configs";

const ONE_LINE = "must be one line without control characters";
const NAMED = "must be named with letters, digits and _ only, not starting with a digit";

describe("text that would break the line it stands in is refused", () => {
  test.each([
    ["service.description", "a\nb", ONE_LINE],
    ["service.description", "a\\", "must not end with a backslash"],
    ["service.description", "a\\ ", "must not end with a backslash"],
    ["service.exec[1]", "a\u0000b", ONE_LINE],
    ["service.exec[1]", "\ud800", ONE_LINE],
    ["service.environment.A", "a\tb", ONE_LINE],
    ["service.environment.A-B", "x", NAMED],
    ["healthCheck.expectText", "a\r", ONE_LINE],
    ["secretEnvironment.A", "a\n", ONE_LINE],
    ["secretEnvironment.A", "a\u007f", ONE_LINE],
    ["secretEnvironment.A=B", "x", NAMED],
    ["secretEnvironment.9A", "x", NAMED],
  ])("%s: %j", (key, value, sentence) => {
    expect(problemsOf(withKey(minimal(), key, value))).toEqual([`${key}: ${sentence}`]);
  });

  test("but the last word of a command may be a backslash: it's quoted there", () => {
    expect(problemsOf(withKey(minimal(), "service.exec[1]", "\\"))).toEqual([]);
  });
});

test("a variable is either plain or secret", () => {
  const raw = withKey({ ...minimal(), secretEnvironment: { A: "1" } }, "service.environment", { A: "1" });
  expect(problemsOf(raw)).toEqual([
    "secretEnvironment.A: is also in service.environment; remove one of the two",
  ]);
});

describe("a secret in plain text is refused, and not shown", () => {
  const SECRET = "hunter2-hunter2";

  test.each([
    ["service.environment.DB_PASSWORD", SECRET],
    ["service.environment.api_key", SECRET],
    ["service.environment.DATABASE_URL", `postgres://shop:${SECRET}@localhost/shop`],
    ["service.environment.KEY", `-----BEGIN OPENSSH PRIVATE KEY-----${SECRET}`],
    ["service.exec[1]", `--token=${SECRET}`],
    ["service.exec[1]", `--db-password=${SECRET}`],
    ["service.exec[1]", `redis://:${SECRET}@localhost`],
  ])("%s", (key, value) => {
    const [problem, ...others] = problemsOf(withKey(minimal(), key, value));
    expect(others).toEqual([]);
    expect(problem).toMatch(/^service\..*: looks like a secret[;,] .*secretEnvironment/);
    expect(problem).not.toContain(SECRET);
  });

  test("but an option that names a file isn't one", () => {
    const words = ["/usr/bin/shop", "--password-file", "/run/secrets/db", "--token-ttl"];
    expect(problemsOf(withKey(minimal(), "service.exec", words))).toEqual([]);
  });

  test.each([
    ["sshPrivateKey", { key: SECRET }],
    ["sshPrivateKey", SECRET],
    ["sshPrivateKeyPassphrase", [SECRET]],
    ["secretEnvironment", SECRET],
    ["secretEnvironment.PIN", [SECRET]],
    ["secretEnvironment.PIN", { nested: SECRET }],
    ["alerts", SECRET],
    ["service", `gunicorn --password=${SECRET}`],
    ["service.environment", [`DB_PASSWORD=${SECRET}`]],
    ["service.environment.DB_PASSWORD", [SECRET]],
    ["service.exec", `/usr/bin/shop --token ${SECRET}`],
    ["service.exec[0]", `shop --token=${SECRET}`],
    ["healthCheck.externalUrl", `https://user:${SECRET}@shop.example`],
    ["hosts[0].hostKey", `-----BEGIN OPENSSH PRIVATE KEY-----\n${SECRET}`],
    ["privateKey", SECRET],
    ["hosts[0].password", SECRET],
  ])("nor where %s is wrong besides: %j", (key, value) => {
    const problems = problemsOf(withKey(minimal(), key, value));
    expect(problems).not.toEqual([]);
    expect(problems.join("\n")).not.toContain(SECRET);
  });
});
