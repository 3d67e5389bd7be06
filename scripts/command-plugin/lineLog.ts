import { StringDecoder } from "node:string_decoder";

/** Cuts a command's output into lines, whatever the pieces in which it arrives, and sends them one by one. */
export class LineLog {
  private readonly decoder = new StringDecoder("utf8");
  private rest = "";
  private sent: Promise<void> = Promise.resolve();

  constructor(private readonly send: (line: string) => Promise<void>) {}

  write(chunk: Buffer): void {
    const lines = (this.rest + this.decoder.write(chunk)).split("\n");
    this.rest = lines.pop() ?? "";
    lines.forEach((line) => {
      this.push(line);
    });
  }

  /** Everything is with the engine when this is done: lines that come after their resource are lost. */
  async finish(): Promise<void> {
    const rest = this.rest + this.decoder.end();
    if (rest !== "") this.push(rest);
    await this.sent;
  }

  private push(line: string): void {
    this.sent = this.sent.then(() => this.send(line.replace(/\r$/, "")));
  }
}
