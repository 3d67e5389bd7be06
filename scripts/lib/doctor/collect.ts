import { printable } from "../../../src/drift/textDiff";
import { commandLine, asRoot } from "../../../src/remote/commands";
import { doctorBundle } from "../../../src/remote/bundle";
import { connectionTo } from "../../../src/remote/connection";
import { ContactError, openSession, type Session } from "../../../src/remote/session";
import { healthCheckLog, healthCheckUnit, serviceLog } from "../../../src/model/paths";
import type { SelectedStack } from "../stack";
import type { StackHost } from "../hosts";
import { type HostFacts, parseFacts } from "./facts";
import { errorLogOf, type Look, unitsOf } from "./look";

/** Beside the HTTP requests, which go on meanwhile, all of it together takes a second or two. */
const COLLECTOR_SEC = 60;
/** More than the fastest of some answers isn't needed. */
const CLOCK_LOOKS = 3;

export interface Collected {
  readonly facts: HostFacts;
  readonly clock: Look["clock"];
}

/**
 * Runs the collector, host/doctor, over a connection of its own. It changes nothing on the host.
 *
 * @throws ContactError
 */
export async function collect(
  host: StackHost,
  { config }: Pick<SelectedStack, "config">,
): Promise<Collected> {
  const session = await openSession(connectionTo(host, config), { silenceSec: 30 });
  try {
    const clock = await clockOf(session);
    const words = Object.entries(wanted(config)).map(([name, value]) => `${name}=${value}`);
    const line = asRoot(host.user, ["bash", "-s", "--", ...words]);
    const timeoutSec = COLLECTOR_SEC + config.healthCheck.timeoutSec;
    const { stdout, stderr } = await session.run(line, { stdin: doctorBundle(), timeoutSec });
    if (!stdout.includes("end\tyes\n")) {
      const reason = printable(stderr).trim().split("\n")[0]?.slice(0, 200) ?? "";
      throw new ContactError({ kind: "probeFailed", reason: reason || "its answer isn't complete" });
    }
    return { facts: parseFacts(stdout), clock };
  } finally {
    session.end();
  }
}

/** What host/doctor takes; its header names the arguments. */
function wanted(config: SelectedStack["config"]): Record<string, string> {
  const { service, proxy, healthCheck } = config;
  const { timer, ...units } = unitsOf({ config });
  const { name, directory, user, group = user, exec, port, path, logReopenSignal } = service;
  return {
    ...{ service: name, unit: units.service, user, group, directory, executable: exec[0] ?? "" },
    ...{ units: Object.values(units).join(" "), timer, check_unit: healthCheckUnit(name) },
    ...{ health_log: healthCheckLog(directory), error_log: errorLogOf({ config }) },
    service_logs: `${serviceLog(directory, name)} ${errorLogOf({ config })}`,
    logs_by: logReopenSignal === undefined ? "systemd" : "user",
    app_url: `http://127.0.0.1:${port}${path}`,
    ...(proxy && { proxy_url: `http://127.0.0.1:${proxy.port}${proxy.path}` }),
    ...(healthCheck.externalUrl !== undefined && { external_url: healthCheck.externalUrl }),
    expect_text: healthCheck.expectText ?? "",
    timeout_sec: String(healthCheck.timeoutSec),
  };
}

async function clockOf(session: Session): Promise<Look["clock"]> {
  const looks: { offsetSec: number; errorSec: number }[] = [];
  for (let count = 0; count < CLOCK_LOOKS; count++) {
    const before = Date.now() / 1000;
    const { stdout } = await session.run(commandLine(["date", "+%s.%N"]), { timeoutSec: 20 });
    const after = Date.now() / 1000;
    looks.push({ offsetSec: Number(stdout) - (before + after) / 2, errorSec: (after - before) / 2 });
  }
  return looks.sort((a, b) => a.errorSec - b.errorSec)[0] ?? { offsetSec: 0, errorSec: Infinity };
}
