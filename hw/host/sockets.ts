import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIP } from "node:net";
import {
  type HostAddress,
  HostSocketFailure,
  type HostSockets,
  type HostUdp,
  type UnixSockets,
} from "@runtime/core/ports.ts";
import { hostPort, isPermitted } from "./permissions.ts";
import { denoAtLeast } from "./runtime_version.ts";
import { socketErrorOf } from "./socket_error.ts";
import { connectTcpDeno, connectUnixDeno, listenTcpDeno, listenUnixDeno } from "./sockets_deno.ts";
import { tcpOverHandles } from "./sockets_handle.ts";
import { connectTcpNode, connectUnixNode, listenTcpNode, listenUnixNode } from "./sockets_node.ts";
import { hostAddress } from "./stream.ts";
import { tcpHandles } from "./tcp_handle.ts";

const nodeStreams = denoAtLeast(2, 9);

/** One way to the host's TCP. */
export interface TcpBackEnd extends Pick<HostSockets, "listenTcp" | "connectTcp"> {
  readonly name: "handles" | "node" | "deno";
}

/** Every way to the host's TCP that serves in this runtime, the cheapest first. */
export function tcpBackEnds(): readonly [TcpBackEnd, ...TcpBackEnd[]] {
  if (!nodeStreams) return [{ name: "deno", listenTcp: listenTcpDeno, connectTcp: connectTcpDeno }];
  const node = { name: "node", listenTcp: listenTcpNode, connectTcp: connectTcpNode } as const;
  const handles = tcpHandles();
  return handles === undefined ? [node] : [{ name: "handles", ...tcpOverHandles(handles) }, node];
}

/**
 * The host's TCP and UDP.
 *
 * An address that a name led to is dialled by that name where the address itself is not permitted: a
 * name that led nowhere when permissions were given can be permitted by nothing else.
 */
export function hostSockets(
  { listenTcp, connectTcp }: TcpBackEnd = tcpBackEnds()[0],
): HostSockets {
  const names = new Map<string, string>();
  return {
    async listenTcp(at, accept) {
      // Looked up here: `node:net` would throw what it may not use where nobody can catch it.
      const [host] = await lookupAll(at.host);
      if (host === undefined) throw new HostSocketFailure("not_found", at);
      return await listenTcp({ ...at, host }, accept);
    },
    connectTcp: (to) => connectTcp(dialled(to, names)),
    bindUdp,
    async lookup(name) {
      const found = await lookupAll(name);
      for (const address of found) if (address !== name) names.set(address, name);
      return found;
    },
  };
}

function dialled(to: HostAddress, names: ReadonlyMap<string, string>): HostAddress {
  const name = names.get(to.host);
  return name === undefined || isPermitted("net", hostPort(to)) ? to : { ...to, host: name };
}

/** The host's Unix stream sockets. */
export function unixSockets(): UnixSockets {
  return nodeStreams
    ? { listen: listenUnixNode, connect: connectUnixNode }
    : { listen: listenUnixDeno, connect: connectUnixDeno };
}

async function bindUdp(
  at: HostAddress,
  received: (bytes: Uint8Array, from: HostAddress) => void,
): Promise<HostUdp> {
  const socket = createSocket(isIP(at.host) === 6 ? "udp6" : "udp4");
  await bound(socket, at);
  // A datagram that could not leave is lost, as on a network.
  socket.on("error", () => {});
  socket.on("message", (bytes, from) => received(bytes, hostAddress(from.address, from.port)));
  const { address, port } = socket.address();
  return {
    local: { host: address, port },
    send: (bytes, to) => socket.send(bytes.slice(), to.port, to.host, () => {}),
    close: () => new Promise((resolve) => socket.close(() => resolve())),
  };
}

function bound(socket: Socket, at: HostAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) =>
      reject(new HostSocketFailure(socketErrorOf(error), at, { cause: error }));
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
  } catch (error) {
    // A permission is missing: that will not change, and is no name that leads nowhere yet.
    const cause = socketErrorOf(error);
    if (cause !== "permission_denied") return [];
    throw new HostSocketFailure(cause, { host: name, port: 0 }, { cause: error });
  }
}
