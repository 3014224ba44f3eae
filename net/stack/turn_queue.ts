import type { TcpConnection } from "./tcp_connection.ts";

/**
 * Connections that may have something to send, each at most once, in turn. Chained through the
 * connections: an array that is emptied with each segment would be made anew for the next.
 */
export class TurnQueue {
  #first: TcpConnection | undefined;
  #last: TcpConnection | undefined;

  /** Whether nobody waits for a turn. */
  get empty(): boolean {
    return this.#first === undefined;
  }

  add(connection: TcpConnection): void {
    if (connection.readyQueued) return;
    connection.readyQueued = true;
    if (this.#last === undefined) this.#first = connection;
    else this.#last.readyNext = connection;
    this.#last = connection;
  }

  /** The connection whose turn it is; `undefined` when there is none. */
  take(): TcpConnection | undefined {
    const connection = this.#first;
    if (connection === undefined) return undefined;
    this.#first = connection.readyNext;
    if (this.#first === undefined) this.#last = undefined;
    connection.readyNext = undefined;
    connection.readyQueued = false;
    return connection;
  }
}
