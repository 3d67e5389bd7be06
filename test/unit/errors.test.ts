import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import {
  configurationSentence,
  type ContactFailure,
  contactSentence,
  plainError,
  preflightSentence,
  problemsSentence,
} from "../../src/errors";
import { CHECKOUT } from "./support/configs";

const target = { user: "deploy", host: "web1.example", port: 22 };

describe("why the first contact failed, and what to do", () => {
  test.each<[ContactFailure, string, string]>([
    [
      { kind: "unreachable", reason: "connect ECONNREFUSED 203.0.113.10:22" },
      "cannot reach deploy@web1.example: connect ECONNREFUSED 203.0.113.10:22.",
      "Is the host up, is the address right, and does a firewall let port 22 through?",
    ],
    [
      { kind: "wrongHostKey", offered: "ssh-ed25519 AAAA" },
      "deploy@web1.example shows another host key than the pinned one; nothing was sent. It offers ssh-ed25519 AAAA.",
      "compare this with /etc/ssh/ssh_host_*_key.pub on its console and set hostKey to it",
    ],
    [
      { kind: "loginRefused", tried: "the ssh-agent's keys" },
      "deploy@web1.example refused the login with the ssh-agent's keys.",
      "Add the public key to ~deploy/.ssh/authorized_keys on the server, or set the right sshPrivateKey or user.",
    ],
    [
      { kind: "badKey", reason: "Unsupported key format" },
      "sshPrivateKey can't be read: Unsupported key format.",
      "pulumi config set --secret sshPrivateKey < ~/.ssh/id_ed25519",
    ],
    [
      { kind: "needsPassphrase" },
      "sshPrivateKey is encrypted and there is no passphrase",
      "pulumi config set --secret sshPrivateKeyPassphrase",
    ],
    [
      { kind: "wrongPassphrase" },
      "sshPrivateKeyPassphrase doesn't fit sshPrivateKey",
      "pulumi config set --secret sshPrivateKeyPassphrase",
    ],
    [
      { kind: "noKey" },
      "there is no key for deploy@web1.example",
      "start an ssh-agent so that SSH_AUTH_SOCK is set",
    ],
    [
      { kind: "deadAgent", socket: "/tmp/agent.1" },
      "SSH_AUTH_SOCK is /tmp/agent.1, where no ssh-agent answers",
      "start one or unset the variable",
    ],
    [
      { kind: "sudo", reason: "sudo: a password is required" },
      "deploy on web1.example can't use sudo without a password (sudo: a password is required).",
      "Add a file in /etc/sudoers.d with: deploy ALL=(ALL) NOPASSWD: ALL",
    ],
    [
      { kind: "probeFailed", reason: "no answer within 20 s" },
      "deploy@web1.example answers, but looking at it failed: no answer within 20 s",
      "",
    ],
  ])("%j", (failure, cause, remedy) => {
    const sentence = contactSentence(target, failure);
    expect(sentence.startsWith(cause)).toBe(true);
    expect(sentence).toContain(remedy);
    expect(sentence).not.toContain("\n");
  });

  test("a port that isn't the default is named", () => {
    const failure = { kind: "unreachable", reason: "timed out" } as const;
    const sentence = contactSentence({ ...target, port: 2222 }, failure);
    expect(sentence).toMatch(
      /^cannot reach deploy@web1\.example port 2222: timed out\. .* let port 2222 through/,
    );
  });
});

const problems = [
  { key: "service.port", message: "must be a whole number" },
  { key: "hosts", message: "is required" },
];

test("all problems of a configuration are in one message, which says where to correct them", () => {
  expect(configurationSentence("shop-ha", "prod", problems)).toBe(
    [
      "the configuration of stack prod has 2 problems; nothing was contacted:",
      "  shop-ha:service.port: must be a whole number",
      "  shop-ha:hosts: is required",
      "Correct Pulumi.prod.yaml, or use `pulumi config set`; docs/configuration.md explains every key.",
    ].join("\n"),
  );
  expect(configurationSentence("shop-ha", "prod", problems.slice(1))).toContain("has a problem;");
});

test("the library's caller, who has no such file, reads the arguments' names", () => {
  expect(problemsSentence(problems)).toBe(
    "the service's arguments are wrong:\n  service.port: must be a whole number\n  hosts: is required",
  );
});

test("all that a host lacks is in one message", () => {
  expect(
    preflightSentence("web1.example", ["there is no user www-data: …", "commands are missing: curl"]),
  ).toBe(
    "web1.example isn't ready; nothing was changed on it:\n  - there is no user www-data: …\n  - commands are missing: curl",
  );
});

test("an error for users has its sentence and no stack trace", () => {
  const error = plainError(new Error("a sentence"));
  expect(error.message).toBe("a sentence");
  expect(error.stack).toBeUndefined();
  // What the SDK does with it for every resource that waits.
  error.message = `error serializing property "connection": ${error.message}`;
  expect(error.message).toBe("a sentence");
});

test("the library is for any service: nothing in it knows the seed's", () => {
  const files = (folder: string): string[] =>
    readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? files(path) : [path];
    });
  const knowing = ["src", "templates", "host"]
    .flatMap((folder) => files(join(CHECKOUT, folder)))
    .filter((path) => /\brps\b|pan2/i.test(readFileSync(path, "utf8")));
  expect(knowing).toEqual([]);
});
