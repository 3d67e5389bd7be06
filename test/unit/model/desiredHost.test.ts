import { describe, expect, test } from "vitest";

import { startedUnits } from "../../../src/model/desiredHost";
import type { DesiredHost } from "../../../src/model/types";
import { desiredOf, hostile, minimal, seed, withKey } from "../support/configs";

const owned = (entries: DesiredHost["directories"]) =>
  entries.map(({ path, mode, owner }) => `${mode} ${owner} ${path}`);

describe("the seed's server", () => {
  test("has the directories and logs of the contract", () => {
    const { directories, logs } = desiredOf(seed());
    expect(owned(directories)).toEqual([
      "1775 root:www-data /var/www/rps.pan2.app",
      "0755 root:root /var/www/rps.pan2.app/bin",
      "0755 root:root /var/www/rps.pan2.app/logs",
    ]);
    expect(owned(logs)).toEqual([
      "0640 www-data:www-data /var/www/rps.pan2.app/logs/rps.log",
      "0640 www-data:www-data /var/www/rps.pan2.app/logs/rps-error.log",
      "0644 root:root /var/www/rps.pan2.app/logs/health-check.log",
    ]);
  });

  test("has its units in the order in which they start, and knows which were there before us", () => {
    expect(desiredOf(seed()).units).toEqual([
      { name: "rps.service", role: "service", origin: "ours" },
      { name: "apache2.service", role: "proxy", origin: "host" },
      { name: "rps-recovery.service", role: "recovery", origin: "ours" },
      { name: "rps-health-check.timer", role: "timer", origin: "ours" },
    ]);
  });

  test("starts all of them in an update but the one that a boot in the middle of an update starts", () => {
    expect(startedUnits(desiredOf(seed())).map(({ name }) => name)).toEqual([
      "rps.service",
      "apache2.service",
      "rps-health-check.timer",
    ]);
  });

  test("gets what could take an update back before anything that it could have to", () => {
    for (const raw of [seed(), minimal(), hostile()]) {
      expect(desiredOf(raw).files[0]?.template).toBe("recovery.service");
    }
  });

  test("must bring along what the service needs", () => {
    expect(desiredOf(seed()).requirements).toEqual({
      user: "www-data",
      group: "www-data",
      directory: "/var/www/rps.pan2.app",
      executable: "/usr/bin/gunicorn",
      port: 5137,
      unit: "rps.service",
      isToRun: true,
      hostUnits: ["apache2.service"],
      proxy: { unit: "apache2.service", port: 8087 },
    });
  });
});

test("without proxy and tunnel there are the service's own units and files only", () => {
  const { units, files, requirements } = desiredOf(minimal());
  expect(units.map(({ name }) => name)).toEqual([
    "shop.service",
    "shop-recovery.service",
    "shop-health-check.timer",
  ]);
  expect(files.map(({ path }) => path)).toEqual([
    "/etc/systemd/system/shop-recovery.service",
    "/etc/systemd/system/shop.service",
    "/var/www/shop/bin/health-check.sh",
    "/etc/systemd/system/shop-health-check.service",
    "/etc/systemd/system/shop-health-check.timer",
    "/etc/logrotate.d/shop",
  ]);
  expect(requirements).not.toHaveProperty("proxy");
  expect(requirements.hostUnits).toEqual([]);
});

test("a tunnel is a unit of the host's with a drop-in, and listens nowhere", () => {
  const { units, files, requirements } = desiredOf({ ...minimal(), tunnel: {} });
  expect(units[1]).toEqual({ name: "cloudflared.service", role: "tunnel", origin: "host" });
  expect(files.map(({ path }) => path)).toContain("/etc/systemd/system/cloudflared.service.d/restart.conf");
  expect(requirements).toMatchObject({ hostUnits: ["cloudflared.service"] });
  expect(requirements).not.toHaveProperty("proxy");
});

test("only the files of secrets are secret, and only root reads them", () => {
  const { files } = desiredOf(hostile());
  const secret = { template: "secret.env", mode: "0600", owner: "root:root", secret: true };
  expect(files.filter((file) => file.secret)).toEqual([
    { path: "/etc/pulumi-systemd-ha/x-1_y.env", ...secret },
    { path: "/etc/pulumi-systemd-ha/x-1_y.alerts", ...secret },
  ]);
});

test("the group is the user's unless another one is given", () => {
  expect(desiredOf(minimal()).requirements.group).toBe("shop");
  const { requirements, directories, logs } = desiredOf(withKey(minimal(), "service.group", "web"));
  expect(requirements.group).toBe("web");
  expect(directories[0]?.owner).toBe("root:web");
  expect(logs[0]?.owner).toBe("shop:web");
});

test("whatever the service's user could replace, root doesn't run or open: script and logs lie in root's directories", () => {
  for (const raw of [seed(), minimal(), hostile()]) {
    const { directories, files, healthCheckScript, logs } = desiredOf(raw);
    const rootsOwn = directories.filter(({ owner, mode }) => owner === "root:root" && mode === "0755");
    const isInRootsOwn = (path: string) => rootsOwn.some((one) => path.startsWith(`${one.path}/`));
    expect(isInRootsOwn(healthCheckScript)).toBe(true);
    expect(logs.every(({ path }) => isInRootsOwn(path))).toBe(true);
    expect(files.every(({ owner }) => owner === "root:root")).toBe(true);
    // The directory above them is sticky: entries of root's can't be renamed by others.
    expect(directories[0]?.mode).toBe("1775");
  }
});

test("the times of the configuration are the update's", () => {
  const raw = withKey(withKey(minimal(), "service.healthyWithinSec", 5), "service.confirmWithinSec", 7);
  expect(desiredOf(raw)).toMatchObject({ service: "shop", healthyWithinSec: 5, confirmWithinSec: 7 });
});
