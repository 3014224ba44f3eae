import type { TcpConnection } from "./tcp_connection.ts";

/** Spent places at the front before they are cut off. */
const SPENT_MAX = 64;

/** Connections that may have something to send, each at most once, in turn. */
export class TurnQueue {
  readonly #connections: TcpConnection[] = [];
  #first = 0;

  get length(): number {
    return this.#connections.length - this.#first;
  }

  add(connection: TcpConnection): void {
    if (connection.readyQueued) return;
    connection.readyQueued = true;
    this.#connections.push(connection);
  }

  /** The connection whose turn it is; `undefined` when there is none. */
  take(): TcpConnection | undefined {
    const connection = this.#connections[this.#first];
    if (connection === undefined) return undefined;
    this.#first++;
    if (this.#first === this.#connections.length) {
      this.#connections.length = 0;
      this.#first = 0;
    } else if (this.#first > SPENT_MAX && this.#first * 2 > this.#connections.length) {
      this.#connections.splice(0, this.#first);
      this.#first = 0;
    }
    connection.readyQueued = false;
    return connection;
  }
}
