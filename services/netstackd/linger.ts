import type { TcpSocket } from "@net/stack/stack.ts";

/** Connections without a handle that may still end in order; one more resets the oldest. */
export const LINGERING_MAX = 256;
/** How long such a connection may take, in milliseconds. */
export const LINGER_MS = 30_000;

/**
 * Connections whose handle is gone: what was written is still delivered, what comes is dropped, and
 * a peer that does not end its stream in time is reset.
 */
export class Linger {
  /** Deadline of each, oldest first: all wait equally long. */
  readonly #sockets = new Map<TcpSocket, number>();

  get size(): number {
    return this.#sockets.size;
  }

  /** Deadline of the oldest; `Infinity` when there is none. */
  get nextMs(): number {
    for (const deadlineMs of this.#sockets.values()) return deadlineMs;
    return Infinity;
  }

  /** Ends our stream and takes the socket over. */
  add(socket: TcpSocket, nowMs: number): void {
    socket.end();
    this.#sockets.set(socket, nowMs + LINGER_MS);
    socket.onChange = () => this.#drain(socket);
    this.#drain(socket);
    if (this.#sockets.size > LINGERING_MAX) this.#abortOldest();
  }

  expire(nowMs: number): void {
    while (this.nextMs <= nowMs) this.#abortOldest();
  }

  #drain(socket: TcpSocket): void {
    while (socket.readable > 0) socket.consume(socket.peek().length);
    if (socket.state !== "CLOSED" && socket.state !== "TIME-WAIT") return;
    socket.onChange = undefined;
    this.#sockets.delete(socket);
  }

  #abortOldest(): void {
    for (const socket of this.#sockets.keys()) {
      socket.onChange = undefined;
      this.#sockets.delete(socket);
      socket.abort();
      return;
    }
  }
}
