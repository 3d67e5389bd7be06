/** Whether the long loops run too: `scripts/test --full`. */
export const FULL = process.env["PULUMI_SYSTEMD_HA_FULL"] !== undefined;
/** So often in the long loops, else once. */
export const times = <T>(count: number, value: T): T[] => Array<T>(FULL ? count : 1).fill(value);
