import { type Case, restarted, stopped, TUNNEL } from "./healthFaults";
import { LOGS, PROXY } from "./seedCommands";

/** Faults of the places where the health check itself writes. */
export const DISK_CASES: readonly Case[] = [
  {
    name: "the disk of the log is full, and Apache stopped",
    make: `mount -t tmpfs -o size=4k tmpfs ${LOGS}; head -c 4096 /dev/zero >${LOGS}/full; systemctl stop ${PROXY}`,
    undo: `umount ${LOGS}`,
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "the disk of its own notes is full, and Apache stopped",
    make: `mount -t tmpfs -o size=4k tmpfs /var/lib/pulumi-systemd-ha/rps; head -c 4096 /dev/zero >/var/lib/pulumi-systemd-ha/rps/full; systemctl stop ${PROXY}`,
    undo: "umount /var/lib/pulumi-systemd-ha/rps",
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "the log's directory is gone, and Apache stopped",
    make: `mv ${LOGS} ${LOGS}.away; systemctl stop ${PROXY}`,
    undo: `rm -r ${LOGS}; mv ${LOGS}.away ${LOGS}`,
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "/run is full, and nothing else wrong",
    make: `df --output=used,iused /run | tail -n 1 >/var/tmp/run; read -r used inodes </var/tmp/run; mount -o remount,size=\${used}k,nr_inodes=$inodes /run`,
    undo: "mount -o remount,size=50%,nr_inodes=100k /run",
    says: [],
    isWell: true,
  },
  {
    name: "a pipe is in the log's place, and Apache stopped",
    make: `rm ${LOGS}/health-check.log; mkfifo ${LOGS}/health-check.log; systemctl stop ${PROXY}`,
    undo: `rm ${LOGS}/health-check.log`,
    says: [stopped(PROXY), ...restarted(PROXY)],
    restarts: [PROXY],
    isWell: true,
  },
  {
    name: "the log is gone, and the tunnel stopped",
    make: `rm ${LOGS}/health-check.log; systemctl stop ${TUNNEL}`,
    says: [stopped(TUNNEL), ...restarted(TUNNEL)],
    restarts: [TUNNEL],
    isWell: true,
  },
];
