import { describe, expect, test } from "vitest";

import { minimal, problemsOf } from "../support/configs";

const alerts = (value: unknown) => problemsOf({ ...minimal(), alerts: value });

describe("alerts", () => {
  test.each([
    { webhookUrl: "https://hooks.example/services/T000/B000/XXXX" },
    { email: "ops+shop@shop.example" },
    { pingUrl: "https://hc-ping.example/5d2b0c9e-1111-2222-3333-444455556666" },
    { webhookUrl: "http://127.0.0.1:9000/a?b=c", email: "root@localhost", pingUrl: "http://x" },
  ])("are accepted: %j", (value) => {
    expect(alerts(value)).toEqual([]);
  });

  test.each([
    [{}, "alerts: must be an object with one key at least"],
    ["hunter2", "alerts: must be an object with one key at least"],
    [["hunter2"], "alerts: must be an object with one key at least"],
    [{ slack: "https://hooks.example" }, "alerts.slack: unknown key; known here: webhookUrl, email, pingUrl"],
    [{ webhookUrl: "ftp://hooks.example/hunter2" }, "alerts.webhookUrl: must be an http or https URL"],
    [{ webhookUrl: "https://user:hunter2@hooks.example" }, "alerts.webhookUrl: must be an http or https URL"],
    [{ webhookUrl: 'https://hooks.example/"\nurl=x' }, "alerts.webhookUrl: must be an http or https URL"],
    [{ email: "ops@shop.example\nBcc: x@y" }, "alerts.email: must be one e-mail address"],
    [{ email: "a@b, hunter2@c" }, "alerts.email: must be one e-mail address"],
    [{ email: "-oQ/tmp@b c" }, "alerts.email: must be one e-mail address"],
  ])("are refused without showing them: %j", (value, sentence) => {
    const [problem = "", ...more] = alerts(value);
    expect(problem).toContain(sentence);
    expect(problem).not.toContain("hunter2");
    expect(more).toEqual([]);
  });
});
