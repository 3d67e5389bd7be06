import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

import type { DisposableHost } from "./disposableHost";

/** A TCP port of this machine that leads to a host's sshd until it's cut. */
export class CuttableProxy {
  private readonly sockets = new Set<Socket>();
  private left = Number.POSITIVE_INFINITY;

  private constructor(private readonly server: Server) {}

  static async to({ address }: DisposableHost): Promise<CuttableProxy> {
    const server = createServer();
    const proxy = new CuttableProxy(server);
    server.on("connection", (socket: Socket) => {
      proxy.pass(socket, connect(22, address));
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** After so many bytes more, in either direction and over all connections together, every connection is reset. */
  cutAfter(bytes: number): void {
    this.left = bytes;
  }

  /** Lets everything pass again. */
  mend(): void {
    this.left = Number.POSITIVE_INFINITY;
  }

  get isCut(): boolean {
    return this.left <= 0;
  }

  close(): void {
    for (const socket of this.sockets) socket.destroy();
    this.server.close();
  }

  private pass(client: Socket, host: Socket): void {
    for (const [from, to] of [
      [client, host],
      [host, client],
    ] as const) {
      this.sockets.add(from);
      from.on("data", (chunk: Buffer) => {
        this.left -= chunk.length;
        if (this.isCut) for (const socket of this.sockets) socket.resetAndDestroy();
        else to.write(chunk);
      });
      from.on("error", () => undefined);
      from.on("close", () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
    if (this.isCut) client.resetAndDestroy();
  }
}
