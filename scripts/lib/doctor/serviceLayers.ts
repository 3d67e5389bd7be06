import { belongsTo } from "../../../src/drift/preflight";
import { endProcess, exitReason, knownReason, processText } from "./evidence";
import type { ClosedPath } from "./facts";
import { isActive, isResting, type Look, serviceWords, unitsOf } from "./look";
import { unitProblems } from "./unitProblems";
import {
  asUser,
  failed,
  here,
  type Layer,
  layer,
  type Mend,
  onHost,
  type Problem,
  untested,
  warning,
  word,
} from "./verdict";

/** The service's unit, and why it doesn't run. Pure. */
export function serviceLayer(look: Look): Layer {
  const unit = unitsOf(look).service;
  const problems = unitProblems(look, unit, serviceWords(look));
  const isDown = problems.some(({ status }) => status === "failed");
  if (isResting(look)) {
    const runs = isActive(look, unit) ? [warning(`${unit} runs in spite of maintenance`)] : [];
    return layer("service", `${unit} is stopped on purpose`, [...runs, ...problems]);
  }
  return layer("service", `${unit} is active`, [
    ...(isDown ? likelyCauses(look) : []),
    ...problems,
    ...closedLogs(look),
  ]);
}

/** First what has to be mended before a start helps. */
function likelyCauses(look: Look): Problem[] {
  const { observed } = look.inspection;
  const { service } = unitsOf(look);
  const { ExecMainStatus: status = "", Result: result = "" } = observed.units[service]?.properties ?? {};
  const closed = closedProblems(look);
  const interpreter = look.facts.missingInterpreter;
  const reason =
    (result === "exit-code" ? exitReason(status) : undefined) ??
    // Closed paths say more exactly what isn't allowed.
    (closed.length === 0 ? knownReason(serviceWords(look)) : undefined);
  return [
    ...(isTaken(look) ? [failed(`port ${look.config.service.port} is another's (see port)`)] : []),
    ...closed,
    ...(interpreter === undefined
      ? []
      : [failed(`${look.config.service.exec[0]} is a script for ${interpreter}, which isn't there`)]),
    ...(reason === undefined ? [] : [failed(`likely because ${reason}`)]),
  ];
}

/** What the service's user can't use. */
export const closedProblems = ({ facts, config: { service } }: Look): Problem[] =>
  facts.closed.map((path) => closedProblem(path, service));

function closedProblem(
  { path, what, owner, isFixed }: ClosedPath,
  service: Look["config"]["service"],
): Problem {
  const { user, group = user } = service;
  const cause = `${user} can't ${what} ${path} (${owner})`;
  if (owner.startsWith(`${user}:`)) {
    return failed(cause, asUser(service, "chmod", what === "read" ? "u+rX" : "u+rx", path));
  }
  // When root pastes it, something else may lie there.
  if (!isFixed) return failed(cause, onHost(`namei -l ${word(path)}`));
  const mend =
    what === "read"
      ? `chgrp ${group} ${word(path)} && chmod g+rX ${word(path)}`
      : `chmod ${what === "enter" ? "o+x" : "a+rx"} ${word(path)}`;
  return failed(cause, onHost(mend));
}

function closedLogs({ facts, config: { service } }: Look): Problem[] {
  return Object.entries(facts.logs)
    .filter(([path, why]) => why !== "" && !path.endsWith("/health-check.log"))
    .map(([path, why]) => warning(`its log ${path} can't be written: ${why}`, logMend(path, why, service)));
}

function logMend(
  path: string,
  why: string,
  { user, group = user }: Look["config"]["service"],
): Mend | undefined {
  if (why.includes("no such file")) return here("pulumi up");
  if (why.includes("no regular file")) return onHost(`mv ${word(path)} ${word(`${path}.was`)}`);
  if (!/denied|permitted/.test(why)) return undefined;
  return onHost(`chown -h ${user}:${group} ${word(path)} && chmod u+rw ${word(path)}`);
}

const isTaken = ({ inspection, ...look }: Look): boolean => {
  const listener = inspection.observed.portListener;
  return listener !== undefined && !belongsTo(listener.cgroup, unitsOf(look).service);
};

/** Who listens where the service must. Pure. */
export function portLayer(look: Look): Layer {
  const { port } = look.config.service;
  const { service } = unitsOf(look);
  const listener = look.inspection.observed.portListener;
  // By hand somebody may try the application then.
  if (isResting(look)) return untested("port", `${service} is stopped on purpose`);
  if (listener === undefined) {
    if (!isActive(look, service)) return untested("port", `${service} isn't running`);
    const cause = `${service} is active, but nothing listens on port ${port}: it's still starting, or listens elsewhere`;
    return layer("port", "", [failed(cause, onHost(`ss -ltnp; journalctl -u ${service} -n 30 --no-pager`))]);
  }
  if (!isTaken(look)) return layer("port", `${processText(listener)} listens on port ${port}`, []);
  const cause = `port ${port} is taken by ${processText(listener)}, which isn't of ${service}`;
  return layer("port", "", [failed(cause, endProcess(listener))]);
}
