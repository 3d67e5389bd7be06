import { UsageError } from "../stack";
import type { Scenario } from "./scenarios";

/** What an operator asks for, checked. */
export interface Request {
  readonly scenarios: readonly Scenario[];
  readonly rounds: number;
  /** Runs the health check at once instead of waiting for its timer. */
  readonly isQuick: boolean;
  /** Where the observer asks. @default the proxy's port on the host, through ssh */
  readonly url?: string;
}

export interface Options {
  readonly only?: string | undefined;
  readonly rounds?: string | undefined;
  readonly quick: boolean;
  readonly url?: string | undefined;
}

const MAX_ROUNDS = 20;

/**
 * Checks the options. Pure.
 *
 * @param possible the failures that this stack's service can have
 * @throws UsageError
 */
export function requestOf(
  { only, rounds = "1", quick, url }: Options,
  all: readonly Scenario[],
  possible: readonly Scenario[],
): Request {
  if (!/^[1-9]\d?$/.test(rounds) || Number(rounds) > MAX_ROUNDS) {
    throw new UsageError(`--rounds must be a whole number from 1 to ${MAX_ROUNDS}, got ${rounds}`);
  }
  if (url !== undefined && !/^https?:\/\/[^/]/.test(url)) {
    throw new UsageError(`--url must begin with http:// or https://, got ${url}`);
  }
  return {
    scenarios: only === undefined ? possible : chosen(only, all, possible),
    rounds: Number(rounds),
    isQuick: quick,
    ...(url !== undefined && { url }),
  };
}

/** In their own order, whichever the operator named them in. */
function chosen(only: string, all: readonly Scenario[], possible: readonly Scenario[]): readonly Scenario[] {
  const names = only.split(",").map((name) => name.trim());
  const unknown = names.find((name) => !all.some((scenario) => scenario.name === name));
  if (unknown !== undefined) {
    throw new UsageError(
      `there is no failure "${unknown}"; --only takes: ${all.map(({ name }) => name).join(", ")}`,
    );
  }
  const impossible = names.find((name) => !possible.some((scenario) => scenario.name === name));
  if (impossible !== undefined) {
    throw new UsageError(`${impossible} isn't possible here: it needs a proxy`);
  }
  return possible.filter(({ name }) => names.includes(name));
}

/** Words of a stack's name that say that people depend on it. */
const PRODUCTION = /(^|[^a-z])(prod|production|live)([^a-z]|$)/i;

/** By its name, as Pulumi.prod.yaml's: nothing else tells one stack from another. */
export const isProduction = (stack: string): boolean => PRODUCTION.test(stack);

/**
 * Why a drill mustn't be, if it mustn't. Pure.
 *
 * @param stack its name without the project's
 * @param named of --production
 */
export function productionRefusal(stack: string, named: string | undefined): string | undefined {
  if (named === undefined && isProduction(stack)) {
    return `stack ${stack} is production by its name, and a drill takes its service down; if that is wanted: --production ${stack}`;
  }
  if (named !== undefined && named !== stack) {
    return `--production names ${named}, but the stack is ${stack}`;
  }
  return undefined;
}
