const url = {
  type: "string",
  secret: true,
  maxLength: 2000,
  pattern: "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$",
  expects: "an http or https URL without user and password",
} as const;

export const alertsSchema = {
  type: "object",
  secret: true,
  additionalProperties: false,
  minProperties: 1,
  expects: 'an object with one key at least, such as {"webhookUrl": "https://hooks.example/T000"}',
  description: "Who is told of failures and repairs; see [Alerts](alerts.md).",
  properties: {
    webhookUrl: {
      ...url,
      description: "Gets each alert as JSON by POST; Slack and those like it show its `text`.",
    },
    email: {
      type: "string",
      secret: true,
      maxLength: 254,
      pattern: "^[A-Za-z0-9.!#%&'*+/=?^_{|}~-]+@[A-Za-z0-9.-]+$",
      expects: "one e-mail address",
      description: "Gets each alert by the host's `sendmail`, which must be there.",
    },
    pingUrl: {
      ...url,
      // `/start` and `/fail` are put behind it.
      pattern: "^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?$",
      expects: "an http or https URL without user, password and query",
      description:
        "A dead man's switch as healthchecks.io has it: `/start`, success or `/fail` at each check.",
    },
  },
} as const;
