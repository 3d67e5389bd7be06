import { PROXY, SERVICE } from "./seedCommands";

export const TUNNEL = "cloudflared.service";
export const STARTED = "=== Starting Health Check ===";
export const PASSED = "SUCCESS: All checks passed";
const APP_URL = "http://127.0.0.1:5137/";
const PROXY_URL = "http://127.0.0.1:8087/";
const SITE = "https://rps.pan2.app";
const DROP_IN = `/run/systemd/system/${SERVICE}.d`;

export const stopped = (unit: string) => `ERROR: ${unit} is not running`;
const noAnswer = (url: string, reason: RegExp) =>
  new RegExp(`^ERROR: ${url} does not answer as expected: .*${reason.source}`);
const still = (url: string) => new RegExp(`^ERROR: ${url} still does not answer as expected: `);
const attempt = (unit: string) => `Attempting to restart ${unit}...`;
export const restarted = (unit: string) => [attempt(unit), `SUCCESS: ${unit} restarted successfully`];
const unreachable = (rest: RegExp) => new RegExp(`^ERROR: ${SITE} is not reachable: .*${rest.source}`);

/** A fault on the seed's server with a tunnel, and what a run of the health check makes of it. */
export interface Case {
  readonly name: string;
  /** Commands on the host; the second ones take the fault away, if the repair doesn't. */
  readonly make: string;
  readonly undo?: string;
  /** What the check says between its first and, if it repairs all, its last line. */
  readonly says: readonly (string | RegExp)[];
  readonly restarts?: readonly string[];
  /** Nothing is left to do. */
  readonly isWell: boolean;
}

const gunicorns = (signal: string, which: "workers" | "all") =>
  which === "all"
    ? `systemctl kill --signal=${signal} ${SERVICE}`
    : `pkill -${signal} -P $(systemctl show -P MainPID ${SERVICE})`;

export const CASES: readonly Case[] = [
  { name: "nothing", make: "true", says: [], isWell: true },
  {
    name: "the application is stopped",
    make: `systemctl stop ${SERVICE}`,
    says: [stopped(SERVICE), ...restarted(SERVICE)],
    restarts: [SERVICE],
    isWell: true,
  },
  {
    name: "the application crashes, and systemd is about to start it again",
    make: `systemctl kill --signal=KILL ${SERVICE}; sleep 0.3`,
    says: [],
    restarts: [SERVICE],
    isWell: true,
  },
  {
    name: "the application has failed for good",
    make: `mkdir -p ${DROP_IN}; printf '[Service]\\nRestart=no\\n' >${DROP_IN}/no.conf; systemctl daemon-reload; systemctl kill --signal=KILL ${SERVICE}; sleep 0.5; systemctl is-failed ${SERVICE}`,
    undo: `rm -r ${DROP_IN}; systemctl daemon-reload`,
    says: [stopped(SERVICE), ...restarted(SERVICE)],
    restarts: [SERVICE],
    isWell: true,
  },
  {
    name: "the application hangs while its unit is active",
    make: gunicorns("STOP", "all"),
    says: [noAnswer(APP_URL, /\(28\)/), ...restarted(SERVICE)],
    restarts: [SERVICE],
    isWell: true,
  },
  {
    name: "the application accepts connections and sends nothing: its worker hangs",
    make: gunicorns("STOP", "workers"),
    says: [noAnswer(APP_URL, /\(28\)/), ...restarted(SERVICE)],
    restarts: [SERVICE],
    isWell: true,
  },
  {
    name: "the application answers with an error, which a restart doesn't end",
    make: "chmod 0 /var/www/rps.pan2.app/rps.db*",
    undo: "chmod 0644 /var/www/rps.pan2.app/rps.db*",
    says: [noAnswer(APP_URL, /HTTP status 500 instead of 200/), attempt(SERVICE), still(APP_URL)],
    restarts: [SERVICE],
    isWell: false,
  },
  {
    name: "the application can't be started",
    make: `systemctl stop ${SERVICE}; mount --bind /dev/null /usr/bin/gunicorn`,
    undo: "umount /usr/bin/gunicorn",
    says: [stopped(SERVICE), attempt(SERVICE), /^ERROR: rps\.service could not be restarted: /],
    restarts: [SERVICE],
    isWell: false,
  },
  {
    name: "somebody else has the application's port",
    make: `systemctl stop ${SERVICE}; systemd-run --quiet --collect --unit=squatter nc -lk 127.0.0.1 5137; sleep 0.3`,
    undo: "systemctl stop squatter",
    says: [stopped(SERVICE), attempt(SERVICE), /^ERROR: rps\.service could not be restarted: /],
    restarts: [SERVICE],
    isWell: false,
  },
  {
    name: "Apache is stopped",
    make: `systemctl stop ${PROXY}`,
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "Apache hangs while its unit is active",
    make: `systemctl kill --signal=STOP ${PROXY}`,
    says: [noAnswer(PROXY_URL, /\(28\)/), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "Apache is in its start limit, which a plain restart can't end",
    make: `systemctl stop ${PROXY}; for i in 1 2 3 4 5; do systemctl start ${PROXY} && systemctl stop ${PROXY}; done; ! systemctl start ${PROXY}`,
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "Apache can't be started: its configuration is broken",
    make: `echo Nonsense >/etc/apache2/conf-enabled/broken.conf; systemctl stop ${PROXY}`,
    undo: "rm /etc/apache2/conf-enabled/broken.conf",
    says: [stopped(PROXY), attempt(PROXY), /^ERROR: apache2\.service could not be restarted: /],
    restarts: [PROXY],
    isWell: false,
  },
  {
    name: "Apache answers with an error: a module is gone",
    make: `a2dismod -q -f proxy_http; systemctl restart ${PROXY}`,
    undo: `a2enmod -q proxy_http; systemctl restart ${PROXY}`,
    says: [noAnswer(PROXY_URL, /HTTP status 500 instead of 200/), attempt(PROXY), still(PROXY_URL)],
    restarts: [PROXY],
    isWell: false,
  },
  {
    name: "both are stopped",
    make: `systemctl stop ${SERVICE} ${PROXY}`,
    says: [stopped(SERVICE), ...restarted(SERVICE), stopped(PROXY), ...restarted(PROXY)],
    restarts: [SERVICE, PROXY],
    isWell: true,
  },
  {
    name: "both hang",
    make: `systemctl kill --signal=STOP ${SERVICE} ${PROXY}`,
    says: [
      noAnswer(APP_URL, /\(28\)/),
      ...restarted(SERVICE),
      noAnswer(PROXY_URL, /\(28\)/),
      ...restarted(PROXY),
    ],
    restarts: [SERVICE, PROXY],
    isWell: true,
  },
  {
    name: "the application can't be started, and Apache is stopped",
    make: `systemctl stop ${SERVICE} ${PROXY}; mount --bind /dev/null /usr/bin/gunicorn`,
    undo: "umount /usr/bin/gunicorn",
    says: [
      stopped(SERVICE),
      attempt(SERVICE),
      /^ERROR: rps\.service could not be restarted: /,
      stopped(PROXY),
      ...restarted(PROXY),
    ],
    restarts: [SERVICE, PROXY],
    isWell: false,
  },
  {
    name: "the tunnel is stopped",
    make: `systemctl stop ${TUNNEL}`,
    says: [stopped(TUNNEL), ...restarted(TUNNEL)],
    restarts: [TUNNEL],
    isWell: true,
  },
  {
    name: "the tunnel can't be started",
    make: `systemctl stop ${TUNNEL}; mount --bind /dev/null /usr/local/bin/cloudflared`,
    undo: "umount /usr/local/bin/cloudflared",
    says: [stopped(TUNNEL), attempt(TUNNEL), /^ERROR: cloudflared\.service could not be restarted: /],
    restarts: [TUNNEL],
    isWell: false,
  },
  {
    name: "the site answers with an error",
    make: "echo 503 >/run/edge-mode",
    says: [unreachable(/HTTP status 503 instead of 200$/)],
    isWell: false,
  },
  {
    name: "the edge has no way to this host: the tunnel is at fault",
    make: "echo 530 >/run/edge-mode",
    says: [
      unreachable(/HTTP status 530 instead of 200; at fault: the tunnel, or the edge's way to this host$/),
    ],
    isWell: false,
  },
  {
    name: "the site's certificate has expired",
    make: "echo expired >/run/edge-mode",
    says: [unreachable(/certificate has expired; at fault: the certificate$/)],
    isWell: false,
  },
  {
    name: "the site's certificate is another's",
    make: "echo other >/run/edge-mode",
    says: [unreachable(/certificate subject name .*match.*; at fault: the certificate$/)],
    isWell: false,
  },
  {
    name: "the site doesn't answer in time",
    make: "echo hang >/run/edge-mode",
    says: [unreachable(/\(28\).*; at fault: the connection$/)],
    isWell: false,
  },
  {
    name: "nothing listens where the site should be",
    make: "systemctl stop edge.service",
    undo: "systemctl start edge.service",
    says: [unreachable(/\(7\).*; at fault: the connection$/)],
    isWell: false,
  },
  {
    name: "nothing listens there, and this host has no way beyond its own net",
    make: "systemctl stop edge.service; ip route del default",
    undo: "systemctl start edge.service; ip route replace default dev host0",
    says: [unreachable(/\(7\).*; at fault: the connection$/)],
    isWell: false,
  },
  {
    name: "the site's address can't be reached: this host has no network",
    make: `sed -i.was 's/.* rps.pan2.app/198.51.100.1 rps.pan2.app/' /etc/hosts; ip route del default`,
    undo: "mv /etc/hosts.was /etc/hosts; ip route replace default dev host0",
    says: [unreachable(/\(7\).*; at fault: this host's network: it has no default route$/)],
    isWell: false,
  },
  {
    name: "the site's name isn't known",
    make: "sed -i.was s/rps.pan2.app/other.example/ /etc/hosts",
    undo: "mv /etc/hosts.was /etc/hosts",
    says: [unreachable(/\(6\).*; at fault: name resolution$/)],
    isWell: false,
  },
  {
    name: "the site's name isn't known: this host has no network",
    make: "sed -i.was s/rps.pan2.app/other.example/ /etc/hosts; ip route del default",
    undo: "mv /etc/hosts.was /etc/hosts; ip route replace default dev host0",
    says: [unreachable(/\(6\).*; at fault: this host's network: it has no default route$/)],
    isWell: false,
  },
  {
    name: "curl is missing",
    make: "mv /usr/bin/curl /usr/bin/curl.was",
    undo: "mv /usr/bin/curl.was /usr/bin/curl",
    says: [/^ERROR: http:\/\/127\.0\.0\.1:5137\/ can't be asked, so nothing is restarted for it: .*curl/],
    isWell: false,
  },
  {
    name: "the host is off the network, and the application stopped",
    make: `ip link set host0 down; systemctl stop ${SERVICE}`,
    undo: "ip link set host0 up; ip route replace default dev host0",
    says: [stopped(SERVICE), ...restarted(SERVICE)],
    restarts: [SERVICE],
    isWell: true,
  },
];
