import type { RenderedFile } from "../model/types";
import type { Comparison, Finding } from "./finding";
import { willBeInMaintenance } from "./maintenance";

/**
 * Which running service an update is going to restart, and why. Pure; `is_current` in host/lib/units.bash decides.
 *
 * @returns a sentence each; none if nothing is restarted. What isn't running is started, which isn't a restart.
 */
export function expectedRestarts(
  { desired, files, observed }: Comparison,
  findings: readonly Finding[],
): string[] {
  const unit = desired.requirements.unit;
  const properties = observed.units[unit]?.properties ?? {};
  const witness = witnessOf(files);
  if (
    properties["ActiveState"] !== "active" ||
    witness === undefined ||
    willBeInMaintenance(desired, observed)
  )
    return [];
  const { recorded, witness: started } = observed.process;
  const [invocation, kept] = recorded.split(" ");
  if (invocation === properties["InvocationID"]) {
    return kept === witness ? [] : [`${unit} will be restarted: its settings change`];
  }
  if (started !== "" && started !== witness) return [`${unit} will be restarted: its settings change`];
  const isAltered = findings.some(
    ({ step }) =>
      (step.kind === "enable" && step.unit === unit) ||
      (step.kind === "stage" && step.path.endsWith(`/${unit}`)),
  );
  return isAltered || (started === "" && findings.length > 0)
    ? [`${unit} will be restarted if its process was started with other settings than the configured ones`]
    : [];
}

/** What the service's process must have been started with. */
const witnessOf = (files: readonly RenderedFile[]): string | undefined =>
  /^LogExtraFields=PULUMI_SYSTEMD_HA_WITNESS=(.*)$/m.exec(
    files.find(({ template }) => template === "app.service")?.text ?? "",
  )?.[1];
