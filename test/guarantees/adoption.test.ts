import { afterEach, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, CHECK, eventually, LOGS, processOf, PROXY, SERVICE, TIMER } from "../support/seedCommands";

/** A server that somebody set up by hand as the seed says, and what becomes of that. */
let host: DisposableHost;
const programs: Program[] = [];

afterEach(async () => {
  for (const program of programs.splice(0)) await program.close();
  await host.close();
});

interface Variant {
  /** Within [Service]. */
  readonly service?: string;
  readonly dropIn?: string;
}

const APPLICATION = "/var/www/rps.pan2.app";
const UNITS = "/etc/systemd/system";

/** By hand, with the seed's own settings. */
async function setUpByHand(name: string, { service = "", dropIn }: Variant = {}): Promise<void> {
  [host] = (await bootHosts([name])) as [DisposableHost];
  await host.writeFile(
    `${UNITS}/${SERVICE}`,
    `[Unit]
Description=RPS web application
After=network.target

[Service]
Type=notify
User=www-data
Group=www-data
WorkingDirectory=${APPLICATION}
ExecStart=/usr/bin/gunicorn --bind 127.0.0.1:5137 --access-logfile ${LOGS}/rps.log --error-logfile ${LOGS}/rps-error.log app:app
Restart=always
RestartSec=10
${service}
[Install]
WantedBy=multi-user.target
`,
  );
  await host.exec(
    `mkdir -p ${UNITS}/${PROXY}.d ${APPLICATION}/bin ${LOGS} && chown -R www-data:www-data ${APPLICATION}`,
  );
  await host.writeFile(
    `${UNITS}/${PROXY}.d/restart.conf`,
    dropIn ??
      `[Unit]\nStartLimitIntervalSec=300\nStartLimitBurst=3\n[Service]\nRestart=always\nRestartSec=10\n`,
  );
  await host.writeFile(CHECK, "#!/bin/bash\ncurl -sf http://localhost:5137/ >/dev/null\n", "0775");
  await host.writeFile(`${UNITS}/rps-health-check.service`, `[Service]\nType=oneshot\nExecStart=${CHECK}\n`);
  await host.writeFile(
    `${UNITS}/${TIMER}`,
    `[Timer]\nOnBootSec=2min\nOnUnitActiveSec=5min\n[Install]\nWantedBy=timers.target\n`,
  );
  await host.exec(
    `systemctl daemon-reload && systemctl enable --now ${SERVICE} ${PROXY} ${TIMER} && systemctl restart ${PROXY} && systemctl start edge.service`,
  );
}

async function programFor(more: Record<string, unknown> = {}): Promise<Program> {
  const program = await Program.forHosts([host], "deploy", more);
  programs.push(program);
  return program;
}

/** Everything below these that is somebody's: type, mode, owner, and what is in it. */
async function listing(): Promise<string> {
  const { stdout } = await host.exec(
    `cd / && find etc/systemd etc/logrotate.d etc/pulumi-systemd-ha var/lib/pulumi-systemd-ha usr/local/lib var/www ! -path '*/logs/*' ! -path '*__pycache__*' ! -name 'rps.db*' -printf '%p %y %m %u:%g %l\\n' 2>/dev/null | sort
     find etc/systemd etc/logrotate.d var/www -type f ! -path '*/logs/*' ! -path '*__pycache__*' ! -name 'rps.db*' -exec sha256sum {} + | sort -k 2
     for unit in ${SERVICE} ${PROXY} ${TIMER}; do echo "$unit $(systemctl is-enabled $unit) $(systemctl is-active $unit)"; done`,
  );
  return stdout;
}

const processes = () => Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));

describe("a host that was set up by hand as the seed says", () => {
  test("is taken over without a restart, updated, and given back as it was", async () => {
    await setUpByHand("adopted");
    // Somebody's own drop-in, against what is configured: it goes, and comes back.
    await host.exec(
      `mkdir -p ${UNITS}/${SERVICE}.d && printf '[Service]\\nRestartSec=30\\n' >${UNITS}/${SERVICE}.d/mine.conf && systemctl daemon-reload`,
    );
    const before = await listing();
    const started = await processes();
    const program = await programFor();

    const preview = await program.preview();
    expect(preview.text).toContain(`drift: ${UNITS}/${SERVICE} is there already and differs`);
    expect(preview.text).toContain("-Description=RPS web application");
    expect(preview.text).toContain(`${SERVICE}.d/mine.conf sets RestartSec=30 in [Service]`);
    // The service's user owns that directory, and could have put a link to anything there.
    expect(preview.text).not.toContain("curl -sf");
    const up = await program.up();
    expect(up.text).not.toContain("error:");
    expect(await processes()).toEqual(started);
    expect(await program.planned()).toEqual([]);
    expect((await host.systemctlShow(SERVICE, "RestartUSec"))["RestartUSec"]).toBe("10s");

    await program.change("rps-ha:healthCheck", (check) => ({ ...check, onUnitActiveSec: "4min" }));
    expect((await program.up()).exitCode).toBe(0);
    await program.change("rps-ha:service", (service) => ({ ...service, description: "Another" }));
    expect((await program.up()).exitCode).toBe(0);
    expect(await processes()).toEqual(started);
    await program.change("rps-ha:service", (service) => ({ ...service, environment: { COLOUR: "blue" } }));
    expect((await program.preview()).text).toContain("rps.service will be restarted: its settings change");
    expect((await program.up()).exitCode).toBe(0);
    const [service, proxy] = await processes();
    expect(service).not.toBe(started[0]);
    expect(proxy).toBe(started[1]);
    expect(await program.planned()).toEqual([]);

    expect((await program.destroy()).exitCode).toBe(0);
    expect(await listing()).toBe(before);
    await eventually(15, "the service answers", () => answers(host, 8087));
  });

  test("with the limit in [Service] and other white space: nothing is restarted", async () => {
    await setUpByHand("adopted-limits", {
      service: "\n  # a comment\nUMask =  0022\n",
      dropIn: "[Service]\nRestart = always\nRestartSec=10\nStartLimitIntervalSec=300\nStartLimitBurst=3\n\n",
    });
    const started = await processes();
    const program = await programFor();
    expect((await program.up()).text).not.toContain("error:");
    expect(await processes()).toEqual(started);
    expect((await host.systemctlShow(PROXY, "StartLimitIntervalUSec"))["StartLimitIntervalUSec"]).toBe(
      "5min",
    );
    expect(await program.planned()).toEqual([]);
  });

  test("with another environment: the service alone is restarted, once", async () => {
    await setUpByHand("adopted-env", { service: "Environment=FLASK_DEBUG=0\nEnvironment=A=1 B=2\n" });
    const started = await processes();
    const program = await programFor();
    const preview = await program.preview();
    expect(preview.text).toContain("-Environment=FLASK_DEBUG=[masked]");
    expect(preview.text).toContain(
      "rps.service will be restarted if its process was started with other settings",
    );
    expect((await program.up()).text).not.toContain("error:");
    const after = await processes();
    expect(after[0]).not.toBe(started[0]);
    expect(after[1]).toBe(started[1]);
    expect((await host.systemctlShow(SERVICE, "Environment", "NRestarts"))["Environment"]).toBe("");
    expect(await program.planned()).toEqual([]);
  });

  test("with two services behind one Apache: the last that goes puts Apache back", async () => {
    await setUpByHand("adopted-two");
    await host.exec(
      "mkdir -p /var/www/other/{bin,logs} && cp /var/www/rps.pan2.app/app.py /var/www/other/ && chown -R www-data:www-data /var/www/other",
    );
    const before = await listing();
    const apache = await processOf(host, PROXY);
    const first = await programFor();
    expect((await first.up()).text).not.toContain("error:");
    const second = await programFor();
    await second.change("rps-ha:service", (service) => ({
      ...service,
      name: "other",
      directory: "/var/www/other",
      port: 5138,
      exec: ["/usr/bin/gunicorn", "--bind", "127.0.0.1:5138", "app:app"],
    }));
    expect((await second.up()).text).not.toContain("error:");
    expect(await first.planned()).toEqual([]);
    // Both see it, one mends it, and the other has nothing to do then.
    await host.exec(`rm ${UNITS}/${PROXY}.d/restart.conf && systemctl daemon-reload`);
    for (const program of [first, second]) {
      expect((await program.preview()).text).toContain(`${PROXY}.d/restart.conf was removed`);
    }
    expect((await first.up()).exitCode).toBe(0);
    expect(await second.planned()).toEqual([]);
    expect((await first.destroy()).exitCode).toBe(0);
    expect((await host.systemctlShow(PROXY, "RestartUSec"))["RestartUSec"]).toBe("10s");
    expect((await second.destroy()).exitCode).toBe(0);
    expect(await listing()).toBe(before);
    expect(await processOf(host, PROXY)).toBe(apache);
  });
});

test("Pulumi's state was lost: a fresh stack takes its own host over, and restarts nothing", async () => {
  await setUpByHand("state-lost");
  const first = await programFor();
  expect((await first.up()).exitCode).toBe(0);
  const started = await processes();
  const again = await programFor();
  expect((await again.up()).text).not.toContain("error:");
  expect(await processes()).toEqual(started);
  expect(await again.planned()).toEqual([]);
});
