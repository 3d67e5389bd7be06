import type { Finding } from "../../../src/drift/finding";
import type { Look } from "./look";
import { unitsOf } from "./look";
import { failed, here, type Layer, layer, type Problem, warning } from "./verdict";

/** What is installed, against the record of it; what units do is told in their own layers. Pure. */
export function installedLayer(look: Look): Layer {
  const { inspection, config } = look;
  const shown = Object.values(unitsOf(look));
  const findings = inspection.findings.filter(
    ({ step }) => step.kind !== "enable" || !shown.includes(step.unit),
  );
  const revision = inspection.confirmedRevision;
  return layer("files", revision === undefined ? "as configured" : `as installed, revision ${revision}`, [
    ...(inspection.isNew
      ? [failed(`nothing of ${config.service.name} is installed`, here("pulumi up"))]
      : []),
    ...findings.map(problemOf),
  ]);
}

function problemOf({ sentence, diff, isMendable = true }: Finding): Problem {
  const problem = warning(sentence, isMendable ? here("pulumi up") : undefined);
  return { ...problem, ...(diff !== undefined && { diff }) };
}
