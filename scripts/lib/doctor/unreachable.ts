import { answerProblem } from "./answer";
import type { Diagnosis } from "./diagnosis";
import type { Look } from "./look";
import type { OutsideLook } from "./outside";
import { failed, layer, untested, warning } from "./verdict";

/**
 * What can be said where the host can't be looked at: whether its users are served all the same. Pure.
 *
 * @param answers the host does, but too slowly or not as it should
 */
export function unreachable(
  { healthCheck }: Pick<Look["config"], "healthCheck">,
  sentence: string,
  outside: OutsideLook | undefined,
  answers = false,
): Diagnosis {
  const { externalUrl: url, expectStatus: status, timeoutSec } = healthCheck;
  const contact = layer("contact", "", [failed(sentence)]);
  const below = untested("all on the host", answers ? "it couldn't be looked at" : "nobody could log in");
  if (url === undefined || outside === undefined) return { layers: [contact, below] };
  const problem = answerProblem(outside.answer, { url, status, timeoutSec });
  const external = layer(
    "external from here",
    `${url} answers as expected`,
    problem === undefined ? [] : [warning(problem)],
  );
  const conclusion =
    problem === undefined
      ? `the site answers: only ${answers ? "looking at the host failed" : "the way in is at fault"}`
      : answers
        ? "the host answers, but couldn't be looked at, and its site isn't as it should be"
        : "neither the host nor the site can be reached from here";
  return { layers: [contact, below, external], conclusion };
}
