import type { DesiredHost } from "../model/types";
import type { Finding } from "./finding";
import type { MaintenanceHold, ObservedHost } from "./observedHost";
import { printable } from "./textDiff";

/** Whether the service is kept stopped on this host, by whomever, as the record or the markers say. Pure. */
export const isInMaintenance = ({ maintenance, manifest }: ObservedHost): boolean =>
  maintenance.length > 0 || (manifest !== "corrupt" && manifest?.maintenance === true);

/** Whether it will be after an update. Pure. */
export const willBeInMaintenance = (desired: DesiredHost, { maintenance }: ObservedHost): boolean =>
  desired.maintenance || maintenance.some(({ owner }) => owner === "operator");

/** The configuration's marker isn't as the record says. An operator's may come and go. Pure. */
export function maintenanceFindings({ manifest, maintenance }: ObservedHost): Finding[] {
  if (manifest === undefined || manifest === "corrupt") return [];
  const isHeld = maintenance.some(({ owner }) => owner === "config");
  if (isHeld === (manifest.maintenance ?? false)) return [];
  const sentence = isHeld
    ? "a marker keeps the service in maintenance in the configuration's name, which doesn't say so"
    : "the marker by which the configuration keeps the service in maintenance was removed";
  return [{ step: { kind: "install" }, sentence }];
}

/** What is so, and what an update makes of it, a sentence each. Pure. */
export function maintenanceNotices(desired: DesiredHost, observed: ObservedHost): string[] {
  const { service } = desired;
  const { maintenance: held } = observed;
  const is = held.length === 0 ? [] : [`${service} is in maintenance ${held.map(inWords).join(" and ")}`];
  const [now, then] = [held.length > 0, willBeInMaintenance(desired, observed)];
  if (now === then) return is;
  return [
    ...is,
    then
      ? `${service} goes into maintenance: its service is stopped, and nothing starts it`
      : `maintenance of ${service} ends: what is stopped is started, and must become healthy`,
  ];
}

const inWords = ({ owner, since, by, reason }: MaintenanceHold): string =>
  printable(`since ${since || "an unknown time"} (${owner}: ${reason || by || "somebody"})`);
