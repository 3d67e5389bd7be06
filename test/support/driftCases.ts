import { CHECK, LOG, PROXY, SERVICE, TIMER } from "./seedCommands";

const UNITS = "/etc/systemd/system";
const STATE = "/var/lib/pulumi-systemd-ha/rps";
const UNIT = `${UNITS}/${SERVICE}`;
const DROP_IN = `${UNITS}/${PROXY}.d/restart.conf`;
const HELPER = "/usr/local/lib/pulumi-systemd-ha/1";

/** A tampering with the seed's server, and what a preview makes of it. */
export interface Case {
  readonly tamper: string;
  /** What the preview says. */
  readonly names: readonly (string | RegExp)[];
  /** Files that are sent again. @default none */
  readonly stages?: readonly string[];
  readonly helper?: boolean;
  /** Units which the update may start or restart; the others' processes stay. @default none */
  readonly touches?: readonly string[];
}

const override = (unit: string, text: string): string =>
  `mkdir -p ${UNITS}/${unit}.d && printf '${text}' >${UNITS}/${unit}.d/override.conf && systemctl daemon-reload`;

export const CASES: Readonly<Record<string, Case>> = {
  "content changed": {
    tamper: `sed -i 's/^RestartSec=.*/RestartSec=1h/' ${UNIT} && systemctl daemon-reload`,
    names: [`${UNIT} was changed`, "-RestartSec=1h", "+RestartSec=10"],
    stages: ["rps.service"],
  },
  "content changed, and the process started with it": {
    tamper: `sed -i 's/^\\[Service\\]/[Service]\\nEnvironment=API_TOKEN=hunter2/' ${UNIT} && systemctl daemon-reload && systemctl restart ${SERVICE}`,
    names: [`${UNIT} was changed`, "-Environment=API_TOKEN=[masked]", "rps.service will be restarted"],
    stages: ["rps.service"],
    touches: [SERVICE],
  },
  "edited without daemon-reload": {
    tamper: `sed -i 's/^Restart=.*/Restart=no/' ${DROP_IN}`,
    names: [`${DROP_IN} was changed`, "-Restart=no", "systemd hasn't loaded the files of apache2.service"],
    stages: ["apache2.service.d-restart.conf"],
  },
  "file deleted": {
    tamper: `rm /etc/logrotate.d/rps`,
    names: ["/etc/logrotate.d/rps was removed"],
    stages: ["rps"],
  },
  "unit file deleted, and systemd told": {
    tamper: `rm ${UNITS}/${TIMER} && systemctl daemon-reload`,
    names: [`${UNITS}/${TIMER} was removed`],
    stages: [TIMER],
    touches: [TIMER],
  },
  "replaced by a link": {
    tamper: `mv ${UNITS}/rps-health-check.service /root/moved.service && ln -s /root/moved.service ${UNITS}/rps-health-check.service && systemctl daemon-reload`,
    names: [`${UNITS}/rps-health-check.service was replaced by a link to /root/moved.service`],
    stages: ["rps-health-check.service"],
  },
  "replaced by a directory": {
    tamper: `rm ${CHECK} && mkdir ${CHECK} && touch ${CHECK}/mine`,
    names: [`${CHECK} was replaced by a directory`],
    stages: ["health-check.sh"],
  },
  mode: {
    tamper: `chmod 0666 ${UNIT}`,
    names: [`${UNIT} has mode 0666, not 0644`],
    stages: ["rps.service"],
  },
  owner: {
    tamper: `chown www-data:www-data ${CHECK}`,
    names: [`${CHECK} is owned by www-data:www-data, not root:root`],
    stages: ["health-check.sh"],
  },
  "script not executable": {
    tamper: `chmod 0644 ${CHECK}`,
    names: [`${CHECK} has mode 0644, not 0755`],
    stages: ["health-check.sh"],
  },
  "directory's owner and mode": {
    tamper: "chown www-data /var/www/rps.pan2.app && chmod 0755 /var/www/rps.pan2.app",
    names: [
      "/var/www/rps.pan2.app has mode 0755, not 1775",
      "/var/www/rps.pan2.app is owned by www-data:www-data, not root:www-data",
    ],
  },
  "log file's owner": {
    tamper: `chown www-data ${LOG}`,
    names: [`${LOG} is owned by www-data:root, not root:root`],
  },
  "drop-in directory removed": {
    tamper: `rm -r ${UNITS}/${PROXY}.d && systemctl daemon-reload`,
    names: [`${DROP_IN} was removed`],
    stages: ["apache2.service.d-restart.conf"],
  },
  "unit disabled": {
    tamper: `systemctl disable ${SERVICE}`,
    names: ["rps.service was disabled"],
  },
  "unit masked": {
    tamper: `systemctl mask ${PROXY}`,
    names: ["apache2.service was masked"],
  },
  "our unit masked": {
    tamper: `mv ${UNIT} /root/away && systemctl mask ${SERVICE}`,
    names: [`${UNIT} was replaced by a link to /dev/null`, "rps.service was masked"],
    stages: ["rps.service"],
  },
  "unit stopped": {
    tamper: `systemctl stop ${SERVICE}`,
    names: [/rps\.service was stopped \d+ s ago/],
    touches: [SERVICE],
  },
  "unit failed": {
    tamper: `systemctl kill --kill-whom=all -s SIGSTOP ${TIMER}; mkdir -p /run/systemd/system/${SERVICE}.d; printf '[Service]\\nRestart=no\\n' >/run/systemd/system/${SERVICE}.d/once.conf; systemctl daemon-reload; systemctl kill -s KILL ${SERVICE}; sleep 1; rm -r /run/systemd/system/${SERVICE}.d; systemctl daemon-reload`,
    names: [/rps\.service failed \d+ s ago \(signal 9\)/],
    touches: [SERVICE],
  },
  "start limit hit": {
    tamper: `for i in 1 2 3 4; do systemctl restart ${PROXY}; done; true`,
    names: [/apache2\.service hit its start limit \d+ s ago/],
    touches: [PROXY],
  },
  "systemctl edit of the service": {
    tamper: override(SERVICE, "[Service]\\nRestart=no\\n"),
    names: [`${UNITS}/${SERVICE}.d/override.conf sets Restart=no in [Service]`],
  },
  "systemctl edit of the service, and the process started with it": {
    tamper: `${override(SERVICE, "[Service]\\nWorkingDirectory=/tmp\\nExecStart=\\nExecStart=/usr/bin/gunicorn --bind 127.0.0.1:5137 --chdir /var/www/rps.pan2.app app:app\\n")} && systemctl restart ${SERVICE}`,
    names: ["override.conf sets WorkingDirectory=/tmp in [Service]", "rps.service will be restarted"],
    touches: [SERVICE],
  },
  "systemctl edit of Apache": {
    tamper: override(PROXY, "[Service]\\nRestart=no\\n"),
    names: [`${UNITS}/${PROXY}.d/override.conf sets Restart=no in [Service]`],
  },
  "systemctl edit of the timer": {
    tamper: override(TIMER, "[Timer]\\nOnUnitActiveSec=1d\\n"),
    names: [`${UNITS}/${TIMER}.d/override.conf sets OnUnitActiveSec=1d in [Timer]`],
  },
  "timer stopped": {
    tamper: `systemctl stop ${TIMER}`,
    names: [/rps-health-check\.timer was stopped/],
    touches: [TIMER],
  },
  "settings that systemd lost": {
    tamper: `cp -p ${DROP_IN} /root/kept && rm ${DROP_IN} && systemctl daemon-reload && mv /root/kept ${DROP_IN} && touch -d 2001-01-01 ${UNITS}/${PROXY}.d ${DROP_IN}`,
    names: [/apache2\.service/],
  },
  "manifest deleted": {
    tamper: `rm ${STATE}/manifest`,
    names: [`${STATE}/manifest, the record of what is installed, was removed`],
  },
  "manifest deleted again": {
    tamper: `rm ${STATE}/manifest`,
    names: [`${STATE}/manifest, the record of what is installed, was removed`],
  },
  "manifest corrupted": {
    tamper: `head -c 300 ${STATE}/manifest >/root/half && cat /root/half >${STATE}/manifest`,
    names: [`${STATE}/manifest was altered or is damaged`],
  },
  "state directory deleted": {
    tamper: "rm -r /var/lib/pulumi-systemd-ha",
    names: [`${STATE}/manifest, the record of what is installed, was removed`],
    stages: [
      "apache2.service.d-restart.conf",
      "health-check.sh",
      "rps",
      "rps-health-check.service",
      "rps-health-check.timer",
      "rps-recovery.service",
      "rps.service",
    ],
    helper: true,
  },
  "stored copies deleted": {
    tamper: `rm -r ${STATE}/stage/*`,
    names: ["the copy of /etc/systemd/system/rps.service from which it's repaired is gone"],
    stages: [
      "apache2.service.d-restart.conf",
      "health-check.sh",
      "rps",
      "rps-health-check.service",
      "rps-health-check.timer",
      "rps-recovery.service",
      "rps.service",
    ],
  },
  "helper deleted": {
    tamper: "rm -r /usr/local/lib/pulumi-systemd-ha",
    names: ["the host-side helper was removed, altered or is of another release"],
    helper: true,
  },
  "helper altered": {
    tamper: `echo 'exit 0' >>${HELPER}/lib/units.bash`,
    names: ["the host-side helper was removed, altered or is of another release"],
    helper: true,
  },
  "a stranger among the helper's files": {
    tamper: `echo 'true' >${HELPER}/lib/extra.bash`,
    names: ["the host-side helper was removed, altered or is of another release"],
    helper: true,
  },
  "the same tampering again": {
    tamper: `rm /etc/logrotate.d/rps`,
    names: ["/etc/logrotate.d/rps was removed"],
    stages: ["rps"],
  },
};

/** Those which don't get into each other's way are tried at once, so that a normal run needn't take long; the full one, alone. */
export const AT_ONCE: readonly (readonly string[])[] = [
  [
    "content changed",
    "file deleted",
    "replaced by a link",
    "replaced by a directory",
    "timer stopped",
    "edited without daemon-reload",
  ],
  [
    "mode",
    "owner",
    "directory's owner and mode",
    "log file's owner",
    "drop-in directory removed",
    "unit disabled",
  ],
  ["script not executable", "unit masked", "our unit masked", "unit file deleted, and systemd told"],
  ["content changed, and the process started with it", "systemctl edit of the timer", "start limit hit"],
  ["systemctl edit of Apache", "unit failed"],
  ["unit stopped", "helper deleted"],
  ["systemctl edit of the service", "settings that systemd lost", "helper altered"],
  ["systemctl edit of the service, and the process started with it", "a stranger among the helper's files"],
];
