import { createHash } from "node:crypto";

import * as pulumi from "@pulumi/pulumi";
import { MockMonitor } from "@pulumi/pulumi/runtime/mocks";
import { vi } from "vitest";

import type { HostConnection } from "../../../src/remote/connection";
import { answerOf, READY_HOST, type Row } from "../../unit/support/hostInSync";

/** A resource as the program hands it to the engine. */
export interface Registered {
  readonly name: string;
  readonly type: string;
  /** Names of resources, not URNs. */
  readonly parent: string;
  readonly dependsOn: readonly string[];
  /** Secrets as `{ secret: … }`, what isn't known yet as UNKNOWN. */
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly hideDiffs: readonly string[];
  readonly additionalSecretOutputs: readonly string[];
  readonly ignoreChanges: readonly string[];
  /** What else could make the engine replace or keep it. */
  readonly replaceOnChanges: readonly string[];
  readonly protect: boolean;
}

export const UNKNOWN = "(unknown)";

/** How values travel to the engine: sdk/nodejs/runtime/rpc.ts. */
const SIGNATURE = "4dabf18193072939515e22adb298388d";
const UNKNOWN_VALUE = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function readable(value: unknown): unknown {
  if (value === UNKNOWN_VALUE) return UNKNOWN;
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  if (SIGNATURE in value) return { secret: readable((value as unknown as { value: unknown }).value) };
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, readable(item)]));
}

interface Request {
  getName(): string;
  getType(): string;
  getParent(): string;
  getDependenciesList(): string[];
  getObject(): { toJavaScript(): Record<string, unknown> };
  getHidediffsList(): string[];
  getAdditionalsecretoutputsList(): string[];
  getIgnorechangesList(): string[];
  getReplaceonchangesList(): string[];
  getProtect(): boolean;
}

const nameOf = (urn: string): string => urn.split("::").at(-1) ?? "";

const registeredBy = (request: Request): Registered => ({
  name: request.getName(),
  type: request.getType(),
  parent: nameOf(request.getParent()),
  dependsOn: request.getDependenciesList().map(nameOf).sort(),
  inputs: readable(request.getObject().toJavaScript()) as Record<string, unknown>,
  hideDiffs: request.getHidediffsList(),
  additionalSecretOutputs: request.getAdditionalsecretoutputsList(),
  ignoreChanges: request.getIgnorechangesList(),
  replaceOnChanges: request.getReplaceonchangesList(),
  protect: request.getProtect(),
});

/** A diagnostic, as `pulumi up` shows it at a resource. */
export interface Message {
  readonly severity: "info" | "warning";
  readonly text: string;
  /** Its name; empty if it's at none. */
  readonly resource: string;
}

export interface Engine {
  readonly resources: Registered[];
  /** Resolves when the component has handed over its outputs, which is the last that it does. */
  finished(component: string): Promise<void>;
  /** Every contact that the program made. */
  readonly contacts: {
    readonly connection: HostConnection;
    readonly wanted: Readonly<Record<string, string>>;
    /** What runs on the host. */
    readonly script: string;
  }[];
  /** What the program said. */
  readonly messages: Message[];
  /** @throws Error if there is none of that name. */
  resource(name: string): Registered;
}

/**
 * Stands for the engine, the command plugin and the hosts: keeps what is registered, runs nothing, contacts nobody.
 * The program must be imported after it.
 */
export async function startEngine(
  options: {
    preview?: boolean;
    /** What the probe says beside or in place of READY_HOST. */
    facts?: readonly Row[];
  } = {},
): Promise<Engine> {
  const { preview = false, facts = [] } = options;
  vi.resetModules();
  vi.restoreAllMocks();
  const finished = new Set<string>();
  const engine: Engine = {
    resources: [],
    contacts: [],
    messages: [],
    resource(name) {
      const found = engine.resources.find((candidate) => candidate.name === name);
      if (found === undefined) throw new Error(`there is no resource ${name}`);
      return found;
    },
    finished: (component) =>
      vi.waitUntil(() => finished.has(component), { timeout: 20_000, interval: 5 }).then(() => undefined),
  };
  vi.doMock("../../../src/remote/probe", async (importOriginal) => ({
    ...(await importOriginal<object>()),
    probeHost: (connection: HostConnection, wanted: Record<string, string>, script: string) => {
      engine.contacts.push({ connection, wanted, script });
      const others = READY_HOST.filter(([key]) => !facts.some(([name]) => name === key));
      return Promise.resolve(answerOf([...others, ...facts]));
    },
  }));
  const keep =
    (severity: Message["severity"]) =>
    async (text: string, resource?: pulumi.Resource): Promise<void> => {
      const urn = resource === undefined ? "" : await valueOf(resource.urn);
      engine.messages.push({ severity, text, resource: nameOf(urn) });
    };
  vi.spyOn(pulumi.log, "info").mockImplementation(keep("info"));
  vi.spyOn(pulumi.log, "warn").mockImplementation(keep("warning"));
  // eslint-disable-next-line @typescript-eslint/unbound-method -- each is called with its own `this` below
  const { registerResource, registerResourceOutputs } = MockMonitor.prototype;
  vi.spyOn(MockMonitor.prototype, "registerResource").mockImplementation(function (
    this: MockMonitor,
    request: Request,
    done,
  ) {
    engine.resources.push(registeredBy(request));
    return registerResource.call(this, request, done);
  });
  vi.spyOn(MockMonitor.prototype, "registerResourceOutputs").mockImplementation(function (
    this: MockMonitor,
    request: { getUrn(): string },
    done,
  ) {
    registerResourceOutputs.call(this, request, done);
    finished.add(nameOf(request.getUrn()));
  });
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({
        id: createHash("sha256").update(name).digest("hex").slice(0, 8),
        state: { ...(inputs as object), ...(preview ? {} : { stdout: stdoutOf(name), stderr: "" }) },
      }),
      call: () => ({}),
    },
    "rps-ha",
    "prod",
    preview,
  );
  return engine;
}

/** Nothing where it isn't known. */
export const valueOf = <T>(output: pulumi.Output<T>): Promise<T> =>
  (output as unknown as { promise(): Promise<T> }).promise();

/** What the helper's verbs print. */
function stdoutOf(name: string): string {
  if (name.includes("-verify-")) return "is-enabled enabled\nis-active active";
  if (name.endsWith("-health-check")) {
    return "passed true\ntime 2026-01-22T22:14:39+0100\nexternal ok\nlog [2026-01-22 22:14:39] SUCCESS: All checks passed";
  }
  return "";
}

/** Sets the stack's configuration as the engine hands it over. */
export function configure(
  config: Readonly<Record<string, unknown>>,
  secretKeys: readonly string[] = [],
): void {
  pulumi.runtime.setAllConfig(
    Object.fromEntries(
      Object.entries(config).map(([key, value]) => [
        `rps-ha:${key}`,
        typeof value === "string" ? value : JSON.stringify(value),
      ]),
    ),
    secretKeys.map((key) => `rps-ha:${key}`),
  );
}
