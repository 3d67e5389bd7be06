import { describe, expect, test } from "vitest";

import { HOST_KEY, minimal, problemsOf, withKey } from "../support/configs";

const keyscan = (options: string) =>
  `is required: the server's public key; print it with \`ssh-keyscan -t ed25519 ${options} | cut -d' ' -f2-\` and compare it with /etc/ssh/ssh_host_ed25519_key.pub on the server`;

describe("a value that no host could carry out is refused", () => {
  test.each([
    ["hosts[0].hostKey", undefined, keyscan("203.0.113.10")],
    ["hosts[0].insecureIgnoreHostKey", true, "contradicts hostKey; remove one of the two"],
    ["service.confirmWithinSec", 71, "must be, together with healthyWithinSec, at most 100 seconds, got 101"],
    [
      "service.exec[0]",
      "gunicorn",
      'must be the absolute path of an executable, got "gunicorn" (example: /usr/bin/gunicorn)',
    ],
    [
      "service.exec[0]",
      "-/usr/bin/false",
      'must be the absolute path of an executable, got "-/usr/bin/false" (example: /usr/bin/gunicorn)',
    ],
    ["service.directory", "/srv", 'must lie at least two levels deep, got "/srv" (example: /var/www/shop)'],
    [
      "service.user",
      "root",
      "must not be root: the service would need no rights to lose (example: www-data)",
    ],
  ])("%s: %j", (key, value, sentence) => {
    expect(problemsOf(withKey(minimal(), key, value))).toEqual([`${key}: ${sentence}`]);
  });
});

test("each host has a name of its own", () => {
  const raw = withKey(minimal(), "hosts[1]", { name: "web1", address: "203.0.113.11", hostKey: HOST_KEY });
  expect(problemsOf(raw)).toEqual(['hosts[1].name: must be unique, "web1" is there twice']);
});

test("each host is one of its own; behind another port may be another", () => {
  const twin = (more: object) =>
    withKey(minimal(), "hosts[1]", { name: "web2", address: "203.0.113.10", hostKey: HOST_KEY, ...more });
  expect(problemsOf(twin({}))).toEqual([
    "hosts[1].address: is that of hosts[0] too: the service can't be there twice; remove one of the two",
  ]);
  expect(problemsOf(twin({ port: 2222 }))).toEqual([]);
});

test("the command that prints a host key asks the port where that host's sshd listens", () => {
  const raw = withKey(minimal(), "hosts", [{ name: "a", address: "a.example", port: 2222 }]);
  expect(problemsOf(raw)).toEqual([`hosts[0].hostKey: ${keyscan("-p 2222 a.example")}`]);
});

describe("application, proxy and tunnel are three units, and two ports", () => {
  test.each([
    [{ proxy: { port: 8080 } }, "proxy.port: must differ from service.port, both are 8080"],
    [
      { proxy: { unit: "shop.service", port: 80 } },
      'proxy.unit: must not be the service itself, got "shop.service"',
    ],
    [{ tunnel: { unit: "shop.service" } }, 'tunnel.unit: must not be the service itself, got "shop.service"'],
    [
      { proxy: { unit: "edge.service", port: 80 }, tunnel: { unit: "edge.service" } },
      'tunnel.unit: must differ from proxy.unit, both are "edge.service"',
    ],
  ])("%j", (layers, sentence) => {
    expect(problemsOf({ ...minimal(), ...layers })).toEqual([sentence]);
  });
});
