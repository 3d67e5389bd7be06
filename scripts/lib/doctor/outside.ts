import { lookup } from "node:dns/promises";
import { once } from "node:events";
import * as http from "node:http";
import * as https from "node:https";
import { TLSSocket } from "node:tls";

import { type Answer, nodeFailure } from "./answer";
import { type Certificate, readCertificate } from "./certificate";

/** What the operator's machine sees of the external URL. */
export interface OutsideLook {
  readonly answer: Answer;
  readonly addresses: readonly string[];
  readonly certificate?: Certificate;
  /** Why the certificate isn't trusted, in OpenSSL's word: `SELF_SIGNED_CERT_IN_CHAIN`. */
  readonly distrust?: string;
}

export interface Request {
  readonly url: string;
  readonly timeoutSec: number;
  readonly expectText?: string | undefined;
}

/** As the health check does. */
const MAX_BODY_BYTES = 10 * 1024 * 1024;

/** Asks as a user would, but that a bad certificate is looked at and not refused. Never throws. */
export async function lookFromHere({ url, timeoutSec, expectText }: Request): Promise<OutsideLook> {
  const addresses = await lookup(new URL(url).hostname, { all: true }).catch(
    (error: unknown) => error as Error,
  );
  if (addresses instanceof Error) return { answer: nodeFailure(addresses), addresses: [] };
  const signal = AbortSignal.timeout(timeoutSec * 1000);
  let shown: Pick<OutsideLook, "certificate" | "distrust"> = {};
  const client = url.startsWith("https:") ? https : http;
  const request = client.get(url, { agent: false, signal, rejectUnauthorized: false });
  // What comes after the answer began is told by its stream.
  request.on("error", () => undefined);
  request.on("socket", (socket) => {
    if (socket instanceof TLSSocket) socket.once("secureConnect", () => (shown = shownBy(socket, url)));
  });
  const answer = await answerOf(request, expectText).catch((error: unknown) =>
    signal.aborted
      ? ({ kind: "failed", reason: "timeout", message: "no answer in time" } as const)
      : nodeFailure(error as Error),
  );
  return { answer, addresses: addresses.map(({ address }) => address), ...shown };
}

function shownBy(socket: TLSSocket, url: string): Pick<OutsideLook, "certificate" | "distrust"> {
  const certificate = readCertificate(socket.getPeerX509Certificate()?.raw ?? "", url);
  // Typed as an Error, and a word.
  const distrust = socket.authorized ? undefined : String(socket.authorizationError);
  return { ...(certificate && { certificate }), ...(distrust !== undefined && { distrust }) };
}

async function answerOf(request: http.ClientRequest, expectText = ""): Promise<Answer> {
  const [response] = (await once(request, "response")) as [http.IncomingMessage];
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) return { kind: "failed", reason: "tooLong", message: "" };
    chunks.push(chunk);
  }
  const hasText = Buffer.concat(chunks).includes(expectText);
  return { kind: "answered", status: response.statusCode ?? 0, hasText };
}
