import { setTimeout as sleep } from "node:timers/promises";

import { ANSWERS, isOver, type Outage, outageSince, type Sample } from "./outage";

/** A request every so often, in seconds: the grain of everything that is measured. */
const EVERY_SEC = 0.25;

/** One request; says what was seen of it, and never throws. */
export type Look = (limitSec: number) => Promise<string>;

/** The operator's clock in seconds; it isn't set meanwhile. */
export const now = (): number => (performance.timeOrigin + performance.now()) / 1000;

/** Asks as users do, one request after the other, until it's told to stop. */
export class Observer {
  private samples: Sample[] = [];
  private isStopped = false;
  private readonly loop: Promise<void>;

  /** @param limitSec when a request counts as failed that got no answer: the health check's time limit */
  constructor(
    private readonly look: Look,
    private readonly limitSec: number,
  ) {
    this.loop = this.observe();
  }

  /** What the last request saw; nothing before the first. */
  get last(): string | undefined {
    return this.samples.at(-1)?.seen;
  }

  /**
   * Waits for the outage that a failure brings, and for its end.
   *
   * @param since when the failure was made
   * @param limitSec how long to wait for the end
   * @returns nothing if no request failed; an outage without end if the limit came first
   */
  async outage(since: number, limitSec: number, signal: AbortSignal): Promise<Outage | undefined> {
    // A failure is seen at the latest when a request has waited in vain.
    const patience = since + this.limitSec + 5;
    for (;;) {
      const outage = outageSince(since, this.samples);
      if (outage === undefined ? now() > patience : isOver(outage, this.samples)) return outage;
      if (now() > since + limitSec) return outage;
      await sleep(EVERY_SEC * 1000, undefined, { signal });
    }
  }

  /** Forgets what is over; the next outage begins with an empty sheet. */
  forget(): void {
    this.samples = this.samples.slice(-1);
  }

  /** Waits until it answers. */
  async answers(limitSec: number): Promise<boolean> {
    const end = now() + limitSec;
    while (this.last !== ANSWERS && now() < end) await sleep(EVERY_SEC * 1000);
    return this.last === ANSWERS;
  }

  async stop(): Promise<void> {
    this.isStopped = true;
    await this.loop;
  }

  private async observe(): Promise<void> {
    while (!this.isStopped) {
      const from = now();
      const seen = await this.look(this.limitSec);
      this.samples.push({ from, to: now(), seen });
      await sleep(Math.max(0, from + EVERY_SEC - now()) * 1000);
    }
  }
}
