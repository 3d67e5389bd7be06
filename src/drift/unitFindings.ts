import type { Manifest } from "../model/manifest";
import type { Comparison, Finding } from "./finding";
import { isInMaintenance } from "./maintenance";
import type { ObservedUnit, Override } from "./observedHost";
import { maskedAssignment, printable } from "./textDiff";

/** What isn't right with the units: on, masked, running, overruled. Pure. */
export function unitFindings(comparison: Comparison, manifest: Manifest | undefined): Finding[] {
  const { observed, secrets } = comparison;
  // Before the first update what they do is the operator's, and after a lost record nobody knows better.
  const isResting = isInMaintenance(observed);
  const states = (manifest?.units ?? []).flatMap(({ name: unit, role }): Finding[] => {
    const seen = observed.units[unit];
    const sentences =
      seen === undefined
        ? []
        : [
            ...stateSentences(unit, seen),
            ...(role === "recovery"
              ? []
              : isResting
                ? restSentences(unit, seen, role)
                : activeSentences(unit, seen)),
            ...loadedSentences(unit, seen),
          ];
    return sentences.map((sentence) => ({ step: { kind: "enable", unit }, sentence }));
  });
  const overrides = observed.overrides.map((override): Finding => ({
    step: { kind: "enable", unit: override.unit },
    sentence: overrideSentence(override, secrets),
    ...(!override.isMovable && { isMendable: false }),
  }));
  return [...states, ...overrides];
}

/** What a drop-in of somebody else does. Pure. */
export const overrideSentence = (
  { unit, path, isMovable, section, key, value }: Override,
  secrets: readonly string[],
): string =>
  `${printable(path)} ${
    key === ""
      ? `keeps systemd from reading our drop-in of ${unit}`
      : `sets ${maskedAssignment(key, value, secrets)} in [${section}], which contradicts what is configured for ${unit}`
  }${isMovable ? "" : "; an update can't undo that: change or remove it"}`;

/** Masked, or not on at the next boot. Pure. */
export function stateSentences(unit: string, { properties }: ObservedUnit): string[] {
  const fileState = properties["UnitFileState"] ?? "";
  const isMasked = properties["LoadState"] === "masked" || fileState.startsWith("masked");
  return [
    ...(isMasked ? [`${unit} was masked`] : []),
    ...(!isMasked && fileState !== "enabled" && fileState !== ""
      ? [`${unit} was ${fileState === "disabled" ? "disabled" : `set to ${fileState}`}`]
      : []),
  ];
}

/** In maintenance nothing need run, and the service must not. */
const restSentences = (unit: string, { properties }: ObservedUnit, role: string): string[] =>
  role === "service" && properties["ActiveState"] === "active"
    ? [`${unit} runs in spite of maintenance`]
    : [];

/** Why it isn't running. Pure. */
export function activeSentences(unit: string, { properties }: ObservedUnit): string[] {
  const { ActiveState: active = "", SubState: sub = "", Result: result = "" } = properties;
  const ago = since(properties);
  if (active === "active") {
    return unit.endsWith(".timer") && sub === "elapsed" ? [`${unit} has no next run`] : [];
  }
  if (active === "activating" && sub !== "auto-restart") return [];
  if (active === "activating")
    return [`${unit} ended (${endOf(result, properties)}) and waits for its next start`];
  if (active === "failed" && result === "start-limit-hit") return [`${unit} hit its start limit${ago}`];
  if (active === "failed") return [`${unit} failed${ago} (${endOf(result, properties)})`];
  return active === "inactive"
    ? [`${unit} was stopped${ago}`]
    : [`${unit} is ${active || "unknown to systemd"}`];
}

/** What systemd does otherwise than it should. Pure. */
export function loadedSentences(unit: string, { properties, changed }: ObservedUnit): string[] {
  if (properties["NeedDaemonReload"] === "yes") {
    return [`systemd hasn't loaded the files of ${unit} as they are now (daemon-reload)`];
  }
  return changed.map(
    ({ name, was, is }) => `${unit} has ${name}=${is || "(nothing)"} in effect, not ${was || "(nothing)"}`,
  );
}

function endOf(result: string, { ExecMainStatus: status = "" }: ObservedUnit["properties"]): string {
  if (result === "exit-code") return `exit status ${status}`;
  if (result === "signal" || result === "core-dump") return `signal ${status}`;
  return result || "unknown reason";
}

/** ` 3 min ago`; empty where it isn't known. */
function since(properties: ObservedUnit["properties"]): string {
  const changed = Number(properties["StateChangeTimestampMonotonic"] ?? 0) / 1e6;
  const seconds = Number(properties["UptimeSec"] ?? 0) - changed;
  if (!(changed > 0) || !(seconds >= 0)) return "";
  if (seconds < 90) return ` ${Math.round(seconds)} s ago`;
  if (seconds < 5400) return ` ${Math.round(seconds / 60)} min ago`;
  return seconds < 129_600
    ? ` ${Math.round(seconds / 3600)} h ago`
    : ` ${Math.round(seconds / 86_400)} days ago`;
}
