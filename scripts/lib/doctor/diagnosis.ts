import { withoutSecrets } from "../../../src/drift/textDiff";
import { databaseLayer } from "./databaseLayer";
import { externalLayers } from "./externalLayers";
import { appLayer, proxyLayer } from "./httpLayers";
import { installedLayer } from "./installedLayer";
import { isActive, isResting, type Look, unitsOf } from "./look";
import { machineLayer } from "./machineLayer";
import { portLayer, serviceLayer } from "./serviceLayers";
import { maintenanceLayer, timerLayer } from "./timerLayer";
import { unitProblems } from "./unitProblems";
import { failed, type Layer, layer, onHost, type Problem, warning } from "./verdict";

export interface Diagnosis {
  /** From the ground up. */
  readonly layers: readonly Layer[];
  /** Which of them is at fault; nothing if none is. */
  readonly conclusion?: string;
}

/** Judges all that was seen, layer by layer; what a layer below explains isn't blamed on the one above. Pure. */
export function diagnose(look: Look): Diagnosis {
  const { proxy, tunnel } = unitsOf(look);
  const service = serviceLayer(look);
  const port = portLayer(look);
  const app = appLayer(look, port);
  const database = databaseLayer(look);
  const answers =
    proxy === undefined
      ? []
      : [unitLayer(look, "proxy", proxy, configurationProblems(look, proxy)), proxyLayer(look, app)];
  const passes = tunnel === undefined ? [] : [unitLayer(look, "tunnel", tunnel)];
  const local = [service, port, app, ...(database ? [database] : []), ...answers, ...passes];
  const blamed = local.find(({ status }) => status === "failed");
  const url = look.config.healthCheck.externalUrl;
  const external = url === undefined ? [] : externalLayers(look, url, blamed && `${blamed.name} is at fault`);
  const contact = layer("contact", "logged in, and root", []);
  const below = [contact, machineLayer(look), installedLayer(look)];
  const layers = [...below, ...local, ...external, timerLayer(look), maintenanceLayer(look)];
  const conclusion = conclusionOf(layers, local, external);
  return {
    layers: layers.map((one) => masked(one, look.secrets)),
    ...(conclusion !== undefined && { conclusion }),
  };
}

function unitLayer(look: Look, name: string, unit: string, first: readonly Problem[] = []): Layer {
  return layer(name, `${unit} is active`, [
    ...first,
    ...unitProblems(look, unit, look.facts.words[unit] ?? []),
  ]);
}

/** What Apache says of the configuration on the disk; it runs on with the one that it has read. */
function configurationProblems(look: Look, unit: string): Problem[] {
  const said = look.facts.words["configtest"]?.join(" ").slice(0, 300);
  if (said === undefined) return [];
  const mend = onHost("apachectl configtest");
  if (isActive(look, unit)) {
    return [
      warning(`${unit} runs on, but its next start fails, since its configuration is broken: ${said}`, mend),
    ];
  }
  return [(isResting(look) ? warning : failed)(`its configuration is broken: ${said}`, mend)];
}

function conclusionOf(
  layers: readonly Layer[],
  local: readonly Layer[],
  external: readonly Layer[],
): string | undefined {
  const failures = layers.filter(({ status }) => status === "failed");
  const [first, second] = failures;
  if (first !== undefined && external.includes(first) && local.every(({ status }) => status !== "failed")) {
    return `at fault is what lies between the users and this host (${first.name}): every layer on the host is healthy, so nothing on it need be restarted`;
  }
  if (first === undefined || second === undefined) return undefined;
  // Whose port is taken, can't run.
  const lowest =
    failures.find(({ name }) => name === "port") && first.name === "service" ? "port" : first.name;
  return `begin with ${lowest}: it's the lowest layer at fault`;
}

/** The last gate: whatever a log line, a path or a process's name holds. */
function masked(one: Layer, secrets: readonly string[]): Layer {
  const safe = (text: string): string => withoutSecrets(text, secrets);
  return {
    ...{ ...one, seen: safe(one.seen) },
    problems: one.problems.map(({ cause, mend, ...rest }) => ({
      ...{ ...rest, cause: safe(cause) },
      ...(mend && { mend: { ...mend, command: safe(mend.command) } }),
    })),
  };
}
