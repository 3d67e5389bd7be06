import type { DesiredHost, RenderedFile } from "../model/types";
import type { ObservedHost } from "./observedHost";

/** Something on the host that isn't as it was installed. */
export interface Finding {
  /** Which step is concerned: its resource shows the finding. */
  readonly step: FindingStep;
  /** What is so, in words. */
  readonly sentence: string;
  /** Unified, from what is on the host to what an update writes; without secrets. */
  readonly diff?: string;
  /** Whether an update puts it right. @default true */
  readonly isMendable?: boolean;
  /** What an update does about it. @default "mends it" */
  readonly mending?: string;
}

export type FindingStep =
  | { readonly kind: "helper" | "install" }
  | { readonly kind: "stage"; readonly path: string }
  | { readonly kind: "enable"; readonly unit: string };

export interface Comparison {
  readonly desired: DesiredHost;
  /** Of the configuration. */
  readonly revision: string;
  /** With their texts. */
  readonly files: readonly RenderedFile[];
  readonly observed: ObservedHost;
  /** Of the helper that this library brings, see helperListing. */
  readonly helperListing: string;
  /** What must not be shown wherever it appears. */
  readonly secrets: readonly string[];
}
