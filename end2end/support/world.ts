// The world around the server: endpoints that answer, slowly if asked to, endpoints that are dead, and a wire
// that can be cut.

import { once } from "node:events";
import http from "node:http";
import net from "node:net";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";

const LOOPBACK = "127.0.0.1";

/** An endpoint that answers `200 ok`; `/slow/<ms>` answers after that time. */
export class Endpoint {
  private constructor(
    private readonly server: http.Server,
    readonly url: string,
  ) {}

  static async start(): Promise<Endpoint> {
    const server = http.createServer((request, response) => {
      const ms = Number(/^\/slow\/(\d+)/.exec(request.url ?? "")?.[1] ?? 0);
      setTimeout(() => response.end("ok"), ms);
    });
    return new Endpoint(server, `http://${LOOPBACK}:${await listen(server)}`);
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}

/** An address at which nothing listens. */
export async function deadAddress(): Promise<string> {
  const server = net.createServer();
  const port = await listen(server);
  server.close();
  await once(server, "close");
  return `http://${LOOPBACK}:${port}/`;
}

/** A proxy between the browser and everything else. Cut, it drops what is open and refuses what is new. */
export class Wire {
  private readonly open = new Set<Duplex>();
  private isCut = false;

  private constructor(
    private readonly server: http.Server,
    readonly address: string,
  ) {}

  static async start(): Promise<Wire> {
    const server = http.createServer();
    const wire = new Wire(server, `http://${LOOPBACK}:${await listen(server)}`);
    server.on("connection", (socket) => wire.keep(socket));
    server.on("request", (request, response) => wire.forward(request, response));
    server.on("connect", (request, socket) => wire.tunnel(request, socket));
    return wire;
  }

  cut(): void {
    this.isCut = true;
    for (const socket of this.open) socket.destroy();
  }

  mend(): void {
    this.isCut = false;
  }

  stop(): void {
    this.cut();
    this.server.close();
  }

  private keep(socket: Duplex): void {
    if (this.isCut) {
      socket.destroy();
      return;
    }
    this.open.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.open.delete(socket));
  }

  private forward(request: http.IncomingMessage, response: http.ServerResponse): void {
    const { method, headers } = request;
    const onward = http.request(request.url!, { method, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    onward.on("socket", (socket) => this.keep(socket));
    onward.on("error", () => response.destroy());
    request.pipe(onward);
  }

  /** Browsers send WebSockets through a proxy this way. */
  private tunnel(request: http.IncomingMessage, near: Duplex): void {
    const { hostname, port } = new URL(`http://${request.url}`);
    const far = net.connect(Number(port), hostname, () => {
      near.write("HTTP/1.1 200 Connection established\r\n\r\n");
      near.pipe(far).pipe(near);
    });
    this.keep(far);
    far.on("close", () => near.destroy());
    near.on("close", () => far.destroy());
  }
}

async function listen(server: net.Server): Promise<number> {
  server.listen(0, LOOPBACK);
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}
