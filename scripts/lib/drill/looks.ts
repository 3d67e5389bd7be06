import { request } from "node:http";

import type { ClientChannel } from "ssh2";

import type { HealthCheckConfig } from "../../../src/config/types";
import type { HostConnection } from "../../../src/remote/connection";
import { openSession, type Session } from "../../../src/remote/session";
import type { Look } from "./observer";
import { ANSWERS } from "./outage";

/** What the health check takes for an answer. */
export type Expected = Pick<HealthCheckConfig, "expectStatus" | "expectText">;

const NO_CONNECTION = "no connection to the host";
const REFUSED = "connection refused";

/** RFC 4254, section 5.1: sshd doesn't allow it (AllowTcpForwarding). */
const ADMINISTRATIVELY_PROHIBITED = 1;
export const FORBIDDEN = "sshd doesn't forward connections";

/** A host that says nothing for so long isn't there, in seconds: a reboot needn't end its connections. */
const SILENCE_SEC = 3;

/** What was wrong with an answer, if anything was. */
function seenOf(status: number, body: string, { expectStatus, expectText }: Expected): string {
  if (status !== expectStatus) return `HTTP status ${status}`;
  return expectText === undefined || body.includes(expectText) ? ANSWERS : "another text";
}

/** From the operator's machine by a URL, as the users' way is. */
export const lookAt =
  (url: string, expected: Expected): Look =>
  async (limitSec) => {
    const options = { redirect: "manual", signal: AbortSignal.timeout(limitSec * 1000) } as const;
    try {
      const response = await fetch(url, options);
      return seenOf(response.status, await response.text(), expected);
    } catch (error) {
      if ((error as Error).name === "TimeoutError") return noAnswer(limitSec);
      const { code } = ((error as Error).cause ?? {}) as { code?: string };
      return code === "ECONNREFUSED" ? REFUSED : `no connection${code === undefined ? "" : ` (${code})`}`;
    }
  };

const noAnswer = (limitSec: number): string => `no answer within ${limitSec} s`;

/**
 * Through ssh, to a port that listens on the host only (direct-tcpip). Connects again by itself.
 *
 * @param path of the request, as the health check's
 */
export class Tunnel {
  private login: Login | undefined;

  constructor(
    private readonly connection: HostConnection,
    private readonly port: number,
    private readonly path: string,
    private readonly expected: Expected,
  ) {}

  readonly look: Look = async (limitSec) => {
    this.login ??= await this.logIn();
    if (this.login === undefined) return NO_CONNECTION;
    // A connection that breaks takes its requests with it, silently.
    return Promise.race([this.login.lost, this.ask(this.login.session, limitSec)]);
  };

  end(): void {
    this.login?.session.end();
  }

  private async logIn(): Promise<Login | undefined> {
    // Whatever keeps it from logging in: a host that boots shows all of it.
    const session = await openSession(this.connection, { silenceSec: SILENCE_SEC }).catch(() => undefined);
    if (session === undefined) return undefined;
    const lost = new Promise<string>((resolve) => {
      session.onEnd(() => {
        this.login = undefined;
        resolve(NO_CONNECTION);
      });
    });
    return { session, lost };
  }

  private async ask(session: Session, limitSec: number): Promise<string> {
    const end = AbortSignal.timeout(limitSec * 1000);
    const late = new Promise<string>((resolve) => {
      end.addEventListener("abort", () => {
        resolve(noAnswer(limitSec));
      });
    });
    return Promise.race([late, this.exchange(session, end)]);
  }

  private async exchange(session: Session, signal: AbortSignal): Promise<string> {
    const channel = await session.connectTo(this.port).catch((error: unknown) => error as Error);
    if (channel instanceof Error) {
      const { reason } = channel as Error & { reason?: number };
      if (reason === ADMINISTRATIVELY_PROHIBITED) return FORBIDDEN;
      return reason === undefined ? NO_CONNECTION : REFUSED;
    }
    return answerOver(channel, { port: this.port, path: this.path, signal }).then(
      ({ status, body }) => seenOf(status, body, this.expected),
      () => "connection reset",
    );
  }
}

interface Login {
  readonly session: Session;
  /** What is seen once it's over. */
  readonly lost: Promise<string>;
}

interface Question {
  readonly port: number;
  readonly path: string;
  readonly signal: AbortSignal;
}

function answerOver(
  channel: ClientChannel,
  { port, path, signal }: Question,
): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = { host: "127.0.0.1", port, path, signal };
    const asked = request({ ...options, createConnection: () => channel }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (body += chunk));
      response.on("end", () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
      response.on("error", reject);
    });
    asked.setHeader("Connection", "close");
    asked.on("error", reject);
    asked.end();
  });
}
