import { connectionTo, type HostConnection } from "../../../src/remote/connection";
import { helperPath } from "../../../src/model/paths";
import { settleCommand } from "../../../src/outputs";
import { helperVersion } from "../../../src/render/templates";
import { HostError, type StackHost } from "../hosts";
import { EXIT } from "../program";
import type { SelectedStack } from "../stack";
import { DrilledHost } from "./drilledHost";
import { Interruption } from "./interruption";
import { lookAt, Tunnel } from "./looks";
import { Observer } from "./observer";
import type { Request } from "./request";
import { resultOf, type Round, type ScenarioResult } from "./result";
import { runRound } from "./round";
import { targetOf } from "./scenarios";

export interface DrillResult {
  readonly code: number;
  /** Those of which all rounds were run. */
  readonly scenarios: readonly ScenarioResult[];
  /** Why it ended early, or what is wrong with the host now. */
  readonly said: readonly string[];
}

/** Runs a drill on one host, and leaves the host healthy however it ends. */
export async function runDrill(
  host: StackHost,
  stack: SelectedStack,
  request: Request,
  say: (sentence: string) => void,
): Promise<DrillResult> {
  const connection = connectionTo(host, stack.config);
  const command = settleCommand(connection, stack.config.service.name, helperPath(helperVersion()));
  const byHand = `the host sets itself right when the drill's time is over, at the latest; at once by hand: ${command}`;
  const onlyByHand = `what is left to do: ${command}`;
  const interruption = new Interruption(byHand, EXIT.interrupted);
  const drilled = new DrilledHost(host, stack);
  // What is waited for on the host ends with the connection.
  interruption.signal.addEventListener("abort", () => {
    drilled.end();
  });
  const { observer, end } = observerOf(stack, request, connection);
  const said: string[] = [];
  const scenarios: ScenarioResult[] = [];
  let code: number = EXIT.ok;
  try {
    for (const scenario of request.scenarios) {
      const rounds: Round[] = [];
      for (let round = 1; round <= request.rounds; round++) {
        say(`${scenario.name}, round ${round} of ${request.rounds}`);
        const { healthCheck } = stack.config;
        rounds.push(
          await settled(drilled, say, () =>
            runRound(scenario, {
              ...{ host: drilled, observer, target: targetOf(stack.config), isQuick: request.isQuick },
              ...{ failuresBeforeRepair: healthCheck.failuresBeforeRepair, signal: interruption.signal, say },
            }),
          ),
        );
      }
      scenarios.push(resultOf(scenario, rounds, request.isQuick));
    }
    if (scenarios.some(({ isMet }) => !isMet)) code = EXIT.finding;
  } catch (error) {
    if (!(error instanceof HostError) && !interruption.signal.aborted) throw error;
    code = interruption.signal.aborted ? EXIT.interrupted : (error as HostError).exitCode;
    said.push(interruption.signal.aborted ? "interrupted" : (error as Error).message);
    if (error instanceof UnsettledError) {
      if (interruption.signal.aborted) said.push(error.message);
      // Where it was reached, its guard has ended.
      said.push(error.exitCode === EXIT.unreachable ? byHand : onlyByHand);
    }
  } finally {
    await observer.stop();
    end();
    drilled.end();
    interruption.end();
  }
  return { code, scenarios, said };
}

/** The host isn't healthy after a failure of ours. */
class UnsettledError extends HostError {}

/** Does something to the host and sets it right again; not where the host refused it. */
async function settled<T>(
  host: DrilledHost,
  say: (sentence: string) => void,
  act: () => Promise<T>,
): Promise<T> {
  let isRefused = false;
  try {
    return await act();
  } catch (error) {
    isRefused = error instanceof HostError && error.exitCode === EXIT.refused;
    throw error;
  } finally {
    if (!isRefused) {
      await host.settle().catch((error: unknown) => {
        throw error instanceof HostError ? new UnsettledError(error.exitCode, error.message) : error;
      });
      say("  the host is healthy");
    }
  }
}

function observerOf(
  { config }: SelectedStack,
  { url }: Request,
  connection: HostConnection,
): { observer: Observer; end: () => void } {
  const { service, proxy, healthCheck } = config;
  if (url !== undefined) {
    return {
      observer: new Observer(lookAt(url, healthCheck), healthCheck.timeoutSec),
      end: () => undefined,
    };
  }
  const { port, path } = proxy ?? service;
  const tunnel = new Tunnel(connection, port, path, healthCheck);
  return {
    observer: new Observer(tunnel.look, healthCheck.timeoutSec),
    end: () => {
      tunnel.end();
    },
  };
}
