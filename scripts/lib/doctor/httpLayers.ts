import { belongsTo } from "../../../src/drift/preflight";
import { answerProblem } from "./answer";
import { endProcess, processText, tellingLine } from "./evidence";
import { errorLogOf, isActive, isResting, type Look, serviceWords, unitsOf } from "./look";
import { closedProblems } from "./serviceLayers";
import { failed, type Layer, layer, type Mend, onHost, type Problem, untested } from "./verdict";

/** What the application answers on its own port, as the health check asks it. Pure. */
export function appLayer(look: Look, port: Layer): Layer {
  const { service } = unitsOf(look);
  if (isResting(look)) return untested("application", `${service} is stopped on purpose`);
  if (!isActive(look, service)) return untested("application", `${service} isn't running`);
  if (port.status === "failed") return untested("application", "the port isn't the service's");
  const url = urlOf(look.config.service);
  const problem = problemAt(look, "app", url);
  if (problem === undefined) return layer("application", `${url} answers as expected`, []);
  const line = isSilent(look, "app") ? undefined : tellingLine(serviceWords(look));
  const last = line === undefined ? "" : `; its last words: ${line}`;
  return layer("application", "", [
    ...closedProblems(look),
    failed(`${problem}${stateText(look, service)}${last}`, appMend(look, service)),
  ]);
}

/** What the proxy answers; for what the application fails at, it isn't blamed. Pure. */
export function proxyLayer(look: Look, app: Layer): Layer {
  const { proxy } = look.config;
  if (proxy === undefined) return untested("proxy answer", "there is none");
  const { unit, port } = proxy;
  if (isResting(look)) return untested("proxy answer", "the application is stopped on purpose");
  if (!isActive(look, unit)) return untested("proxy answer", `${unit} isn't running`);
  const listening = listenerProblem(look, unit, port);
  if (listening !== undefined) return layer("proxy answer", "", [listening]);
  const url = urlOf(proxy);
  const problem = problemAt(look, "proxy", url);
  if (problem === undefined) return layer("proxy answer", `${url} answers as expected`, []);
  if (app.status !== "ok") return untested("proxy answer", "the application behind it doesn't answer");
  const line = tellingLine(look.facts.words[unit] ?? []);
  const last = line === undefined ? "" : `; its last words: ${line}`;
  const cause = `${problem}${stateText(look, unit)}, though the application answers${last}`;
  return layer("proxy answer", "", [failed(cause, proxyMend(look, unit))]);
}

const urlOf = ({ port, path }: { readonly port: number; readonly path: string }): string =>
  `http://127.0.0.1:${port}${path}`;

function problemAt({ facts, config: { healthCheck } }: Look, key: string, url: string): string | undefined {
  const answer = facts.answers[key];
  if (answer === undefined) return undefined;
  const { expectStatus: status, timeoutSec } = healthCheck;
  return answerProblem(answer, { url, status, timeoutSec });
}

const isSilent = ({ facts }: Look, key: string): boolean => {
  const answer = facts.answers[key];
  return answer?.kind === "failed" && answer.reason === "timeout";
};

const isStopped = ({ facts }: Look, unit: string): boolean =>
  facts.processes[unit]?.state.startsWith("T") === true;

const stateText = (look: Look, unit: string): string =>
  isStopped(look, unit) ? ` (its process is stopped by a signal: SIGSTOP)` : "";

/** What hangs is ended by a restart; what answers wrongly says why in its log. */
function mendOf(look: Look, key: string, unit: string): Mend {
  if (isStopped(look, unit)) return onHost(`systemctl kill --signal=CONT ${unit}`);
  return onHost(isSilent(look, key) ? `systemctl restart ${unit}` : `journalctl -u ${unit} -n 50 --no-pager`);
}

/** Apache writes why into files of its own; which, its configuration says. */
function proxyMend(look: Look, unit: string): Mend {
  const mend = mendOf(look, "proxy", unit);
  return mend.command.startsWith("journalctl") && unit === "apache2.service"
    ? onHost(`${mend.command}; tail -n 20 /var/log/apache2/*error.log`)
    : mend;
}

function appMend(look: Look, unit: string): Mend {
  const mend = mendOf(look, "app", unit);
  const log = errorLogOf(look);
  return mend.command.startsWith("journalctl") && look.facts.words[log] !== undefined
    ? onHost(`tail -n 50 ${log}`)
    : mend;
}

function listenerProblem({ inspection }: Look, unit: string, port: number): Problem | undefined {
  const listener = inspection.observed.proxyListener;
  if (listener === undefined) {
    const cause = `${unit} is active, but nothing listens on port ${port} (Apache: Listen ${port})`;
    return failed(cause, onHost(`ss -ltnp; journalctl -u ${unit} -n 30 --no-pager`));
  }
  if (belongsTo(listener.cgroup, unit)) return undefined;
  return failed(
    `port ${port} is taken by ${processText(listener)}, which isn't of ${unit}`,
    endProcess(listener),
  );
}
