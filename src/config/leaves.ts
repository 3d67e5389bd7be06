/** What several keys of the configuration have in common. */

/** systemd's manual pages. */
export const MANUAL = "https://www.freedesktop.org/software/systemd/man/latest";

/** A name that is part of unit names and of paths. */
export const NAME = "^[a-z][a-z0-9_-]{0,31}$";
/** An absolute path of plain characters, without `.`, `..`, `//` or a slash at the end. */
export const PATH = "^(/(?!\\.{1,2}(/|$))[A-Za-z0-9._@+-]+)+$";
/** Not a template (`name@.service`), which has no process; not a word that looks like an option. */
export const UNIT = "^(?!-)[A-Za-z0-9:_.@-]+(?<!@)\\.service$";
export const ACCOUNT = "^[a-z_][a-z0-9_-]{0,31}$";
export const HTTP_PATH = "^/[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*$";
export const ADDRESS = "^([A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$";
export const TIME_SPAN =
  "^[0-9]+ ?(ms|s|sec|m|min|h|hr|d|w|seconds?|minutes?|hours?|days?|weeks?)?( [0-9]+ ?(ms|s|sec|m|min|h|hr|d|w|seconds?|minutes?|hours?|days?|weeks?))*$";
// Algorithms that both OpenSSH's defaults and the command plugin accept: it pins key and algorithm together,
// and for an RSA key that would be the SHA-1 signature which OpenSSH has switched off since 8.8.
export const HOST_KEY = "^(ssh-ed25519|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}( .*)?$";

/** Checked before any parser of keys sees it: ssh2's never ends on some public keys. */
export const PRIVATE_KEY = "^\\s*-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*-----END [A-Z ]*PRIVATE KEY-----\\s*$";

export const port = {
  type: "integer",
  minimum: 1,
  maximum: 65535,
  expects: "a whole number from 1 to 65535",
} as const;

export const timeSpan = {
  type: ["integer", "string"],
  minimum: 0,
  pattern: TIME_SPAN,
  expects: "a number of seconds or a systemd time span",
} as const;
