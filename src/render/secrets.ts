import type { ServiceSecrets } from "../config/types";

/** All that mustn't be shown, wherever it turns up. Pure. */
export const secretTexts = ({ environment = {}, alerts = {} }: ServiceSecrets): readonly string[] => [
  ...Object.values(environment),
  ...Object.values(alerts),
];

/** Which of them there are is no secret. */
export const presenceOf = ({ environment, alerts }: Readonly<Record<keyof ServiceSecrets, unknown>>) => ({
  hasSecretEnvironment: environment !== undefined,
  hasAlerts: alerts !== undefined,
});
