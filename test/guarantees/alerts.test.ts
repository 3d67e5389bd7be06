import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { bootHosts, type DisposableHost } from "../support/disposableHost";
import { Program } from "../support/program";
import { answers, eventually, PROXY, processOf, runCheck, SERVICE, TIMER } from "../support/seedCommands";

/** Who is told what of failures and repairs: a receiver on the host, which also hangs, refuses, and answers 500. */
let host: DisposableHost;
let program: Program;

const TOKEN = "T0K3N-of-the-webhook";
const CHECK_UNIT = "rps-health-check.service";
const ALERTS = {
  webhookUrl: `http://127.0.0.1:9009/hook/${TOKEN}`,
  pingUrl: "http://127.0.0.1:9009/ping/5d2b0c9e",
  email: "root@localhost",
};

/** Writes down what it gets; /run/receiver has its mode: `ok`, a status, or `hang`. */
const RECEIVER = `import http.server, json, pathlib, time
class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        mode = pathlib.Path("/run/receiver").read_text().strip()
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if mode == "hang":
            time.sleep(60)
        if mode == "ok":
            with open("/run/received", "a") as file:
                file.write(json.dumps({"path": self.path, "type": self.headers.get("Content-Type"), "body": body}) + "\\n")
        self.send_response(200 if mode == "ok" else int(mode))
        self.end_headers()
    do_GET = do_POST
http.server.ThreadingHTTPServer(("127.0.0.1", 9009), Receiver).serve_forever()
`;

interface Received {
  readonly path: string;
  readonly type: string;
  readonly body: string;
}
interface Alert {
  readonly event: string;
  readonly unit: string;
  readonly text: string;
  readonly service: string;
  readonly host: string;
  readonly message: string;
  readonly time: string;
  readonly version: number;
}

const received = async (): Promise<Received[]> =>
  (await host.exec("cat /run/received", { reject: false })).stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Received);
const alerts = async (): Promise<Alert[]> =>
  (await received())
    .filter(({ path }) => path.startsWith("/hook/"))
    .map(({ body }) => JSON.parse(body) as Alert);
const events = async () => (await alerts()).map(({ event, unit }) => `${event} ${unit}`.trim());
const pings = async () =>
  (await received()).filter(({ path }) => path.startsWith("/ping/")).map(({ path }) => path);
/** Waits until all that was put down is sent, or given up for now. */
const sent = () =>
  eventually(200, "what was put down is sent", async () => {
    const { stdout } = await host.exec(
      "systemctl list-units --no-legend --plain 'rps-alert*' --state=active,activating,reloading; ls /run/pulumi-systemd-ha-rps/alerts/*.event 2>/dev/null",
      { reject: false },
    );
    return stdout.trim() === "";
  });
const receiver = (mode: string) => host.exec(`echo ${mode} >/run/receiver`);

beforeAll(async () => {
  [host] = (await bootHosts(["alerted"])) as [DisposableHost];
  await host.exec("systemctl start edge.service");
  await host.writeFile("/run/receiver.py", RECEIVER);
  await receiver("ok");
  await host.exec("systemd-run --quiet --collect --unit=receiver python3 /run/receiver.py");
  program = await Program.forHosts([host], "deploy");
  await program.change("rps-ha:service", (service) => ({ ...service, healthyWithinSec: 6, restartSec: 1 }));
  await program.change("rps-ha:healthCheck", (check) => ({
    ...check,
    timeoutSec: 1,
    retries: 0,
    maxRepairs: 2,
  }));
  expect((await program.up()).text).not.toContain("error:");
});
afterAll(async () => {
  await program.close();
  await host.close();
});

test("who is to be told is a root-only file, no secret of it shows, and nothing is restarted for it", async () => {
  const before = await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)));
  await program.setSecret("rps-ha:alerts", JSON.stringify(ALERTS));
  const preview = await program.preview();
  const { text } = await program.up();
  expect(text).not.toContain("error:");
  expect(preview.text + text + (await program.state())).not.toContain(TOKEN);
  expect((await host.exec("stat -c '%a %U:%G' /etc/pulumi-systemd-ha/rps.alerts")).stdout).toBe(
    "600 root:root",
  );
  expect((await host.exec(`cat /proc/$(systemctl show -P MainPID ${SERVICE})/environ`)).stdout).not.toContain(
    TOKEN,
  );
  expect(await Promise.all([SERVICE, PROXY].map((unit) => processOf(host, unit)))).toEqual(before);
  expect(await program.planned()).toEqual([]);
  await host.exec("mv /usr/sbin/dma /usr/sbin/dma.was");
  const withoutSendmail = await program.preview();
  await host.exec(`mv /usr/sbin/dma.was /usr/sbin/dma; systemctl stop ${TIMER}`);
  expect(withoutSendmail.text).toContain("the host has no sendmail, so nobody is written to");
});

describe("with a receiver", () => {
  beforeEach(async () => {
    await receiver("ok");
    await host.exec(
      `systemctl start receiver 2>/dev/null || systemd-run --quiet --collect --unit=receiver python3 /run/receiver.py; systemctl reset-failed; systemctl start ${SERVICE} ${PROXY}`,
    );
    await host.exec(
      "rm -f /run/received /var/lib/pulumi-systemd-ha/rps/{repairs,failures}.* /var/lib/pulumi-systemd-ha/rps/alerted; rm -rf /run/pulumi-systemd-ha-rps/alerts; echo ok >/run/edge-mode",
    );
    await eventually(15, "the service answers", () => answers(host, 8087));
  });

  test("a repair is told by webhook and e-mail, between the pings of its check", async () => {
    await host.exec(`systemctl stop ${SERVICE}; rm -f /var/mail/root`);
    expect((await runCheck(host)).exitCode).toBe(0);
    await sent();
    const [alert, ...more] = await alerts();
    expect(more).toEqual([]);
    expect(alert).toMatchObject({
      version: 1,
      service: "rps",
      host: "alerted",
      event: "repaired",
      unit: SERVICE,
    });
    expect(alert?.text).toBe(`rps on alerted: ${alert?.message}`);
    expect(alert?.message).toBe(
      "rps.service was restarted, and works again; what was wrong: rps.service is not running",
    );
    expect(Date.parse(alert?.time ?? "")).toBeGreaterThan(Date.now() - 120_000);
    expect(await pings()).toEqual(["/ping/5d2b0c9e/start", "/ping/5d2b0c9e"]);
    await eventually(20, "the e-mail is there", async () =>
      (await host.exec("cat /var/mail/root", { reject: false })).stdout.includes(
        "Subject: rps on alerted: repaired rps.service",
      ),
    );
  });

  test("what doesn't help is told once, then that nothing more is tried, then the recovery", async () => {
    await host.exec("chmod 0 /var/www/rps.pan2.app/rps.db*");
    for (let round = 0; round < 3; round++) {
      expect((await runCheck(host)).exitCode).toBe(1);
      await sent();
    }
    expect(await events()).toEqual(["repair-failed rps.service", "exhausted rps.service"]);
    expect((await pings()).filter((path) => path.endsWith("/fail"))).toHaveLength(3);
    await host.exec("chmod 0644 /var/www/rps.pan2.app/rps.db*");
    expect((await runCheck(host)).exitCode).toBe(0);
    await sent();
    expect(await events()).toEqual(["repair-failed rps.service", "exhausted rps.service", "recovered"]);
  });

  test("Apache's start limit is told, and that it was mended", async () => {
    await host.exec(
      `systemctl stop ${PROXY}; for i in 1 2 3 4 5; do systemctl start ${PROXY} && systemctl stop ${PROXY}; done; ! systemctl start ${PROXY}`,
    );
    expect((await runCheck(host)).exitCode).toBe(0);
    await sent();
    expect((await events()).sort()).toEqual(["repaired apache2.service", "start-limit apache2.service"]);
  });

  test("a site that fails is told with what is at fault", async () => {
    await host.exec("echo expired >/run/edge-mode");
    expect((await runCheck(host)).exitCode).toBe(1);
    await sent();
    const [alert] = await alerts();
    expect(alert).toMatchObject({ event: "external", unit: "" });
    expect(alert?.message).toContain(
      "certificate has expired; at fault: the certificate; the host itself is well",
    );
  });

  test.each(["hang", "500", "302", "refused"])(
    "a receiver that fails (%s) holds up neither check nor repair, and is told later",
    async (mode) => {
      if (mode === "refused") await host.exec("systemctl stop receiver");
      else await receiver(mode);
      await host.exec(`systemctl stop ${SERVICE}`);
      const { exitCode, messages } = await runCheck(host);
      expect(exitCode).toBe(0);
      expect(messages).toContain("SUCCESS: rps.service restarted successfully");
      // While the telling still goes on.
      expect(await alerts()).toEqual([]);
      expect((await host.exec("systemctl list-units --no-legend --plain 'rps-alert*'")).stdout).not.toBe("");
      await sent();
      const { stdout: journal } = await host.exec("journalctl -b --no-pager -u 'rps-alert*'");
      expect(journal).toMatch(/the webhook could not be told: (curl: \(|HTTP status [35]0)/);
      expect(journal).not.toContain(TOKEN);
      // Minutes later, as by the timer.
      await host.exec("touch -d '10 minutes ago' /run/pulumi-systemd-ha-rps/alerts/*");
      if (mode === "refused") {
        await host.exec("systemd-run --quiet --collect --unit=receiver python3 /run/receiver.py; sleep 1");
      } else await receiver("ok");
      expect((await runCheck(host)).exitCode).toBe(0);
      await sent();
      expect(await events()).toEqual(["repaired rps.service"]);
    },
  );

  test("a health check that is itself broken is told by OnFailure=, and when it works again", async () => {
    await host.exec(
      `mkdir -p /run/systemd/system/${CHECK_UNIT}.d; printf '[Service]\\nTimeoutStartSec=1\\n' >/run/systemd/system/${CHECK_UNIT}.d/short.conf; systemctl daemon-reload; systemctl kill --signal=STOP ${SERVICE}`,
    );
    await host.exec(`systemctl start ${CHECK_UNIT}`, { reject: false });
    await sent();
    expect((await events()).filter((event) => event.startsWith("check-failed"))).toEqual([
      `check-failed ${CHECK_UNIT}`,
    ]);
    expect((await alerts())[0]?.message).toContain("the health check itself failed (timeout");
    await host.exec(`rm -r /run/systemd/system/${CHECK_UNIT}.d; systemctl daemon-reload`);
    // The next one works: it repairs, and all is well.
    expect((await host.exec(`systemctl start ${CHECK_UNIT}`)).exitCode).toBe(0);
    await sent();
    expect(await answers(host, 8087)).toBe(true);
    expect((await events()).slice(-2).sort()).toEqual(["recovered", "repaired rps.service"]);
  });

  test("a check that fails by itself has told what it found: OnFailure= adds nothing", async () => {
    await host.exec("echo 503 >/run/edge-mode");
    await host.exec(`systemctl start ${CHECK_UNIT}`, { reject: false });
    await sent();
    expect(await events()).toEqual(["external"]);
  });

  test("a script that is gone is told", async () => {
    await host.exec("mv /var/www/rps.pan2.app/bin/health-check.sh{,.away}");
    await host.exec(`systemctl start ${CHECK_UNIT}`, { reject: false });
    await sent();
    await host.exec("mv /var/www/rps.pan2.app/bin/health-check.sh{.away,}");
    expect((await alerts())[0]?.message).toContain("the health check itself failed (exit-code, 203)");
  });

  test("a test alert reaches everybody", async () => {
    await host.exec("rm -f /var/mail/root; /usr/local/lib/pulumi-systemd-ha/*/helper alert rps test");
    expect(await events()).toEqual(["test"]);
    await eventually(20, "the e-mail is there", async () =>
      (await host.exec("cat /var/mail/root", { reject: false })).stdout.includes("this is a test"),
    );
  });
});

test("without alerts nothing of them is left", async () => {
  await program.configure({ "rps-ha:alerts": undefined });
  expect((await program.up()).text).not.toContain("error:");
  const { stdout } = await host.exec(
    "ls /etc/pulumi-systemd-ha/rps.alerts /etc/systemd/system/rps-alert.service 2>/dev/null; true",
  );
  expect(stdout).toBe("");
  await host.exec(`systemctl stop ${TIMER} ${SERVICE}; rm -f /run/received`);
  expect((await runCheck(host)).exitCode).toBe(0);
  await sent();
  expect(await received()).toEqual([]);
});
