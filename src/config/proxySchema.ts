import { MANUAL, UNIT, HTTP_PATH, port, timeSpan } from "./leaves";

export const proxySchema = {
  type: "object",
  additionalProperties: false,
  required: ["port"],
  expects: "an object with unit and port",
  description: "The reverse proxy on the same host, whose unit gets a restart policy by a drop-in.",
  properties: {
    unit: {
      type: "string",
      pattern: UNIT,
      default: "apache2.service",
      expects: "the name of a service unit",
      examples: ["apache2.service"],
      description: "The proxy's unit, which must exist.",
    },
    port: { ...port, examples: [8087], description: "Where the proxy answers HTTP on 127.0.0.1." },
    path: {
      type: "string",
      pattern: HTTP_PATH,
      default: "/",
      expects: "a path that begins with /",
      examples: ["/"],
      description: "What the health check asks the proxy for.",
    },
    restartSec: { ...timeSpan, default: 10, examples: [10], description: "RestartSec= of the drop-in." },
    startLimitIntervalSec: {
      ...timeSpan,
      default: 300,
      examples: [300],
      description: `StartLimitIntervalSec=, see [systemd.unit](${MANUAL}/systemd.unit.html).`,
    },
    startLimitBurst: {
      type: "integer",
      minimum: 1,
      maximum: 1000,
      default: 3,
      expects: "a whole number from 1 to 1000",
      examples: [3],
      description: "Starts allowed in the interval.",
    },
  },
} as const;

export const tunnelSchema = {
  type: "object",
  additionalProperties: false,
  expects: "an object with unit",
  description: "The tunnel's unit on the same host, which gets a restart policy by a drop-in.",
  properties: {
    unit: {
      type: "string",
      pattern: UNIT,
      default: "cloudflared.service",
      expects: "the name of a service unit",
      examples: ["cloudflared.service"],
      description: "The tunnel's unit, which must exist.",
    },
    restartSec: { ...timeSpan, default: 10, examples: [10], description: "RestartSec= of the drop-in." },
  },
} as const;
