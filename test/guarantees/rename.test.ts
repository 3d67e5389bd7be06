import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, processOf, PROXY, SERVICE } from "../support/seedCommands";
import { withTraffic } from "../support/traffic";

/** A service that changes its shape: another name, another directory, no proxy; and an end that leaves /etc as it was. */
let host: DisposableHost;
let program: Program;
let before: string;

const listing = async (): Promise<string> =>
  (
    await host.exec(
      "find /etc -printf '%y %m %u:%g %p %l\\n' | sort; find /etc -type f -exec sha256sum {} + | sort; stat -c '%a %U:%G %n' /var/www/rps.pan2.app",
    )
  ).stdout;
const units = async (): Promise<string> =>
  (await host.exec("ls /etc/systemd/system | grep -E '^(rps|shop)' | sort", { reject: false })).stdout;
const active = async (unit: string): Promise<string> =>
  (await host.exec(`systemctl is-active ${unit}`, { reject: false })).stdout;

const FORMER = "rps-health-check.service\nrps-health-check.timer\nrps-recovery.service\nrps.service";

beforeAll(async () => {
  [host] = (await bootHosts(["rename"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  before = await listing();
  program = await Program.forHosts([host]);
  expect((await program.up()).exitCode).toBe(0);
});
afterAll(async () => {
  await program.close();
  await host.close();
});

describe("another name", () => {
  test("without previousName is refused before anything changes, and the sentence names the key", async () => {
    await program.change("rps-ha:service", (service) => ({ ...service, name: "shop" }));
    const { exitCode, text } = await program.preview();
    expect(exitCode).not.toBe(0);
    expect(text).toContain("set service.previousName: rps");
    expect(await units()).toBe(FORMER);
  });

  test("with a configuration that fails: the former service is back and runs", async () => {
    const good = await program.get("rps-ha:service");
    await program.change("rps-ha:service", (service) => ({
      ...service,
      previousName: "rps",
      environment: { GUNICORN_CMD_ARGS: "--no-such-option" },
    }));
    const { exitCode, text } = await program.up();
    expect(text).toContain("the update was rolled back: the previous configuration is running");
    expect(exitCode).not.toBe(0);
    expect(await units()).toBe(FORMER);
    expect(await active(SERVICE)).toBe("active");
    expect(await answers(host, 8087)).toBe(true);
    await program.configure({ "rps-ha:service": { ...(good as object), previousName: "rps" } });
  });

  test("is one transaction: one stops, the other starts, and nothing of the former is left", async () => {
    const [{ exitCode, text }, traffic] = await withTraffic(host, () => program.up());
    expect(text).not.toContain("error:");
    expect(exitCode).toBe(0);
    expect(await units()).toBe(FORMER.replaceAll("rps", "shop"));
    expect(await active("shop.service")).toBe("active");
    expect(await active(SERVICE)).not.toBe("active");
    expect((await host.exec("ls -A /var/lib/pulumi-systemd-ha")).stdout.split("\n")).not.toContain("rps");
    expect((await host.exec("ls /etc/logrotate.d")).stdout.split("\n")).toContain("shop");
    // As long as a stop and a start take.
    expect(traffic.outage).toBeLessThan(10);
  });
});

test("without its proxy and in another directory: Apache keeps running as it was configured before, the service runs there with its check and logs", async () => {
  await host.exec("cp -a /var/www/rps.pan2.app /srv/shop && rm -rf /srv/shop/bin /srv/shop/logs");
  const apache = await processOf(host, PROXY);
  await program.configure({ "rps-ha:proxy": undefined });
  await program.change("rps-ha:service", (service) => ({ ...service, directory: "/srv/shop" }));
  const { exitCode, text } = await program.up();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  expect((await host.exec(`ls /etc/systemd/system/${PROXY}.d`, { reject: false })).stdout).toBe("");
  expect(await active(PROXY)).toBe("active");
  expect(await processOf(host, PROXY)).toBe(apache);
  expect(await answers(host, 8087)).toBe(true);
  expect((await host.exec("systemctl show -p WorkingDirectory --value shop.service")).stdout).toBe(
    "/srv/shop",
  );
  expect((await host.exec("ls /srv/shop/bin; ls /var/www/rps.pan2.app/bin", { reject: false })).stdout).toBe(
    "health-check.sh",
  );
  expect(await answers(host, 5137)).toBe(true);
  expect(await program.planned()).toEqual([]);
});

test("after all that a destroy leaves /etc and the application's directory as they were", async () => {
  const { exitCode, text } = await program.destroy();
  expect(text).not.toContain("error:");
  expect(exitCode).toBe(0);
  expect(await listing()).toBe(before);
  expect((await host.exec("ls -d /usr/local/lib/pulumi* /var/lib/pulumi*", { reject: false })).stdout).toBe(
    "",
  );
  expect(await active(PROXY)).toBe("active");
});
