import { afterAll, beforeAll, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";

let host: DisposableHost;
let program: Program;

beforeAll(async () => {
  [host] = (await bootHosts(["preflight"])) as [DisposableHost];
  program = await Program.forHosts([host], "deploy");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

const listing = async (): Promise<string> =>
  (
    await host.exec(
      "find /etc /usr/local /var/lib /var/www -xdev -printf '%p %m %u %g %s %T@\\n' | sort | sha256sum",
    )
  ).stdout;

test("everything that the host lacks is reported at once, before anything is changed", async () => {
  await host.exec(`mv /usr/bin/curl /usr/bin/curl.away
    systemd-run -q --unit=squatter python3 -m http.server 5137 --bind 127.0.0.1
    mount --bind /usr/local/lib /usr/local/lib && mount -o remount,ro,bind /usr/local/lib; sleep 1`);
  await program.change("rps-ha:service", (service) => ({
    ...service,
    user: "nobody-here",
    group: "nor-this-group",
    directory: "/var/www/elsewhere",
    exec: ["/usr/bin/no-gunicorn"],
  }));
  await program.change("rps-ha:proxy", (proxy) => ({ ...proxy, port: 8088 }));
  await program.configure({ "rps-ha:tunnel": {} });
  const before = await listing();
  for (const result of [await program.preview(), await program.up()]) {
    expect(result.exitCode).not.toBe(0);
    for (const sentence of [
      /isn't ready; nothing was changed/,
      /commands are missing: curl/,
      /\/usr\/local\/lib is read-only/,
      /there is no user nobody-here/,
      /there is no group nor-this-group/,
      /there is no directory \/var\/www\/elsewhere/,
      /there is no \/usr\/bin\/no-gunicorn/,
      /port 5137 is taken by python3, which isn't of rps\.service/,
      /apache2\.service is running but nothing listens on port 8088/,
      /there is no cloudflared\.service/,
    ]) {
      expect(result.text).toMatch(sentence);
    }
  }
  expect(await listing()).toBe(before);
});

test("with drift off, a preview asks the host nothing, and `up` still looks before it changes anything", async () => {
  const off = { PULUMI_SYSTEMD_HA_DRIFT: "off" };
  const mark = (await host.exec("journalctl -u ssh --no-pager -o cat | grep -c Accepted", { reject: false }))
    .stdout;
  expect((await program.preview([], off)).exitCode).toBe(0);
  expect(
    (await host.exec("journalctl -u ssh --no-pager -o cat | grep -c Accepted", { reject: false })).stdout,
  ).toBe(mark);
  expect((await program.up(off)).text).toMatch(/isn't ready; nothing was changed/);
});

test("once mended, the same `up` goes through", async () => {
  await host.exec("mv /usr/bin/curl.away /usr/bin/curl; systemctl stop squatter; umount /usr/local/lib");
  await program.close();
  program = await Program.forHosts([host], "deploy");
  expect((await program.up()).exitCode).toBe(0);
});
