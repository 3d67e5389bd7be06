import type { ObservedUnit } from "../../../src/drift/observedHost";
import {
  activeSentences,
  loadedSentences,
  overrideSentence,
  stateSentences,
} from "../../../src/drift/unitFindings";
import { tellingLine } from "./evidence";
import { isActive, isResting, type Look } from "./look";
import { failed, here, type Mend, onHost, type Problem, warning } from "./verdict";

/**
 * What is wrong with a unit, in systemd's words and its own. Pure.
 *
 * @param words its last lines
 */
export function unitProblems(look: Look, unit: string, words: readonly string[]): Problem[] {
  const { observed } = look.inspection;
  const seen = observed.units[unit];
  if (seen === undefined || seen.properties["LoadState"] === "not-found") {
    return [failed(`there is no ${unit}`, here("pulumi up"))];
  }
  return [
    ...stateSentences(unit, seen).map((sentence) =>
      (isActive(look, unit) ? warning : failed)(sentence, stateMend(unit, seen)),
    ),
    // In maintenance nothing need run.
    ...(isResting(look) ? [] : downProblems(unit, seen, words)),
    ...loadedSentences(unit, seen).map((sentence) => warning(sentence, loadedMend(seen))),
    ...observed.overrides
      .filter((override) => override.unit === unit)
      .map((override) =>
        warning(
          overrideSentence(override, look.secrets),
          override.isMovable ? here("pulumi up") : onHost(`systemctl cat ${unit}`),
        ),
      ),
  ];
}

function stateMend(unit: string, { properties }: ObservedUnit): Mend {
  const { LoadState: load = "", UnitFileState: state = "" } = properties;
  if (load !== "masked" && !state.startsWith("masked")) return onHost(`systemctl enable ${unit}`);
  const runtime = state === "masked-runtime" ? "--runtime " : "";
  return onHost(`systemctl unmask ${runtime}${unit} && systemctl enable --now ${unit}`);
}

function downProblems(unit: string, seen: ObservedUnit, words: readonly string[]): Problem[] {
  const { ActiveState: active = "", LoadState: load = "", Result: result = "" } = seen.properties;
  // Told already, and nothing starts it.
  if (load === "masked") return [];
  // A former life's words explain no stop by hand.
  const line = active === "inactive" ? undefined : tellingLine(words);
  const last = line === undefined ? "" : `; its last words: ${line}`;
  return activeSentences(unit, seen).map((sentence) =>
    failed(`${sentence}${last}`, startMend(unit, active, result)),
  );
}

function startMend(unit: string, active: string, result: string): Mend {
  if (active === "active") return onHost(`systemctl restart ${unit}`);
  // It comes up by itself once the cause is gone.
  if (active === "activating") return onHost(`journalctl -u ${unit} -n 50 --no-pager`);
  return onHost(
    `${active === "failed" || result === "start-limit-hit" ? `systemctl reset-failed ${unit} && ` : ""}systemctl start ${unit}`,
  );
}

const loadedMend = ({ properties }: ObservedUnit): Mend =>
  properties["NeedDaemonReload"] === "yes" ? onHost("systemctl daemon-reload") : here("pulumi up");
