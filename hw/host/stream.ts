import type { Socket } from "node:net";
import { assert } from "@runtime/core/assert.ts";
import type {
  HostAddress,
  HostSocketError,
  HostStream,
  HostStreamObserver,
  HostTcp,
} from "@runtime/core/ports.ts";
import { socketErrorOf } from "./socket_error.ts";
import { WriteQueue } from "./write_queue.ts";

/** A connection of the host, TCP or Unix, over the runtime's Node-style socket. */
export function streamOver(socket: Socket): HostStream {
  return new NodeStream(socket);
}

/**
 * A TCP connection of the host.
 *
 * @param remote The address that was asked for; left out for an accepted connection, whose peer
 *   the socket knows.
 */
export function tcpOver(socket: Socket, remote?: HostAddress): HostTcp {
  return new NodeTcp(socket, remote);
}

/** IPv4 addresses that an IPv6 socket shows in IPv6 form are given as what they are. */
export function plainHost(host: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(host);
  return mapped?.[1] ?? host;
}

class NodeStream implements HostStream {
  readonly #socket: Socket;
  readonly #queue: WriteQueue;
  #observer: HostStreamObserver | undefined;
  #error: HostSocketError | undefined;
  /** What the observer did not take yet. */
  #rest: Uint8Array | undefined;
  #offering = false;
  #blocked = false;
  #ending = false;
  #closed = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#queue = new WriteQueue((bytes) => socket.write(bytes, () => this.#written()));
  }

  observe(observer: HostStreamObserver): void {
    assert(this.#observer === undefined, "a stream has one observer");
    this.#observer = observer;
    const socket = this.#socket;
    if (socket.connecting) socket.once("connect", () => observer.opened());
    socket.on("data", (bytes: Uint8Array) => this.#offer(bytes));
    socket.once("end", () => observer.ended());
    socket.on("error", (error: unknown) => this.#error ??= socketErrorOf(error));
    socket.once("close", () => this.#over());
  }

  write(bytes: Uint8Array): number {
    if (this.#closed || this.#ending) return bytes.length;
    const taken = this.#queue.push(bytes);
    this.#blocked ||= taken < bytes.length;
    return taken;
  }

  resume(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#offering || this.#closed) return;
    this.#rest = undefined;
    this.#offer(rest);
    if (this.#rest === undefined) this.#socket.resume();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    if (this.#queue.empty) this.#socket.end();
  }

  reset(): void {
    if (this.#closed) return;
    this.#error = "aborted";
    this.#queue.clear();
    if (this.#socket.connecting) this.#socket.destroy();
    else this.#socket.resetAndDestroy();
  }

  #offer(bytes: Uint8Array): void {
    const observer = this.#observer;
    if (observer === undefined || this.#socket.destroyed) return;
    this.#offering = true;
    const taken = observer.data(bytes);
    this.#offering = false;
    if (taken >= bytes.length) return;
    this.#rest = bytes.subarray(taken);
    this.#socket.pause();
  }

  #written(): void {
    if (this.#closed) return;
    this.#queue.finished();
    if (this.#ending && this.#queue.empty) this.#socket.end();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#observer?.writable();
  }

  #over(): void {
    this.#closed = true;
    this.#rest = undefined;
    this.#queue.clear();
    this.#observer?.closed(this.#error);
  }
}

class NodeTcp extends NodeStream implements HostTcp {
  readonly remote: HostAddress;
  readonly #socket: Socket;

  constructor(socket: Socket, remote: HostAddress | undefined) {
    super(socket);
    this.#socket = socket;
    this.remote = remote ?? addressOf(socket.remoteAddress, socket.remotePort);
  }

  get local(): HostAddress {
    return addressOf(this.#socket.localAddress, this.#socket.localPort);
  }
}

function addressOf(host: string | undefined, port: number | undefined): HostAddress {
  return { host: plainHost(host ?? "0.0.0.0"), port: port ?? 0 };
}
