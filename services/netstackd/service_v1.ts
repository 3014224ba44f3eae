import { formatIpv4 } from "@net/wire/ipv4.ts";
import type { TcpSocket } from "@net/stack/stack.ts";
import type { Call, Handlers } from "@runtime/idl/server.ts";
import type { Answer, RequestOf } from "@runtime/idl/service.ts";
import type { Entry } from "./handle_table.ts";
import { type netstackV1, V1_DATAGRAM_LENGTH_MAX, V1_READ_LENGTH_MAX } from "./protocol.ts";
import type { FacadePorts } from "./service.ts";
import { endpointOf, type SocketAddress, type Sockets } from "./sockets.ts";
import { established, readEnding, writeEnding } from "./stream.ts";

type V1 = typeof netstackV1;
type Request<K extends keyof V1["ops"] & string> = RequestOf<V1, K>;

const NOT_FOUND = { status: "not_found" } as const;
const WOULD_BLOCK = { status: "would_block" } as const;
const IO = { status: "io" } as const;

/** Behaviour of version 1: upstream's, on the same sockets. Only a ping waits, as there. */
export function createNetstackV1({ sockets, local }: FacadePorts): Handlers<V1> {
  const dials = new Dials(sockets);
  const { table } = sockets;
  return {
    listen: (request, { sender }) =>
      request.port === 0 ? IO : handleOf(sockets.listen(sender.sid, request)),
    accept({ handle }, { sender }) {
      const entry = table.listener(handle, sender.sid);
      if (entry === undefined) return NOT_FOUND;
      const accepted = sockets.accept(entry);
      return accepted === undefined ? WOULD_BLOCK : handleOf(accepted);
    },
    connect: (request, { sender }) => request.port === 0 ? IO : dials.dial(sender.sid, request),
    read(request, { sender }) {
      const entry = table.stream(request.handle, sender.sid);
      if (entry === undefined) return NOT_FOUND;
      const answer = readNow(entry.socket, Math.min(request.max, V1_READ_LENGTH_MAX));
      sockets.touch();
      return answer;
    },
    write(request, { sender }) {
      const entry = table.stream(request.handle, sender.sid);
      if (entry === undefined) return NOT_FOUND;
      if (writeEnding(entry.socket) !== undefined) return IO;
      const written = entry.socket.write(request.bytes);
      sockets.touch();
      return written === 0 ? WOULD_BLOCK : { status: "ok", written };
    },
    udpBind: (request, { sender }) =>
      request.port === 0 ? IO : handleOf(sockets.bindUdp(sender.sid, request)),
    udpSendTo: (request, call) => sendTo(sockets, request, call),
    udpRecvFrom: (request, call) => receiveFrom(sockets, request, call),
    async icmpPing(request, { sender }) {
      const result = sockets.ping(sender.sid, request);
      const rttMs = typeof result === "string" ? undefined : await result;
      return rttMs === undefined ? { status: "timed_out" } : { status: "ok", rttMs };
    },
    localAddr: () => ({ status: "ok", ...local }),
    close({ handle }, { sender }) {
      const entry = table.any(handle, sender.sid);
      if (entry === undefined) return NOT_FOUND;
      sockets.close(entry);
      return { status: "ok" };
    },
    waitWritable({ handle }, { sender }) {
      const entry = table.stream(handle, sender.sid);
      if (entry === undefined) return NOT_FOUND;
      const { socket } = entry;
      return established(socket) && socket.writable > 0 ? { status: "ok" } : WOULD_BLOCK;
    },
  };
}

/**
 * Connections being made, one for each owner: asking again with the same remote asks after the same
 * connection, another remote gives the first one up.
 */
class Dials {
  readonly #sockets: Sockets;
  readonly #pending = new Map<bigint, { readonly to: string; readonly entry: Entry<"stream"> }>();

  constructor(sockets: Sockets) {
    this.#sockets = sockets;
  }

  dial(owner: bigint, to: SocketAddress): Answer<V1, "connect"> {
    const name = `${to.ip}:${to.port}`;
    const pending = this.#pending.get(owner);
    if (pending !== undefined && pending.to === name) return this.#ask(owner, pending.entry);
    if (pending !== undefined) this.#sockets.abort(pending.entry);
    this.#pending.delete(owner);
    const entry = this.#sockets.connect(owner, to);
    if (typeof entry === "string") return IO;
    this.#pending.set(owner, { to: name, entry });
    return this.#ask(owner, entry);
  }

  #ask(owner: bigint, entry: Entry<"stream">): Answer<V1, "connect"> {
    if (established(entry.socket)) {
      this.#pending.delete(owner);
      return { status: "ok", handle: entry.handle };
    }
    if (writeEnding(entry.socket) === undefined) return WOULD_BLOCK;
    this.#pending.delete(owner);
    this.#sockets.forget(entry);
    return IO;
  }
}

/** An orderly end reads as no bytes, every other end as `io`. */
function readNow(socket: TcpSocket, max: number): Answer<V1, "read"> {
  const ending = readEnding(socket);
  if (ending !== undefined && ending !== "closed") return IO;
  if (ending === undefined && socket.readable === 0) return WOULD_BLOCK;
  const bytes = new Uint8Array(Math.min(max, socket.readable));
  socket.read(bytes);
  return { status: "ok", bytes };
}

function sendTo(
  sockets: Sockets,
  request: Request<"udpSendTo">,
  { sender }: Call,
): Answer<V1, "udpSendTo"> {
  const entry = sockets.table.datagrams(request.handle, sender.sid);
  if (entry === undefined) return NOT_FOUND;
  if (request.port === 0) return IO;
  const sent = entry.socket.send(endpointOf(request), request.payload);
  sockets.touch();
  if (sent === "limit") return WOULD_BLOCK;
  return sent === "ok" ? { status: "ok", sent: request.payload.length } : IO;
}

function receiveFrom(
  sockets: Sockets,
  request: Request<"udpRecvFrom">,
  { sender }: Call,
): Answer<V1, "udpRecvFrom"> {
  const entry = sockets.table.datagrams(request.handle, sender.sid);
  if (entry === undefined) return NOT_FOUND;
  const datagram = entry.socket.receive();
  if (datagram === undefined) return WOULD_BLOCK;
  const { remote, payload } = datagram;
  const length = Math.min(request.max, V1_DATAGRAM_LENGTH_MAX);
  return {
    status: "ok",
    ip: formatIpv4(remote.address),
    port: remote.port,
    payload: payload.subarray(0, length),
  };
}

function handleOf(
  entry: { readonly handle: number } | string,
): { readonly status: "ok"; readonly handle: number } | typeof IO {
  return typeof entry === "string" ? IO : { status: "ok", handle: entry.handle };
}
