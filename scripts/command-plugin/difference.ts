import { isList, isObject, isSame, isSecret, isUnknown, type Value, type Values } from "./values";

export type Kind = "add" | "delete" | "update";

/** A changed property, its path written as Pulumi does: `connection.port`, `triggers[0]`, `environment["a.b"]`. */
export interface Difference {
  readonly path: string;
  readonly kind: Kind;
}

/**
 * Old inputs against new inputs, as deep as both are objects or lists. A secret is compared as a whole, so that
 * a changed connection reads as one change and no part of it is named.
 */
export function compareInputs(olds: Values, news: Values): readonly Difference[] {
  return compareObjects(olds, news, "");
}

/** The input that a difference is in: `triggers` of `triggers[0]`. */
export function inputOf({ path }: Difference): string {
  return path.split(/[.[]/, 1)[0] ?? path;
}

/** The only input whose change replaces the resource, as in the official plugin. */
export function isReplacing({ path }: Difference): boolean {
  // Elements (`triggers[0]`) need no mark: @pulumi/command itself asks to replace on `triggers[*]`.
  return path === "triggers";
}

/**
 * What the outputs may turn out to be, for a preview: an update can change them once any input that the old
 * state has is another one or isn't known. A newly added input doesn't count: the official plugin looks only at
 * what it finds in the state.
 */
export function areOutputsUncertain(state: Values, news: Values): boolean {
  const inputs = Object.keys(state).filter((key) => key !== "stdout" && key !== "stderr");
  return inputs.some((key) => !isSame(state[key], news[key])) || Object.values(news).some(isUnknown);
}

function compareObjects(olds: Values, news: Values, path: string): readonly Difference[] {
  const keys = [...new Set([...Object.keys(olds), ...Object.keys(news)])];
  return keys.flatMap((key) => {
    const [old, now] = [olds[key], news[key]];
    // The official plugin takes a secret that isn't known yet (a connection to a host that is still to be made)
    // for no change; only `up` then finds the change. A preview must read the same here.
    if (old !== undefined && now !== undefined && isSecret(now) && isUnknown(now)) return [];
    return compareValues(old, now, path + pathStep(key, path === ""));
  });
}

function compareValues(old: Value = null, now: Value = null, path: string): readonly Difference[] {
  if (old === null) return now === null ? [] : [{ path, kind: "add" }];
  if (now === null) return [{ path, kind: "delete" }];
  if (isPlainObject(old) && isPlainObject(now)) return compareObjects(old, now, path);
  if (isList(old) && isList(now)) {
    const indexes = [...Array(Math.max(old.length, now.length)).keys()];
    return indexes.flatMap((index) => compareValues(old[index], now[index], `${path}[${index}]`));
  }
  return isSame(old, now) ? [] : [{ path, kind: "update" }];
}

function isPlainObject(value: Value): value is Values {
  return isObject(value) && !isSecret(value);
}

function pathStep(key: string, isFirst: boolean): string {
  if (/[^A-Za-z0-9_]/.test(key)) return `["${key.replaceAll('"', '\\"')}"]`;
  return isFirst ? key : `.${key}`;
}
