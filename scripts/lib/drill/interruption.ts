/** Ctrl-C, or a service manager that wants the end: the first one is an orderly end, the second one an immediate one. */
export class Interruption {
  private readonly controller = new AbortController();
  private first = 0;
  private readonly listener = () => {
    if (!this.controller.signal.aborted) {
      console.error("interrupted: the host is set right first");
      this.first = performance.now();
      this.controller.abort();
      return;
    }
    if (performance.now() - this.first < ECHO_MS) return;
    console.error(this.byHand);
    process.exit(this.exitCode);
  };

  /**
   * @param byHand what is left to do after an immediate end
   * @param exitCode of an immediate end
   */
  constructor(
    private readonly byHand: string,
    private readonly exitCode: number,
  ) {
    for (const name of SIGNALS) process.on(name, this.listener);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  end(): void {
    for (const name of SIGNALS) process.off(name, this.listener);
  }
}

/** One Ctrl-C arrives twice: the terminal's own, and what tsx passes on of it. */
const ECHO_MS = 1000;

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
