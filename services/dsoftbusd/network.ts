import { formatIpv4, parseIpv4 } from "@net/wire/ipv4.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import type { Client } from "@runtime/idl/client.ts";
import {
  ANY_IPV4,
  FOREVER_MS,
  netstackd,
  STREAM_INLINE_MAX,
  STREAM_LENGTH_MAX,
} from "../netstackd/protocol.ts";
import {
  EXCHANGE_LENGTH_MAX,
  type Network,
  type Stream,
  type StreamEnd,
  type StreamRead,
} from "./stream.ts";

/** Most bytes of one read: several of the largest records. */
const READ_LENGTH_MAX = 256 << 10;
/**
 * Writes that may have a memory object at netstackd together, one of a stream at a time: fewer than
 * netstackd keeps. While peers that do not read hold them all, further writes go in the frames.
 */
export const PAYLOADS_MAX = 48;
/** Beyond the time that netstackd waits, the caller waits this long for netstackd. */
const REPLY_MARGIN_MS = 2_000;

type Netstack = Client<typeof netstackd>;

/** The system calls that payloads take. */
export type NetworkMemory = Pick<Syscalls, "vmoFrom" | "vmoMap" | "capClose" | "clock">;

/** Where connections come from and go to: netstackd, through its facade. */
export interface OpenedNetwork extends Network {
  /** Stops accepting. */
  stopListening(): Promise<void>;
  /**
   * Connections that netstackd turned away since it came up, because too many waited to be accepted.
   * One that is tried again counts again.
   */
  turnedAway(): Promise<number>;
}

/**
 * Listens on a port and opens connections.
 *
 * @returns the facade's status when the port cannot be listened on.
 */
export async function openNetwork(
  netstack: Netstack,
  syscalls: NetworkMemory,
  port: number,
): Promise<OpenedNetwork | { readonly failed: string }> {
  const listener = new Listener(netstack, port);
  const opened = await listener.open();
  if (opened !== "ok") return { failed: opened };
  const ports = { netstack, syscalls, payloads: { count: 0 } };
  return {
    async accept() {
      const accepted = await listener.accept();
      if (typeof accepted === "string") return accepted;
      const { handle, ip, port } = accepted;
      return new NetstackStream(ports, handle, { address: addressOf(ip), port });
    },
    connect: (to) => connect(ports, to),
    stopListening: () => listener.stop(),
    async turnedAway() {
      const stats = await netstack.stats({});
      return stats.status === "ok" ? Number(stats.synsDropped) : 0;
    },
  };
}

/** A listener that outlives netstackd: the next netstackd is asked to listen as the one before. */
class Listener {
  readonly #netstack: Netstack;
  readonly #port: number;
  #handle: number | undefined;
  #stopped = false;

  constructor(netstack: Netstack, port: number) {
    this.#netstack = netstack;
    this.#port = port;
  }

  /** @returns netstackd's status when it does not listen. */
  async open(): Promise<string> {
    const reply = await this.#netstack.listen({ ip: ANY_IPV4, port: this.#port });
    if (reply.status !== "ok") return reply.status;
    this.#handle = reply.handle;
    if (this.#stopped) await this.stop();
    return "ok";
  }

  /** `gone` once it was stopped; `failed` asks to try again later. */
  async accept(): Promise<
    { readonly handle: number; readonly ip: string; readonly port: number } | "gone" | "failed"
  > {
    if (this.#handle === undefined && !this.#stopped) await this.open();
    const handle = this.#handle;
    if (handle === undefined) return this.#stopped ? "gone" : "failed";
    const request = { handle, timeoutMs: FOREVER_MS };
    const reply = await this.#netstack.accept(request, { timeoutMs: "never" });
    if (reply.status === "ok") return reply;
    // The next call asks to listen again; between the two the caller rests.
    if (reply.status === "not_found" || reply.status === "gone") this.#handle = undefined;
    return this.#stopped ? "gone" : "failed";
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const handle = this.#handle;
    this.#handle = undefined;
    if (handle !== undefined) await this.#netstack.close({ handle });
  }
}

interface Ports {
  readonly netstack: Netstack;
  readonly syscalls: NetworkMemory;
  /** Memory objects that are with writes under way, of all streams. */
  readonly payloads: { count: number };
}

async function connect(
  ports: Ports,
  to: { address: number; port: number; timeoutMs: number },
): ReturnType<Network["connect"]> {
  const reply = await ports.netstack.connect(
    { ip: formatIpv4(to.address), port: to.port, timeoutMs: to.timeoutMs },
    { timeoutMs: to.timeoutMs + REPLY_MARGIN_MS },
  );
  switch (reply.status) {
    case "ok":
      return new NetstackStream(ports, reply.handle, to);
    case "refused":
    case "reset":
      return "refused";
    case "timed_out":
    case "lost":
    case "no_reply":
      return "timed_out";
    case "unreachable":
      return "unreachable";
    case "denied":
      return "denied";
    default:
      return "failed";
  }
}

function addressOf(text: string): number {
  const address = parseIpv4(text);
  assert(address !== undefined, "netstackd gives addresses");
  return address;
}

class NetstackStream implements Stream {
  readonly address: number;
  readonly port: number;
  readonly #netstack: Netstack;
  readonly #syscalls: NetworkMemory;
  readonly #payloads: Ports["payloads"];
  readonly #handle: number;

  constructor(
    { netstack, syscalls, payloads }: Ports,
    handle: number,
    remote: { readonly address: number; readonly port: number },
  ) {
    this.#netstack = netstack;
    this.#syscalls = syscalls;
    this.#payloads = payloads;
    this.#handle = handle;
    this.address = remote.address;
    this.port = remote.port;
  }

  async read(timeoutMs: number): Promise<StreamRead> {
    const reply = await this.#netstack.read(
      { handle: this.#handle, min: 1, max: READ_LENGTH_MAX, timeoutMs },
      { timeoutMs: timeoutMs === FOREVER_MS ? "never" : timeoutMs + REPLY_MARGIN_MS },
    );
    return this.#taken(reply);
  }

  async exchange(bytes: Uint8Array, timeoutMs: number): Promise<StreamRead> {
    assert(bytes.length <= EXCHANGE_LENGTH_MAX, "an exchange sends what fits one frame");
    assert(timeoutMs > FOREVER_MS, "a write to a peer that does not read ends");
    const request = { handle: this.#handle, min: 1, max: READ_LENGTH_MAX, timeoutMs, bytes };
    return this.#taken(await this.#netstack.exchange(request, PARKED));
  }

  /** The bytes of a reply, which lie in its frame or in a memory object. */
  #taken(reply: Awaited<ReturnType<Netstack["read"]>>): StreamRead {
    if (reply.status !== "ok") return { status: endOf(reply.status) };
    if (reply.move === undefined) return { status: "ok", bytes: reply.bytes };
    const bytes = this.#syscalls.vmoMap(reply.move)?.subarray(0, reply.length);
    this.#syscalls.capClose(reply.move);
    return bytes === undefined ? { status: "gone" } : { status: "ok", bytes };
  }

  async write(bytes: Uint8Array<ArrayBuffer>, timeoutMs: number): Promise<"ok" | StreamEnd> {
    assert(bytes.length <= STREAM_LENGTH_MAX, "one write fits one memory object");
    assert(timeoutMs > FOREVER_MS, "a write to a peer that does not read ends");
    if (bytes.length <= STREAM_INLINE_MAX) return await this.#writeInline(bytes, timeoutMs);
    if (this.#payloads.count >= PAYLOADS_MAX) return await this.#writePieces(bytes, timeoutMs);
    const { length } = bytes;
    const vmo = this.#syscalls.vmoFrom(bytes);
    if (vmo.status !== "ok") return "gone";
    const request = { handle: this.#handle, timeoutMs, length, bytes: NOTHING };
    this.#payloads.count += 1;
    const reply = await this.#netstack.write(request, { ...PARKED, move: vmo.slot });
    this.#payloads.count -= 1;
    return written(length, reply);
  }

  async #writeInline(bytes: Uint8Array, timeoutMs: number): Promise<"ok" | StreamEnd> {
    const { length } = bytes;
    const request = { handle: this.#handle, timeoutMs, length, bytes };
    return written(length, await this.#netstack.write(request, PARKED));
  }

  /** One piece after the other, all of them within the time. */
  async #writePieces(bytes: Uint8Array, timeoutMs: number): Promise<"ok" | StreamEnd> {
    const { clock } = this.#syscalls;
    const deadlineNs = clock.nowNs() + timeoutMs * 1e6;
    for (let at = 0; at < bytes.length; at += STREAM_INLINE_MAX) {
      const leftMs = Math.ceil((deadlineNs - clock.nowNs()) / 1e6);
      if (leftMs <= 0) return "timed_out";
      const status = await this.#writeInline(bytes.subarray(at, at + STREAM_INLINE_MAX), leftMs);
      if (status !== "ok") return status;
    }
    return "ok";
  }

  async close(): Promise<void> {
    await this.#netstack.close({ handle: this.#handle });
  }

  async abort(): Promise<void> {
    await this.#netstack.abort({ handle: this.#handle });
  }
}

const NOTHING = new Uint8Array(0);
/** netstackd itself answers when the time of a write is over. */
const PARKED = { timeoutMs: "never" } as const;

function written(
  length: number,
  reply: Awaited<ReturnType<Netstack["write"]>>,
): "ok" | StreamEnd {
  if (reply.status !== "ok") return endOf(reply.status);
  return reply.written === length ? "ok" : "timed_out";
}

function endOf(status: string): StreamEnd {
  switch (status) {
    case "closed":
    case "reset":
    case "timed_out":
      return status;
    case "lost":
      return "reset";
    default:
      return "gone";
  }
}
