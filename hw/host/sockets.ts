import { type AddressInfo, createServer, isIP, type Server, type Socket } from "node:net";
import { connect } from "node:net";
import { createSocket, type Socket as DatagramSocket } from "node:dgram";
import { lookup } from "node:dns/promises";
import {
  type HostAddress,
  type HostListener,
  HostSocketFailure,
  type HostSockets,
  type HostStream,
  type HostTcp,
  type HostUdp,
  type UnixSockets,
} from "@runtime/core/ports.ts";
import { socketErrorOf } from "./socket_error.ts";
import { plainHost, streamOver, tcpOver } from "./stream.ts";

/** Connections that the host keeps for us before we accept them. */
const BACKLOG_COUNT = 512;

/** The host's TCP and UDP. */
export function hostSockets(): HostSockets {
  return { listenTcp, connectTcp, bindUdp, lookup: lookupAll };
}

/** The host's Unix stream sockets. */
export function unixSockets(): UnixSockets {
  return {
    async listen(path, accept) {
      const server = createServer({ allowHalfOpen: true }, (socket) => accept(streamOver(socket)));
      await listening(server, { path, backlog: BACKLOG_COUNT }, { host: path, port: 0 });
      return { close: () => closed(server) };
    },
    connect: (path): HostStream => streamOver(connect({ path, allowHalfOpen: true })),
  };
}

async function listenTcp(
  at: HostAddress,
  accept: (connection: HostTcp) => void,
): Promise<HostListener> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // A peer that left before it was accepted has no address and nothing to say.
    if (socket.remoteAddress === undefined) socket.on("error", () => {}).destroy();
    else accept(tcpOver(socket));
  });
  await listening(server, { host: at.host, port: at.port, backlog: BACKLOG_COUNT }, at);
  const { address, port } = server.address() as AddressInfo; // a TCP server's is never text
  return { local: { host: plainHost(address), port }, close: () => closed(server) };
}

function connectTcp(to: HostAddress): HostTcp {
  const socket: Socket = connect({
    host: to.host,
    port: to.port,
    allowHalfOpen: true,
    noDelay: true,
    autoSelectFamily: false,
  });
  return tcpOver(socket, to);
}

interface ListenOptions {
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  readonly backlog: number;
}

function listening(server: Server, options: ListenOptions, at: HostAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(new HostSocketFailure(socketErrorOf(error), at));
    server.once("error", fail);
    server.listen(options, () => {
      server.off("error", fail);
      // No descriptor is left for a connection that came: it waits in the backlog.
      server.on("error", () => {});
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

async function bindUdp(
  at: HostAddress,
  received: (bytes: Uint8Array, from: HostAddress) => void,
): Promise<HostUdp> {
  const socket = createSocket(isIP(at.host) === 6 ? "udp6" : "udp4");
  await bound(socket, at);
  // A datagram that could not leave is lost, as on a network.
  socket.on("error", () => {});
  socket.on("message", (bytes, from) => {
    received(bytes, { host: plainHost(from.address), port: from.port });
  });
  const { address, port } = socket.address();
  return {
    local: { host: address, port },
    send: (bytes, to) => socket.send(bytes.slice(), to.port, to.host, () => {}),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function bound(socket: DatagramSocket, at: HostAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(new HostSocketFailure(socketErrorOf(error), at));
    socket.once("error", fail);
    socket.bind({ address: at.host, port: at.port }, () => {
      socket.off("error", fail);
      resolve();
    });
  });
}

async function lookupAll(name: string): Promise<readonly string[]> {
  if (isIP(name) !== 0) return [name];
  try {
    const found = await lookup(name, { all: true, verbatim: true });
    return found.map(({ address }) => address);
  } catch {
    return [];
  }
}
