import type { Endpoint } from "@net/stack/stack.ts";
import { formatIpv4 } from "@net/wire/ipv4.ts";
import type { Slot } from "@runtime/core/syscalls.ts";
import type { Call, Handlers } from "@runtime/idl/server.ts";
import type { Answer, RequestOf } from "@runtime/idl/service.ts";
import type { Entry } from "./handle_table.ts";
import type { GiveUp, Waiting, WaitQueue } from "./parking.ts";
import { DATAGRAM_LENGTH_MAX, type netstackd } from "./protocol.ts";
import { endpointOf, type Refused, type Sockets } from "./sockets.ts";
import {
  established,
  type Memory,
  type Outgoing,
  readNow,
  writeEnding,
  writeNow,
} from "./stream.ts";

/** Memory objects that may be held by WRITEs that wait; each takes a slot of the daemon's table. */
export const PARKED_PAYLOADS_MAX = 64;

/** What both versions of the facade stand on. */
export interface FacadePorts {
  readonly sockets: Sockets;
  readonly memory: Memory;
  /** The interface's own address as text, and its prefix length in bits. */
  readonly local: { readonly ip: string; readonly prefixLength: number };
}

type V2 = typeof netstackd;
type Request<K extends keyof V2["ops"] & string> = RequestOf<V2, K>;
type Reply<K extends keyof V2["ops"] & string> = Answer<V2, K> | Promise<Answer<V2, K>>;

const NOT_FOUND = { status: "not_found" } as const;
const LIMIT = { status: "limit" } as const;
const DONE = { status: "ok" } as const;
const TIMED_OUT = { status: "timed_out" } as const;

/** Behaviour of version 2: every request is answered when it can be, and nothing is polled. */
export function createNetstackd(ports: FacadePorts): Handlers<V2> {
  const facade = new Facade(ports);
  return {
    listen: (request, call) => facade.listen(request, call),
    accept: (request, call) => facade.accept(request, call),
    connect: (request, call) => facade.connect(request, call),
    read: (request, call) => facade.read(request, call),
    write: (request, call) => facade.write(request, call),
    udpBind: (request, call) => facade.udpBind(request, call),
    udpSendTo: (request, call) => facade.udpSendTo(request, call),
    udpRecvFrom: (request, call) => facade.udpRecvFrom(request, call),
    icmpPing: (request, call) => facade.icmpPing(request, call),
    localAddr: () => ({ status: "ok", ...ports.local }),
    close: (request, call) => facade.close(request, call),
    waitWritable: (request, call) => facade.waitWritable(request, call),
    shutdown: (request, call) => facade.shutdown(request, call),
    abort: (request, call) => facade.abort(request, call),
    peerAddr: (request, call) => facade.peerAddr(request, call),
    exchange: (request, call) => facade.exchange(request, call),
    stats: (_request, call) => facade.stats(call),
  };
}

class Facade {
  readonly #sockets: Sockets;
  readonly #memory: Memory;
  #payloads = 0;

  constructor({ sockets, memory }: FacadePorts) {
    this.#sockets = sockets;
    this.#memory = memory;
  }

  listen(request: Request<"listen">, { sender }: Call): Reply<"listen"> {
    return handleOf(this.#sockets.listen(sender.sid, request));
  }

  accept({ handle, timeoutMs }: Request<"accept">, { sender }: Call): Reply<"accept"> {
    const entry = this.#sockets.table.listener(handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    return ask(entry.incoming, {
      owner: sender.sid,
      timeoutMs,
      attempt: () => accepted(this.#sockets.accept(entry)),
      giveUp: (status) => ({ status }),
    });
  }

  connect(request: Request<"connect">, { sender }: Call): Reply<"connect"> {
    const entry = this.#sockets.connect(sender.sid, request);
    if (typeof entry === "string") return { status: entry };
    const answer = entry.outgoing.ask<Answer<V2, "connect">>({
      owner: sender.sid,
      timeoutMs: request.timeoutMs,
      attempt: () => this.#connected(entry),
      giveUp: (status) => {
        this.#sockets.abort(entry);
        return { status };
      },
    });
    if (answer === undefined) this.#sockets.abort(entry);
    return answer ?? LIMIT;
  }

  read(request: Request<"read">, { sender }: Call): Reply<"read"> {
    const entry = this.#sockets.table.stream(request.handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    const answer = ask(entry.incoming, {
      owner: sender.sid,
      timeoutMs: request.timeoutMs,
      attempt: () => readNow(entry.socket, request, this.#memory),
      giveUp: (status) => ({ status }),
    });
    // The ring has room again: the peer may have to hear of it. One that waits took nothing.
    if (!(answer instanceof Promise)) this.#sockets.touch();
    return answer;
  }

  write(request: Request<"write">, { sender, moved }: Call): Reply<"write"> {
    const payload = this.#held(request, moved);
    if (typeof payload === "string") return { status: payload };
    const entry = this.#sockets.table.stream(request.handle, sender.sid);
    if (entry === undefined) {
      this.#release(payload);
      return NOT_FOUND;
    }
    const answer = this.#send(entry, { payload, timeoutMs: request.timeoutMs });
    this.#sockets.touch();
    return answer;
  }

  async exchange(request: Request<"exchange">, call: Call): Promise<Answer<V2, "exchange">> {
    const { handle, timeoutMs, bytes } = request;
    const entry = this.#sockets.table.stream(handle, call.sender.sid);
    if (entry === undefined) return NOT_FOUND;
    const startMs = this.#sockets.nowMs();
    const answer = this.#send(entry, {
      payload: { bytes, written: 0, slot: undefined },
      timeoutMs,
    });
    this.#sockets.touch();
    const sent = answer instanceof Promise ? await answer : answer;
    if (sent.status !== "ok") return { status: sent.status };
    const leftMs = timeoutMs - (this.#sockets.nowMs() - startMs);
    if (sent.written < bytes.length || (timeoutMs > 0 && leftMs <= 0)) return TIMED_OUT;
    // The handle is looked up again: while the bytes waited for room it may have been closed.
    return await this.read({ ...request, timeoutMs: Math.max(leftMs, 0) }, call);
  }

  udpBind(request: Request<"udpBind">, { sender }: Call): Reply<"udpBind"> {
    return handleOf(this.#sockets.bindUdp(sender.sid, request));
  }

  udpSendTo(request: Request<"udpSendTo">, { sender }: Call): Reply<"udpSendTo"> {
    const entry = this.#sockets.table.datagrams(request.handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    const sent = entry.socket.send(endpointOf(request), request.payload);
    this.#sockets.touch();
    return { status: sent };
  }

  udpRecvFrom(request: Request<"udpRecvFrom">, { sender }: Call): Reply<"udpRecvFrom"> {
    const entry = this.#sockets.table.datagrams(request.handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    return ask(entry.incoming, {
      owner: sender.sid,
      timeoutMs: request.timeoutMs,
      attempt: () => datagramNow(entry),
      giveUp: (status) => ({ status }),
    });
  }

  async icmpPing(request: Request<"icmpPing">, { sender }: Call): Promise<Answer<V2, "icmpPing">> {
    const result = this.#sockets.ping(sender.sid, request);
    if (typeof result === "string") return { status: result };
    const rttMs = await result;
    return rttMs === undefined ? { status: "timed_out" } : { status: "ok", rttMs };
  }

  close({ handle }: Request<"close">, { sender }: Call): Reply<"close"> {
    const entry = this.#sockets.table.any(handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    this.#sockets.close(entry);
    return DONE;
  }

  waitWritable(request: Request<"waitWritable">, { sender }: Call): Reply<"waitWritable"> {
    const entry = this.#sockets.table.stream(request.handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    return ask(entry.outgoing, {
      owner: sender.sid,
      timeoutMs: request.timeoutMs,
      attempt: () => writableNow(entry),
      giveUp: (status) => ({ status }),
    });
  }

  shutdown({ handle }: Request<"shutdown">, { sender }: Call): Reply<"shutdown"> {
    const entry = this.#sockets.table.stream(handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    entry.socket.end();
    entry.outgoing.serve();
    this.#sockets.touch();
    return DONE;
  }

  abort({ handle }: Request<"abort">, { sender }: Call): Reply<"abort"> {
    const entry = this.#sockets.table.stream(handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    this.#sockets.abort(entry);
    return DONE;
  }

  peerAddr({ handle }: Request<"peerAddr">, { sender }: Call): Reply<"peerAddr"> {
    const entry = this.#sockets.table.stream(handle, sender.sid);
    if (entry === undefined) return NOT_FOUND;
    return { status: "ok", ...textOf(entry.socket.remote) };
  }

  stats({ sender }: Call): Reply<"stats"> {
    const { stack, table, lot } = this.#sockets;
    const counters = stack.counters();
    return {
      status: "ok",
      framesReceived: BigInt(counters.framesReceived),
      framesSent: BigInt(counters.framesSent),
      retransmits: BigInt(counters.tcpRetransmits),
      dropped: BigInt(counters.packetsDropped + counters.udpDropped),
      synsDropped: BigInt(counters.tcpSynsDropped),
      handles: table.countOf(sender.sid),
      parked: lot.countOf(sender.sid),
    };
  }

  /** Why a connection that was asked for does not stand ends its handle too. */
  #connected(entry: Entry<"stream">): Answer<V2, "connect"> | undefined {
    if (established(entry.socket)) return { status: "ok", handle: entry.handle };
    const ending = writeEnding(entry.socket);
    if (ending === undefined) return undefined;
    this.#sockets.forget(entry);
    return { status: ending };
  }

  #send(
    entry: Entry<"stream">,
    { payload, timeoutMs }: { readonly payload: Payload; readonly timeoutMs: number },
  ): Reply<"write"> {
    const finish = (answer: Answer<V2, "write">) => {
      this.#release(payload);
      return answer;
    };
    const answer = entry.outgoing.ask({
      owner: entry.owner,
      timeoutMs,
      attempt: () => {
        const answer = writeNow(entry.socket, payload);
        return answer === undefined ? undefined : finish(answer);
      },
      giveUp: (status) => finish(partly(payload, status)),
    });
    return answer ?? finish(partly(payload, "limit"));
  }

  /** The bytes that a WRITE brings: in its frame, or in an object that is now the daemon's. */
  #held(request: Request<"write">, slot: Slot | undefined): Payload | "malformed" | "limit" {
    const { length, bytes } = request;
    if (slot === undefined) {
      return length === bytes.length ? { bytes, written: 0, slot: undefined } : "malformed";
    }
    const object = this.#memory.vmoMap(slot);
    const fits = object !== undefined && length <= object.length && bytes.length === 0;
    if (!fits || this.#payloads === PARKED_PAYLOADS_MAX) {
      this.#memory.capClose(slot);
      return fits ? "limit" : "malformed";
    }
    this.#payloads++;
    return { bytes: object.subarray(0, length), written: 0, slot };
  }

  #release({ slot }: Payload): void {
    if (slot === undefined) return;
    this.#payloads--;
    this.#memory.capClose(slot);
  }
}

/** The bytes of a WRITE and the memory object that they lie in, if they do. */
interface Payload extends Outgoing {
  readonly slot: Slot | undefined;
}

/** What a WRITE that stops early says: the bytes already taken cannot be taken back. */
function partly(
  { written }: Payload,
  status: GiveUp | "limit",
): Answer<V2, "write"> {
  const tellsHowFar = written > 0 && (status === "timed_out" || status === "limit");
  return tellsHowFar ? { status: "ok", written } : { status };
}

function ask<A>(queue: WaitQueue, waiting: Waiting<A>): A | Promise<A> | typeof LIMIT {
  return queue.ask(waiting) ?? LIMIT;
}

function handleOf(
  entry: { readonly handle: number } | Refused,
): { readonly status: "ok"; readonly handle: number } | { readonly status: Refused } {
  return typeof entry === "string" ? { status: entry } : { status: "ok", handle: entry.handle };
}

function accepted(
  entry: Entry<"stream"> | "limit" | undefined,
): Answer<V2, "accept"> | undefined {
  if (entry === undefined) return undefined;
  if (entry === "limit") return LIMIT;
  return { status: "ok", handle: entry.handle, ...textOf(entry.socket.remote) };
}

function datagramNow({ socket }: Entry<"datagrams">): Answer<V2, "udpRecvFrom"> | undefined {
  const datagram = socket.receive();
  if (datagram === undefined) return undefined;
  const payload = datagram.payload.subarray(0, DATAGRAM_LENGTH_MAX);
  return { status: "ok", ...textOf(datagram.remote), payload };
}

function writableNow({ socket }: Entry<"stream">): Answer<V2, "waitWritable"> | undefined {
  const ending = writeEnding(socket);
  if (ending !== undefined) return { status: ending };
  return established(socket) && socket.writable > 0 ? DONE : undefined;
}

function textOf({ address, port }: Endpoint): { readonly ip: string; readonly port: number } {
  return { ip: formatIpv4(address), port };
}
