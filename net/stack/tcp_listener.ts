import { ConnectionTable, type Joined } from "./connection_table.ts";
import type { Endpoint, PendingTcp, TcpListener, TcpSocket } from "./interface.ts";
import type { Ipv4Address } from "../wire/ipv4.ts";
import type { TcpConnection } from "./tcp_connection.ts";

/** A listening port: connections being made, and those that wait to be accepted. */
export class Listener implements TcpListener {
  readonly port: number;
  readonly address: Ipv4Address | undefined;
  readonly backlog: number;
  onChange: (() => void) | undefined = undefined;
  /** Connections in SYN-RECEIVED, oldest first. */
  readonly halfOpen = new Set<TcpConnection>();
  readonly #accepted: TcpConnection[] = [];
  readonly #closed: (listener: Listener) => void;

  constructor(
    options: { readonly port: number; readonly backlog: number; readonly address?: Ipv4Address },
    closed: (listener: Listener) => void,
  ) {
    this.port = options.port;
    this.address = options.address;
    this.backlog = options.backlog;
    this.#closed = closed;
  }

  get waiting(): number {
    return this.#accepted.length;
  }

  /** Whether one more connection would be one too many, counting those that are being made. */
  get full(): boolean {
    return this.#accepted.length + this.halfOpen.size >= this.backlog;
  }

  /** The handshake of one of {@linkcode halfOpen} is complete. */
  complete(connection: TcpConnection): void {
    this.halfOpen.delete(connection);
    this.#accepted.push(connection);
  }

  /** A connection is over before it was accepted. */
  forget(connection: TcpConnection): void {
    if (this.halfOpen.delete(connection)) return;
    const index = this.#accepted.indexOf(connection);
    if (index >= 0 && connection.readable === 0) this.#accepted.splice(index, 1);
  }

  accept(): TcpSocket | undefined {
    return this.#accepted.shift();
  }

  close(): void {
    this.#closed(this);
    for (const connection of [...this.halfOpen, ...this.#accepted]) connection.abort();
    this.halfOpen.clear();
    this.#accepted.length = 0;
  }
}

/** What a SYN said. */
export interface SynFields {
  readonly sequence: number;
  readonly window: number;
  readonly mss: number;
  readonly windowShift: number;
}

/** What is done with a SYN that waited for its decision. */
export interface PendingDecision {
  accept(request: PendingSyn): TcpSocket;
  refuse(request: PendingSyn): void;
  drop(request: PendingSyn): void;
}

/** A SYN that waits for a decision. */
export class PendingSyn implements PendingTcp, Joined<PendingSyn> {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly expiresMs: number;
  /** The latest SYN of this peer: a repeated one may begin elsewhere. */
  syn: SynFields;
  open = true;
  /** The next one with the same hash. */
  hashNext: PendingSyn | undefined = undefined;
  readonly #decision: PendingDecision;

  constructor(
    request: {
      readonly local: Endpoint;
      readonly remote: Endpoint;
      readonly syn: SynFields;
      readonly expiresMs: number;
    },
    decision: PendingDecision,
  ) {
    this.local = request.local;
    this.remote = request.remote;
    this.syn = request.syn;
    this.expiresMs = request.expiresMs;
    this.#decision = decision;
  }

  accept(): TcpSocket {
    return this.#decision.accept(this);
  }

  refuse(): void {
    if (this.open) this.#decision.refuse(this);
  }

  drop(): void {
    if (this.open) this.#decision.drop(this);
  }
}

/** SYNs that wait for a decision, by both ends; the oldest first, and all wait equally long. */
export class PendingSyns {
  readonly #table: ConnectionTable<PendingSyn>;
  readonly #byAge = new Set<PendingSyn>();

  constructor(seed: number) {
    this.#table = new ConnectionTable(seed);
  }

  get count(): number {
    return this.#byAge.size;
  }

  /** The one that has waited longest. */
  get oldest(): PendingSyn | undefined {
    if (this.count === 0) return undefined;
    for (const request of this.#byAge) return request;
    return undefined;
  }

  find(local: Endpoint, remote: Endpoint): PendingSyn | undefined {
    return this.count === 0 ? undefined : this.#table.find(local, remote);
  }

  add(request: PendingSyn): void {
    this.#byAge.add(request);
    this.#table.add(request);
  }

  /** Takes one out: no decision about it matters any more. */
  remove(request: PendingSyn): void {
    request.open = false;
    this.#byAge.delete(request);
    this.#table.remove(request);
  }
}
