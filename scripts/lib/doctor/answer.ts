/** What became of an HTTP request, whoever asked. */
export type Answer =
  | { readonly kind: "answered"; readonly status: number; readonly hasText: boolean }
  | { readonly kind: "failed"; readonly reason: FailureReason; readonly message: string };

export type FailureReason =
  "name" | "refused" | "timeout" | "closed" | "certificate" | "tls" | "tooLong" | "other";

/** See EXIT CODES in curl(1). */
const CURL: Readonly<Record<string, FailureReason>> = {
  "6": "name",
  "7": "refused",
  "28": "timeout",
  "52": "closed",
  "56": "closed",
  "35": "tls",
  "60": "certificate",
  "23": "tooLong",
};

/** A row of host/doctor/urls.bash. Pure. */
export function curlAnswer([code = "", status, , lines, message = ""]: readonly string[]): Answer {
  if (code === "0") return { kind: "answered", status: Number(status), hasText: Number(lines) > 0 };
  return { kind: "failed", reason: CURL[code] ?? "other", message: message || `curl ended with ${code}` };
}

const NODE: Readonly<Record<string, FailureReason>> = {
  ENOTFOUND: "name",
  EAI_AGAIN: "name",
  ECONNREFUSED: "refused",
  EHOSTUNREACH: "refused",
  ENETUNREACH: "refused",
  ETIMEDOUT: "timeout",
  ABORT_ERR: "timeout",
  ECONNRESET: "closed",
};

/** An error of Node's. Pure. */
export function nodeFailure(error: Error & { readonly code?: string }): Answer {
  const { code = "", message } = error;
  const reason = NODE[code] ?? (/^(ERR_SSL|EPROTO)/.test(code) ? "tls" : "other");
  return { kind: "failed", reason, message };
}

export interface Expected {
  readonly url: string;
  readonly status: number;
  readonly timeoutSec: number;
}

/** What is wrong with an answer, as the health check would say; undefined if nothing is. Pure. */
export function answerProblem(answer: Answer, { url, status, timeoutSec }: Expected): string | undefined {
  if (answer.kind === "answered") {
    if (answer.status !== status) return `${url} answers with status ${answer.status} instead of ${status}`;
    return answer.hasText ? undefined : `the answer of ${url} doesn't contain the expected text`;
  }
  switch (answer.reason) {
    case "name":
      return `the name in ${url} isn't resolved`;
    case "refused":
      return `nothing accepts connections at ${url}`;
    case "timeout":
      return `${url} doesn't answer within ${timeoutSec} s`;
    case "closed":
      return `${url} closes the connection without an answer`;
    case "certificate":
    case "tls":
      return `no TLS connection to ${url}: ${answer.message}`;
    case "tooLong":
      return `the answer of ${url} is longer than 10 MiB`;
    case "other":
      return `${url} can't be asked: ${answer.message}`;
  }
}
