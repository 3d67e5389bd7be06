import { Server, ServerCredentials } from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb";
import { Engine } from "./engine";
import { CommandProvider } from "./provider";
import { providerService } from "./service";

/** The engine starts the plugin with its own address, reads a port from stdout, and speaks gRPC to it. */
function main(): void {
  const engine = new Engine(process.argv[2] ?? "");
  const provider = new CommandProvider(engine);
  // A stdin or an output may be large; grpc-js refuses more than 4 MiB by default.
  const server = new Server({ "grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1 });
  server.addService(ResourceProviderService, providerService(engine, provider));
  server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
    if (error) throw error;
    process.stdout.write(`${port}\n`);
  });
  endWithEngine(provider);
}

/** An engine that was killed can't stop its plugins: without a parent, let the commands that run end, and go. */
function endWithEngine(provider: CommandProvider): void {
  const engine = process.ppid;
  setInterval(() => {
    if (process.ppid !== engine && !provider.isRunning) process.exit();
  }, 1000);
}

main();
