import type { TcpSocket } from "@net/stack/stack.ts";
import { PEER_ENDED } from "./stream.ts";

/** Connections without a handle that may still end in order; one more resets the oldest. */
export const LINGERING_MAX = 256;
/** How long such a connection may take, in milliseconds. */
export const LINGER_MS = 30_000;
/**
 * Bytes that may still come over such a connection and be dropped: what an honest peer had under way
 * when it was let go of. Whoever sends on after that is reset, and costs nothing more.
 */
export const LINGER_BYTES_MAX = 64 << 10;

/** What is left to a connection that lingers. */
interface Left {
  readonly deadlineMs: number;
  bytes: number;
}

/**
 * Connections whose handle is gone: what was written is still delivered, the little that comes is
 * dropped, and a peer that does not end its stream in time, or sends on, is reset.
 */
export class Linger {
  /** Oldest first: all wait equally long. */
  readonly #sockets = new Map<TcpSocket, Left>();

  get size(): number {
    return this.#sockets.size;
  }

  /** Deadline of the oldest; `Infinity` when there is none. */
  get nextMs(): number {
    for (const { deadlineMs } of this.#sockets.values()) return deadlineMs;
    return Infinity;
  }

  /** Ends our stream and takes the socket over. */
  add(socket: TcpSocket, nowMs: number): void {
    socket.end();
    // What had come already was let in by who let go, and is none of what may still come.
    drop(socket, socket.readable);
    const left = { deadlineMs: nowMs + LINGER_MS, bytes: LINGER_BYTES_MAX };
    this.#sockets.set(socket, left);
    socket.onChange = () => this.#follow(socket, left);
    this.#follow(socket, left);
    if (this.#sockets.size > LINGERING_MAX) this.#abortOldest();
  }

  expire(nowMs: number): void {
    while (this.nextMs <= nowMs) this.#abortOldest();
  }

  /**
   * With nothing left, what comes stays unread and closes the peer's window; it is cut off only once
   * it has acknowledged our end, and with it all that was written.
   */
  #follow(socket: TcpSocket, left: Left): void {
    const bytes = PEER_ENDED.has(socket.state) ? Infinity : left.bytes;
    left.bytes = bytes - drop(socket, Math.min(socket.readable, bytes));
    if (socket.state === "CLOSED" || socket.state === "TIME-WAIT") this.#forget(socket);
    else if (left.bytes === 0 && socket.state === "FIN-WAIT-2") this.#abort(socket);
  }

  #abortOldest(): void {
    for (const socket of this.#sockets.keys()) return this.#abort(socket);
  }

  #abort(socket: TcpSocket): void {
    this.#forget(socket);
    socket.abort();
  }

  #forget(socket: TcpSocket): void {
    socket.onChange = undefined;
    this.#sockets.delete(socket);
  }
}

/** Drops `count` of the bytes that wait. @returns `count`. */
function drop(socket: TcpSocket, count: number): number {
  for (let dropped = 0; dropped < count;) {
    const piece = Math.min(socket.peek().length, count - dropped);
    socket.consume(piece);
    dropped += piece;
  }
  return count;
}
