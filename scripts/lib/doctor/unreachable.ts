import { answerProblem } from "./answer";
import type { Diagnosis } from "./diagnosis";
import type { Look } from "./look";
import type { OutsideLook } from "./outside";
import { failed, layer, untested, warning } from "./verdict";

/** What can be said where the host doesn't let us in: whether its users are served all the same. Pure. */
export function unreachable(
  { healthCheck }: Pick<Look["config"], "healthCheck">,
  sentence: string,
  outside: OutsideLook | undefined,
): Diagnosis {
  const { externalUrl: url, expectStatus: status, timeoutSec } = healthCheck;
  const contact = layer("contact", "", [failed(sentence)]);
  const below = untested("all on the host", "nobody could log in");
  if (url === undefined || outside === undefined) return { layers: [contact, below] };
  const problem = answerProblem(outside.answer, { url, status, timeoutSec });
  const external = layer(
    "external from here",
    `${url} answers as expected`,
    problem === undefined ? [] : [warning(problem)],
  );
  const conclusion =
    problem === undefined
      ? "the site answers: only the way in is at fault"
      : "neither the host nor the site can be reached from here";
  return { layers: [contact, below, external], conclusion };
}
