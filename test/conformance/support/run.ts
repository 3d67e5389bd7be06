/** A line of the engine's event log, as far as it is read here. */
interface Event {
  readonly resourcePreEvent?: { readonly metadata: Step };
  readonly resOutputsEvent?: { readonly metadata: Step };
  readonly diagnosticEvent?: {
    readonly urn?: string;
    readonly message: string;
    readonly severity: string;
    readonly ephemeral?: boolean;
  };
}
interface Step {
  readonly op: string;
  readonly urn: string;
  readonly new: { readonly outputs?: Readonly<Record<string, unknown>> } | null;
  readonly detailedDiff: Readonly<Record<string, { readonly diffKind: string }>> | null;
}

/** What one `pulumi` command did, read from its event log. Resources go by their names. */
export interface Run {
  readonly text: string;
  /** What happened to it, in order: `create`, `update`, `same`, `create-replacement`, `delete-replaced`, … */
  operations(name: string): readonly string[];
  /** Changed inputs and how: `{ "triggers[0]": "update-replace" }`. */
  differences(name: string): Readonly<Record<string, string>>;
  outputs(name: string): Readonly<Record<string, unknown>>;
  /** The passing lines in its row: what its command printed, as far as `logging` lets it. */
  lines(name: string): readonly string[];
  errors(name: string): string;
}

export function parseEvents(text: string, log: string): Run {
  const events = log
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Event);
  const of = <T extends { readonly urn?: string }>(
    name: string,
    items: readonly (T | undefined)[],
  ): readonly T[] => items.filter((item): item is T => item?.urn !== undefined && nameOf(item.urn) === name);
  const begun = (name: string) =>
    of(
      name,
      events.map((event) => event.resourcePreEvent?.metadata),
    );
  const ended = (name: string) =>
    of(
      name,
      events.map((event) => event.resOutputsEvent?.metadata),
    );
  const said = (name: string) =>
    of(
      name,
      events.map((event) => event.diagnosticEvent),
    );
  return {
    text,
    operations: (name) => begun(name).map(({ op }) => op),
    differences: (name) => {
      const details = begun(name).flatMap(({ detailedDiff }) => Object.entries(detailedDiff ?? {}));
      return Object.fromEntries(details.map(([path, { diffKind }]) => [path, diffKind]));
    },
    outputs: (name) => ended(name).findLast((step) => step.new?.outputs)?.new?.outputs ?? {},
    lines: (name) =>
      said(name)
        .filter(({ ephemeral }) => ephemeral)
        .map(({ message }) => message.replace(/\n$/, "")),
    errors: (name) =>
      said(name)
        .filter(({ severity }) => severity === "error")
        .map(({ message }) => message)
        .join("\n"),
  };
}

/** The resource's name in its program. */
export function nameOf(urn: string): string {
  return urn.split("::").slice(3).join("::");
}
