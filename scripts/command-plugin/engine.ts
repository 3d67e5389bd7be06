import { promisify } from "node:util";
import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";

/** The engine's log. Lines of one resource are shown in its row while it runs, messages stay. */
export class Engine {
  private client: EngineClient | undefined;

  constructor(private address: string) {}

  /** An engine that found the plugin running already (a debugger's work) tells its address afterwards. */
  attach(address: string): void {
    this.address = address;
    this.client = undefined;
  }

  line(urn: string, line: string): Promise<void> {
    return this.log(urn, line, LogSeverity.INFO, true);
  }

  warning(urn: string, message: string): Promise<void> {
    return this.log(urn, message, LogSeverity.WARNING, false);
  }

  error(urn: string, message: string): Promise<void> {
    return this.log(urn, message, LogSeverity.ERROR, false);
  }

  private async log(urn: string, message: string, severity: LogSeverity, isPassing: boolean): Promise<void> {
    const client = (this.client ??= new EngineClient(this.address, credentials.createInsecure()));
    const request = new LogRequest()
      .setUrn(urn)
      .setMessage(message)
      .setSeverity(severity)
      .setEphemeral(isPassing);
    // A lost log line must not fail the command that printed it.
    await promisify(
      client.log.bind(client) as (request: LogRequest, done: (error: Error | null) => void) => void,
    )(request).catch(() => undefined);
  }
}
