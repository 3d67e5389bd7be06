import type * as pulumi from "@pulumi/pulumi";

import { otherHostsSentence } from "./errors";
import type { HighlyAvailableService } from "./highlyAvailableService";

export interface RolloutArgs {
  /** How many hosts at once, after the first has become healthy. @default 1 */
  readonly parallel?: number;
}

/** What to hand on to a host's component. */
export interface RolloutPlace {
  readonly options: pulumi.ComponentResourceOptions;
  /** For HighlyAvailableServiceArgs. */
  readonly otherHosts: string | undefined;
}

/**
 * The same service on several hosts, one after the other: the first alone, then so many at once as the arguments say. Where one
 * doesn't become healthy, those behind it stay as they are, and its error tells what the others have.
 *
 * @param create makes a host's component
 */
export function rollOut<Host extends { readonly name: string }>(
  hosts: readonly Host[],
  { parallel = 1 }: RolloutArgs,
  create: (host: Host, place: RolloutPlace) => HighlyAvailableService,
): HighlyAvailableService[] {
  const names = hosts.map(({ name }) => name);
  const services: HighlyAvailableService[] = [];
  for (const [index, host] of hosts.entries()) {
    const before = services[waitsFor(index, parallel)];
    services.push(
      create(host, {
        options: before === undefined ? {} : { dependsOn: before },
        otherHosts: otherHosts(names, index, parallel),
      }),
    );
  }
  return services;
}

/** The host that must have become healthy first; for the first host it's that one itself. */
const waitsFor = (index: number, parallel: number): number => Math.max(0, index - parallel);

/** What the others have while this one is being updated, in a sentence; nothing where there are none. */
function otherHosts(names: readonly string[], index: number, parallel: number): string | undefined {
  const others = names.map((name, at) => ({ name, at })).filter(({ at }) => at !== index);
  if (others.length === 0) return undefined;
  /** Those that must have become healthy before it. */
  const ancestors = (at: number): readonly number[] =>
    at === 0 ? [] : [waitsFor(at, parallel), ...ancestors(waitsFor(at, parallel))];
  const isDone = (at: number): boolean => ancestors(index).includes(at);
  const isWaiting = (at: number): boolean => ancestors(at).includes(index);
  const where = (holds: (at: number) => boolean): readonly string[] =>
    others.filter(({ at }) => holds(at)).map(({ name }) => name);
  return otherHostsSentence({
    updated: where(isDone),
    independent: where((at) => !isDone(at) && !isWaiting(at)),
    untouched: where((at) => isWaiting(at)),
  });
}
