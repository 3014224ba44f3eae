import type { Endpoint } from "./interface.ts";
import type { TcpConnection } from "./tcp_connection.ts";

/**
 * Connections by both ends, and those in TIME-WAIT by age.
 *
 * Keyed by a seeded hash of the four numbers, so that a look-up allocates nothing; connections with
 * the same hash are chained.
 */
export class ConnectionTable {
  readonly #seed: number;
  readonly #chains = new Map<number, TcpConnection>();
  readonly #timeWaits = new Set<TcpConnection>();
  #count = 0;
  /** The connection found last: segments come in trains. */
  #latest: TcpConnection | undefined;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get count(): number {
    return this.#count;
  }

  get timeWaitCount(): number {
    return this.#timeWaits.size;
  }

  find(local: Endpoint, remote: Endpoint): TcpConnection | undefined {
    const latest = this.#latest;
    if (latest !== undefined && joins(latest, local, remote)) return latest;
    let connection = this.#chains.get(this.#hash(local, remote));
    while (connection !== undefined && !joins(connection, local, remote)) {
      connection = connection.hashNext;
    }
    if (connection !== undefined) this.#latest = connection;
    return connection;
  }

  add(connection: TcpConnection): void {
    const hash = this.#hash(connection.local, connection.remote);
    connection.hashNext = this.#chains.get(hash);
    this.#chains.set(hash, connection);
    this.#count++;
  }

  remove(connection: TcpConnection): void {
    if (this.#latest === connection) this.#latest = undefined;
    this.#timeWaits.delete(connection);
    const hash = this.#hash(connection.local, connection.remote);
    let before: TcpConnection | undefined;
    let current = this.#chains.get(hash);
    while (current !== undefined && current !== connection) {
      before = current;
      current = current.hashNext;
    }
    if (current === undefined) return;
    if (before !== undefined) before.hashNext = current.hashNext;
    else if (current.hashNext !== undefined) this.#chains.set(hash, current.hashNext);
    else this.#chains.delete(hash);
    current.hashNext = undefined;
    this.#count--;
  }

  /** Notes that the connection has entered TIME-WAIT, or begun it anew. */
  linger(connection: TcpConnection): void {
    this.#timeWaits.delete(connection);
    this.#timeWaits.add(connection);
  }

  /** The connection that has been in TIME-WAIT longest. */
  oldestTimeWait(): TcpConnection | undefined {
    for (const connection of this.#timeWaits) return connection;
    return undefined;
  }

  #hash(local: Endpoint, remote: Endpoint): number {
    let hash = Math.imul(this.#seed ^ remote.address, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ local.address, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13) ^ (remote.port << 16) ^ local.port, 0xc2b2ae35);
    return hash ^ (hash >>> 16);
  }
}

function joins(connection: TcpConnection, local: Endpoint, remote: Endpoint): boolean {
  return connection.remote.port === remote.port && connection.local.port === local.port &&
    connection.remote.address === remote.address && connection.local.address === local.address;
}
