import { basename } from "node:path";

import { belongsTo } from "../../../src/drift/preflight";
import { endProcess, processText } from "./evidence";
import type { Database, Holder } from "./facts";
import { type Look, unitsOf } from "./look";
import { asUser, failed, type Layer, layer, onHost, type Problem, warning, word } from "./verdict";

/**
 * SQLite databases below the service's directory: who has them locked. "Locked" is said only with evidence. Pure.
 *
 * @returns nothing where there is no such database
 */
export function databaseLayer(look: Look): Layer | undefined {
  const { databases } = look.facts;
  if (databases.length === 0) return undefined;
  const problems = databases.flatMap((database) => [
    ...unwritable(database, look),
    ...locked(database, look),
  ]);
  return layer("database", databases.map((database) => seenOf(database)).join("; "), [
    ...problems,
    ...(problems.length === 0 ? complaints(look) : []),
  ]);
}

function seenOf({ path, walBytes, holders }: Database): string {
  const open =
    holders.length === 0
      ? "not open just now"
      : `open in ${[...new Set(holders.map(({ name }) => name))].join(", ")}`;
  return `${basename(path)} is ${open}${walBytes === undefined ? "" : `, with ${Math.ceil(walBytes / 1024)} KiB in its -wal`}`;
}

function unwritable({ path, isWritable, owner }: Database, { config: { service } }: Look): Problem[] {
  if (isWritable) return [];
  const { user, group = user } = service;
  const isOwn = owner.startsWith(`${user}:`);
  // Only its owner may change a mode; and -h follows no link that the user put there.
  const mend = isOwn
    ? asUser(service, "chmod", "u+rw", path)
    : onHost(`chown -h ${user}:${group} ${word(path)}`);
  return [
    warning(`${user} can't write ${path} (${owner})`, mend),
    ...(isOwn
      ? [
          warning(
            "if that changes nothing, look at what it lies in",
            onHost(`namei -l ${word(path)}; findmnt -T ${word(path)}`),
          ),
        ]
      : []),
  ];
}

function locked(database: Database, look: Look): Problem[] {
  const { service } = unitsOf(look);
  const holders = database.holders.filter(
    ({ isLocking, cgroup }) => isLocking && !belongsTo(cgroup, service),
  );
  return holders.flatMap((holder) => [
    failed(
      `${database.path} is locked by ${holderText(holder)}, which isn't of ${service}: end it, and the service writes again`,
      endProcess({ process: holder.name, ...holder }),
    ),
    explained(database, "failed"),
  ]);
}

const holderText = (holder: Holder): string =>
  `${processText({ process: holder.name, ...holder })} as ${holder.user || "an unknown user"}`;

/** What the seed advised, and why not. */
function explained({ path, holders }: Database, status: Problem["status"]): Problem {
  const who = holders.length === 0 ? "" : `, now ${holders.map((holder) => holderText(holder)).join(", ")}`;
  return {
    status,
    cause: `never delete ${basename(path)}-wal or -shm: the -wal holds committed data that isn't in ${basename(path)} yet. To empty it, end those who have it open${who}, then:`,
    mend: onHost(`sqlite3 ${word(path)} 'PRAGMA wal_checkpoint'`),
  };
}

/** Nobody has it locked now, but the service ran into it. */
function complaints(look: Look): Problem[] {
  const { lockedWords, databases } = look.facts;
  const { service } = unitsOf(look);
  if (lockedWords === 0) return [];
  const [database] = databases;
  return [
    warning(
      `${service} said "database is locked" ${lockedWords} times within the last hour; nobody else has it locked now. If it says so again, a restart ends what its own processes hold`,
      onHost(`systemctl restart ${service}`),
    ),
    ...(database === undefined ? [] : [explained(database, "warning")]),
  ];
}
