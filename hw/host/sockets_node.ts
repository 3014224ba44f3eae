import { connect, createServer, type Server, type Socket } from "node:net";
import {
  type HostAddress,
  type HostListener,
  HostSocketFailure,
  type HostStream,
  type HostTcp,
  type UnixListener,
} from "@runtime/core/ports.ts";
import { socketErrorOf } from "./socket_error.ts";
import { CarriedStream, CarriedTcp, type Carrier, hostAddress } from "./stream.ts";

/*
 * Stream sockets over `node:net`, which alone can send a RST. For Deno 2.9 and later: in 2.4 its
 * half-close loses bytes (`sockets_deno.ts` serves there).
 */

/** Connections that the host keeps for us before we accept them. */
const BACKLOG_COUNT = 512;

export async function listenTcpNode(
  at: HostAddress,
  accept: (connection: HostTcp) => void,
): Promise<HostListener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const { remoteAddress, remotePort } = socket;
    // A peer that left before it was accepted has no address and nothing to say.
    if (remoteAddress === undefined) socket.on("error", () => {}).destroy();
    else accept(tcpOver(socket, hostAddress(remoteAddress, remotePort), true));
  });
  await listening(server, { host: at.host, port: at.port, backlog: BACKLOG_COUNT }, at);
  const bound = server.address();
  const local = bound === null || typeof bound === "string"
    ? at
    : hostAddress(bound.address, bound.port);
  return { local, close: () => closed(server) };
}

export function connectTcpNode(to: HostAddress): HostTcp {
  const { host, port } = to;
  const socket = connect({
    host,
    port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: false,
  });
  return tcpOver(socket, to, false);
}

export async function listenUnixNode(
  path: string,
  accept: (stream: HostStream) => void,
): Promise<UnixListener> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    accept(new CarriedStream(unixCarrier(socket), true));
  });
  await listening(server, { path, backlog: BACKLOG_COUNT }, { host: path, port: 0 });
  return { close: () => closed(server) };
}

export function connectUnixNode(path: string): HostStream {
  try {
    return new CarriedStream(unixCarrier(connect({ path, allowHalfOpen: true })), false);
  } catch (error) {
    // A permission is asked for at once, and its absence thrown.
    throw new HostSocketFailure(socketErrorOf(error), { host: path, port: 0 }, { cause: error });
  }
}

function tcpOver(socket: Socket, remote: HostAddress, opened: boolean): HostTcp {
  const local = () => hostAddress(socket.localAddress, socket.localPort);
  return new CarriedTcp(tcpCarrier(socket), opened, remote, local);
}

/** Node sends a RST over TCP alone, and throws for a Unix socket, which has none. */
function unixCarrier(socket: Socket): Carrier {
  return carrierOver(socket, () => void socket.destroy());
}

function tcpCarrier(socket: Socket): Carrier {
  return carrierOver(socket, () => {
    if (socket.connecting) socket.destroy();
    else socket.resetAndDestroy();
  });
}

function carrierOver(socket: Socket, reset: () => void): Carrier {
  let written = () => {};
  return {
    start(events) {
      written = events.written;
      if (socket.connecting) socket.once("connect", events.opened);
      socket.on("data", events.data);
      socket.once("end", events.ended);
      socket.on("error", (error: unknown) => events.failed(socketErrorOf(error)));
      socket.once("close", events.closed);
    },
    write: (bytes) => void socket.write(bytes, () => written()),
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    end: () => void socket.end(),
    reset,
  };
}

interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly backlog: number;
}

function listening(server: Server, options: ListenOptions, at: HostAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(new HostSocketFailure(socketErrorOf(error), at, { cause: error }));
    server.once("error", fail);
    try {
      server.listen(options, () => {
        server.off("error", fail);
        // No descriptor is left for a connection that came: it waits in the backlog.
        server.on("error", () => {});
        resolve();
      });
    } catch (error) {
      fail(error); // a permission is asked for at once, and its absence thrown
    }
  });
}

function closed(server: Server): Promise<void> {
  // Node reports `closed` after the last connection only; the port is free at once.
  server.close();
  return new Promise((resolve) => setTimeout(resolve, 0));
}
