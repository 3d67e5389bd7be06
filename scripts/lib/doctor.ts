import { parseArgs } from "node:util";

import { contactSentence, otherStackSentence } from "../../src/errors";
import { type Inspection, inspectHost } from "../../src/inspect";
import { releaseCommand } from "../../src/outputs";
import { presenceOf, secretTexts } from "../../src/render/secrets";
import { connectionTo } from "../../src/remote/connection";
import { ContactError } from "../../src/remote/session";
import { collect } from "./doctor/collect";
import { type Diagnosis, diagnose } from "./doctor/diagnosis";
import { type OutsideLook, lookFromHere } from "./doctor/outside";
import { layersText } from "./doctor/print";
import { unreachable } from "./doctor/unreachable";
import { chosenHosts, type StackHost } from "./hosts";
import { EXIT, runProgram } from "./program";
import { type SelectedStack, selectedStack } from "./stack";

interface HostResult {
  readonly name: string;
  readonly address: string;
  readonly code: number;
  /** What is wrong, a sentence each. */
  readonly findings: readonly { readonly sentence: string; readonly diff?: string }[];
  /** What is so on purpose. */
  readonly notes?: readonly string[];
  /** Lacking with --drift. */
  readonly diagnosis?: Diagnosis;
}

async function main(): Promise<number> {
  const { values: options } = parseArgs({
    options: {
      drift: { type: "boolean", default: false },
      host: { type: "string" },
      stack: { type: "string" },
      json: { type: "boolean", default: false },
    },
  });
  const stack = await selectedStack(options.stack);
  const hosts = chosenHosts(stack, options.host);
  const results = await Promise.all(hosts.map((host) => resultFor(host, stack, options.drift)));
  if (options.json) {
    console.log(JSON.stringify({ stack: stack.fullName, hosts: results.map(plain) }, undefined, 2));
  } else {
    for (const result of results) print(result);
  }
  return Math.max(...results.map(({ code }) => code));
}

async function resultFor(host: StackHost, stack: SelectedStack, onlyDrift: boolean): Promise<HostResult> {
  const { config, fullName } = stack;
  const connection = connectionTo(host, config);
  const { name, address, user, port } = host;
  const outside = onlyDrift ? undefined : fromHere(config);
  const secrets = { environment: config.secretEnvironment, alerts: config.alerts };
  try {
    const definition = { ...config, ...presenceOf(secrets) };
    const inspection = await inspectHost(connection, definition, secrets, fullName);
    if (inspection.otherStack !== undefined) {
      const command = releaseCommand(connection, config.service.name);
      const sentence = otherStackSentence(address, config.service.name, inspection.otherStack, command);
      return { name, address, code: EXIT.refused, findings: [{ sentence }] };
    }
    const notes = inspection.hostNotices;
    if (onlyDrift) return { name, address, notes, ...judged(driftOf(inspection, config.service.name)) };
    const collected = await collect(host, stack).catch(brokenOff);
    const seen = await outside;
    if (collected instanceof ContactError) {
      // There was a login, so nothing is said of the way in.
      const sentence = contactSentence({ host: address, user, port }, collected.failure);
      const findings = [{ sentence }, ...driftOf(inspection, config.service.name)];
      return { name, address, notes, code: EXIT.unreachable, findings };
    }
    const diagnosis = diagnose({
      ...{ config, inspection, ...collected, now: Date.now(), secrets: secretTexts(secrets) },
      ...(seen && { outside: seen }),
    });
    return { name, address, notes, ...judged(foundIn(diagnosis)), diagnosis };
  } catch (error) {
    if (!(error instanceof ContactError)) throw error;
    const sentence = contactSentence(error.target ?? { host: address, user, port }, error.failure);
    const failure = { name, address, code: EXIT.unreachable, findings: [{ sentence }] };
    if (onlyDrift) return failure;
    return {
      ...failure,
      diagnosis: unreachable(config, sentence, await outside, error.failure.kind === "probeFailed"),
    };
  }
}

function brokenOff(error: unknown): ContactError {
  if (error instanceof ContactError && error.failure.kind === "probeFailed") return error;
  throw error;
}

type Stack = SelectedStack["config"];

/** Begun before the host is asked: it needn't wait for that. */
function fromHere({
  healthCheck: { externalUrl: url, timeoutSec, expectText },
}: Stack): Promise<OutsideLook> | undefined {
  return url === undefined || !URL.canParse(url) ? undefined : lookFromHere({ url, timeoutSec, expectText });
}

const judged = (findings: HostResult["findings"]): Pick<HostResult, "code" | "findings"> => ({
  ...{ code: findings.length === 0 ? EXIT.ok : EXIT.finding, findings },
});

const driftOf = ({ findings, isNew }: Inspection, service: string): HostResult["findings"] => [
  ...(isNew ? [{ sentence: `nothing of ${service} is installed` }] : []),
  ...findings.map(({ sentence, diff }) => ({ sentence, ...(diff !== undefined && { diff }) })),
];

const foundIn = ({ layers }: Diagnosis): HostResult["findings"] =>
  layers.flatMap(({ problems }) =>
    problems.map(({ cause, diff }) => ({ sentence: cause, ...(diff !== undefined && { diff }) })),
  );

/** For programs. */
const plain = ({ diagnosis, ...result }: HostResult): object => ({ ...result, ...diagnosis });

function print({ name, address, findings, notes = [], diagnosis }: HostResult): void {
  const well = diagnosis === undefined ? "as it was installed" : "nothing found";
  console.log(`${name} (${address}): ${findings.length === 0 ? well : `${findings.length} found`}`);
  for (const note of notes) console.log(`  ${note}`);
  if (diagnosis !== undefined) {
    const { layers, conclusion } = diagnosis;
    for (const line of layersText(layers, name, hasColours())) console.log(line);
    if (conclusion !== undefined) console.log(`  ${conclusion}`);
    return;
  }
  for (const { sentence, diff } of findings) {
    console.log(`  - ${sentence}`);
    if (diff !== undefined) console.log(diff.replace(/^/gm, "      "));
  }
}

/** Only a terminal's; it knows NO_COLOR and TERM=dumb. */
const hasColours = (): boolean => process.stdout.isTTY && process.stdout.hasColors();

runProgram(main);
