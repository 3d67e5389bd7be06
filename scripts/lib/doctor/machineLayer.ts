import { groundProblems } from "../../../src/drift/preflight";
import { duration } from "../report/words";
import type { Disk } from "./facts";
import type { Look } from "./look";
import { failed, type Layer, layer, onHost, type Problem, warning, word } from "./verdict";

/** Shares of a disk, in percent: full but for it is full for most programs; and soon full. */
const FULL_PERCENT = 1;
const SOON_FULL_PERCENT = 5;
const LITTLE_MEMORY_PERCENT = 3;
/** More than an answer's way can be wrong by, in seconds. */
const CLOCK_SEC = 5;

/** Disks, inodes, memory, clock, and what the service needs of the system. Pure. */
export function machineLayer(look: Look): Layer {
  const { facts, inspection } = look;
  return layer("host", "disks, inodes, memory and clock are well", [
    ...groundProblems(inspection.desired.requirements, inspection.observed).map((sentence) =>
      failed(sentence),
    ),
    ...facts.disks.flatMap(diskProblems),
    ...memoryProblems(look),
    ...clockProblems(look),
  ]);
}

function diskProblems({ target, sizeKib, freeKib, inodes, freeInodes }: Disk): Problem[] {
  const space = percent(freeKib, sizeKib);
  const nodes = percent(freeInodes, inodes);
  const largest = onHost(`du -xh ${word(target)} 2>/dev/null | sort -h | tail -n 20`);
  const most = onHost(`du -x --inodes ${word(target)} 2>/dev/null | sort -n | tail -n 20`);
  return [
    ...(space < FULL_PERCENT
      ? [failed(`${target} is full: ${sizeText(freeKib)} of ${sizeText(sizeKib)} left`, largest)]
      : space < SOON_FULL_PERCENT
        ? [warning(`${target} is nearly full: ${sizeText(freeKib)} of ${sizeText(sizeKib)} left`, largest)]
        : []),
    ...(nodes < FULL_PERCENT
      ? [failed(`${target} has no inodes left (${freeInodes} of ${inodes}): too many files`, most)]
      : nodes < SOON_FULL_PERCENT
        ? [warning(`${target} has few inodes left: ${freeInodes} of ${inodes}`, most)]
        : []),
  ];
}

/** Of what has no size, nothing can be used up. */
const percent = (part: number, whole: number): number => (whole === 0 ? 100 : (100 * part) / whole);

const sizeText = (kib: number): string =>
  kib < 1024
    ? `${kib} KiB`
    : kib < 1024 ** 2
      ? `${Math.floor(kib / 1024)} MiB`
      : `${Math.floor(kib / 1024 ** 2)} GiB`;

function memoryProblems({ facts: { memory } }: Look): Problem[] {
  if (percent(memory.availableKib, memory.totalKib) >= LITTLE_MEMORY_PERCENT) return [];
  const cause = `${sizeText(memory.availableKib)} of ${sizeText(memory.totalKib)} of memory are left: the kernel may end processes`;
  return [warning(cause, onHost("ps -eo pid,rss,comm --sort=-rss | head"))];
}

function clockProblems({ facts, clock: { offsetSec, errorSec } }: Look): Problem[] {
  const sure = Math.abs(offsetSec) - errorSec;
  const synchronise = onHost("timedatectl set-ntp true");
  if (sure > CLOCK_SEC) {
    const way = offsetSec > 0 ? "ahead of" : "behind";
    const cause = `the host's clock is ${duration(Math.abs(offsetSec) * 1000)} ${way} this machine's: certificates, logs and timers depend on it`;
    return [warning(cause, synchronise)];
  }
  return facts.isSynchronised === "no" && facts.container === ""
    ? [warning("the host's clock isn't synchronised: it's right now, and drifts", synchronise)]
    : [];
}
