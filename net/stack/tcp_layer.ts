import { IPV4_HEADER_LENGTH, type Ipv4Fields } from "../wire/ipv4.ts";
import {
  TCP_ACK,
  TCP_HEADER_LENGTH,
  TCP_RST,
  TCP_SYN,
  type TcpFields,
  tcpFields,
} from "../wire/tcp.ts";
import { BufferPool } from "./buffer_pool.ts";
import { ConnectionTable } from "./connection_table.ts";
import { Deadlines } from "./deadlines.ts";
import { ephemeralPort } from "./ephemeral_port.ts";
import type { Endpoint, PendingTcp, TcpListener, TcpSocket } from "./interface.ts";
import type { StackLimits } from "./limits.ts";
import type { Network } from "./network.ts";
import { advanced } from "./sequence.ts";
import { TcpConnection, type TcpHost } from "./tcp_connection.ts";
import { receiveSegment } from "./tcp_input.ts";
import {
  Listener,
  type PendingDecision,
  PendingSyn,
  PendingSyns,
  type SynFields,
} from "./tcp_listener.ts";
import { type FrameTarget, writeSegment } from "./tcp_output.ts";
import { type BareSegment, queueBare, resetFor } from "./tcp_reset.ts";
import { runTimers } from "./tcp_timers.ts";
import { type Held, type TimeWait, TimeWaits } from "./time_wait.ts";
import { TurnQueue } from "./turn_queue.ts";

/** Everything of TCP that is not inside one connection: look-up, listeners, timers, turns to send. */
export class TcpLayer implements TcpHost, PendingDecision {
  readonly limits: StackLimits;
  readonly counters: Network["counters"];
  readonly random32: () => number;
  readonly segmentSize: number;
  readonly buffers = new BufferPool();
  nowMs = 0;
  /** Whether the stack itself is at work: what the application does, it need not be told. */
  working = false;

  readonly #network: Network;
  readonly #table: ConnectionTable<Held>;
  readonly #timeWaits: TimeWaits;
  readonly #deadlines = new Deadlines<TcpConnection>();
  readonly #listeners: Listener[] = [];
  /** The listener of each connection that was not accepted yet. */
  readonly #unaccepted = new Map<TcpConnection, Listener>();
  /** Connections in SYN-RECEIVED, oldest first. */
  readonly #halfOpen = new Set<TcpConnection>();
  readonly #pendingSyns: PendingSyns;
  readonly #segment: TcpFields = tcpFields();
  #decide: ((request: PendingTcp) => void) | undefined;
  readonly #ready = new TurnQueue();
  #changed: TcpConnection[] = [];
  #ringing: Listener[] = [];
  #undecided: PendingSyn[] = [];

  constructor(network: Network, limits: StackLimits, random32: () => number) {
    this.#network = network;
    this.limits = limits;
    this.counters = network.counters;
    this.random32 = random32;
    this.segmentSize = network.mtu - IPV4_HEADER_LENGTH - TCP_HEADER_LENGTH;
    const seed = random32() | 0;
    this.#table = new ConnectionTable(seed);
    this.#pendingSyns = new PendingSyns(seed);
    this.#timeWaits = new TimeWaits({ network, table: this.#table, limits });
  }

  get pending(): boolean {
    return !this.#ready.empty;
  }

  get count(): number {
    return this.#table.count + this.#listeners.length + this.#pendingSyns.count;
  }

  onSyn(decide: ((request: PendingTcp) => void) | undefined): void {
    this.#decide = decide;
  }

  listen(
    options: { readonly port: number; readonly backlog: number; readonly address?: number },
  ): TcpListener | "in_use" | "limit" {
    const taken = this.#listeners.some((other) =>
      other.port === options.port &&
      (other.address === undefined || options.address === undefined ||
        other.address === options.address)
    );
    if (taken) return "in_use";
    if (this.#listeners.length >= this.limits.listeners) return "limit";
    const listener = new Listener(options, (closed) => {
      const index = this.#listeners.indexOf(closed);
      if (index >= 0) this.#listeners.splice(index, 1);
    });
    this.#listeners.push(listener);
    return listener;
  }

  connect(
    options: { readonly remote: Endpoint; readonly local?: Partial<Endpoint> },
  ): TcpSocket | "limit" | "in_use" | "unreachable" {
    const { remote } = options;
    const address = options.local?.address ?? this.#network.sourceFor(remote.address);
    const reachable = address !== undefined && this.#network.mine(address) &&
      this.#network.nextHop(remote.address) !== undefined &&
      !this.#network.broadcast(remote.address) && !this.#network.loops(remote.address);
    if (!reachable) return "unreachable";
    if (!this.#roomForOne()) return "limit";
    const port = options.local?.port ?? this.#freePort(address, remote);
    if (port === undefined) return "limit";
    const local = { address, port };
    const old = this.#table.find(local, remote);
    if (old instanceof TcpConnection || this.#pendingSyns.find(local, remote) !== undefined) {
      return "in_use";
    }
    if (old !== undefined) this.forget(old);
    const opening = { local, remote, state: "SYN-SENT", after: old?.sequence } as const;
    const made = new TcpConnection(this, opening);
    this.#table.add(made);
    this.ready(made);
    return made;
  }

  /** Takes the segment that `packet` carries. */
  receive(frame: Uint8Array, packet: Readonly<Ipv4Fields>): void {
    const segment = this.#segment;
    const local = { address: packet.target, port: segment.targetPort };
    const remote = { address: packet.source, port: segment.sourcePort };
    this.counters.tcpReceived++;
    const held = this.#table.find(local, remote);
    if (held instanceof TcpConnection) {
      const outcome = receiveSegment(held, segment, frame);
      if (outcome === "send_reset") this.#refuse(local, remote);
    } else if (held !== undefined && !held.isReopenedBy(segment)) {
      this.#timeWaits.receive(held, segment, this.nowMs);
    } else {
      if (held !== undefined) this.forget(held);
      this.#receiveStray(local, remote);
    }
  }

  /** Where `receive` expects the parsed segment. */
  get segment(): TcpFields {
    return this.#segment;
  }

  /** The network says that a SYN of ours cannot be delivered. `sequence` is what it quotes. */
  undeliverable(
    local: Endpoint,
    remote: Endpoint,
    error: { readonly sequence: number; readonly refused: boolean },
  ): void {
    const held = this.#table.find(local, remote);
    if (!(held instanceof TcpConnection) || held.state !== "SYN-SENT") return;
    if (held.send.initial === error.sequence) held.close(error.refused ? "refused" : "unreachable");
  }

  /** Writes the next segment of the connection whose turn it is. Returns the frame's length. */
  transmit(into: Uint8Array, nowMs: number, checksum: FrameTarget["checksum"]): number {
    this.nowMs = nowMs;
    for (;;) {
      const connection = this.#ready.take();
      if (connection === undefined) return 0;
      if (connection.state === "CLOSED") continue;
      const source = connection.local.address;
      const target = connection.remote.address;
      const mac = this.#network.macFor({ source, target, nowMs }, connection);
      if (mac === undefined) continue;
      const length = writeSegment(connection, {
        frame: into,
        source: this.#network.mac,
        target: mac,
        nowMs,
        checksum,
      });
      if (length === 0) continue;
      this.ready(connection);
      return length;
    }
  }

  poll(): void {
    const take = () => this.#deadlines.take(this.nowMs);
    for (let connection = take(); connection !== undefined; connection = take()) {
      runTimers(connection);
      if (connection.state !== "CLOSED") this.#deadlines.update(connection);
    }
    this.#timeWaits.expire(this.nowMs);
    for (
      let request = this.#pendingSyns.oldest;
      request !== undefined && request.expiresMs <= this.nowMs;
      request = this.#pendingSyns.oldest
    ) {
      this.drop(request);
    }
  }

  /** `Infinity` when no timer is set. */
  nextTimerMs(): number {
    if (this.#changed.length > 0) return this.nowMs;
    return Math.min(
      this.#deadlines.next() ?? Infinity,
      this.#timeWaits.nextMs,
      this.#pendingSyns.oldest?.expiresMs ?? Infinity,
    );
  }

  /** Calls the application back about everything that has changed. */
  notify(): void {
    if (this.#changed.length + this.#ringing.length + this.#undecided.length === 0) return;
    const changed = this.#changed;
    const ringing = this.#ringing;
    const undecided = this.#undecided;
    this.#changed = [];
    this.#ringing = [];
    this.#undecided = [];
    for (const connection of changed) connection.changeQueued = false;
    for (const request of undecided) {
      if (request.open) this.#decide?.(request);
    }
    for (const listener of ringing) listener.onChange?.();
    for (const connection of changed) connection.onChange?.();
  }

  accept(request: PendingSyn): TcpSocket {
    const { local, remote } = request;
    const connection = new TcpConnection(this, { local, remote, state: "SYN-RECEIVED" });
    if (!request.open) {
      connection.close("reset");
      return connection;
    }
    this.drop(request);
    this.#beginHandshake(connection, request.syn);
    return connection;
  }

  refuse(request: PendingSyn): void {
    this.drop(request);
    const { local, remote, syn } = request;
    const acknowledgement = advanced(syn.sequence, 1);
    this.#sendReset(local, remote, { sequence: 0, acknowledgement, flags: TCP_RST | TCP_ACK });
  }

  drop(request: PendingSyn): void {
    this.#pendingSyns.remove(request);
  }

  ready(connection: TcpConnection): void {
    this.#ready.add(connection);
  }

  changed(connection: TcpConnection): void {
    if (connection.changeQueued || !this.working) return;
    connection.changeQueued = true;
    this.#changed.push(connection);
  }

  timed(connection: TcpConnection): void {
    this.#deadlines.update(connection);
  }

  established(connection: TcpConnection): void {
    this.#halfOpen.delete(connection);
    const listener = this.#unaccepted.get(connection);
    if (listener === undefined) return;
    listener.complete(connection);
    this.#ring(listener);
  }

  lingering(connection: TcpConnection): TimeWait {
    this.closed(connection);
    return this.#timeWaits.begin(connection, this.nowMs);
  }

  forget(wait: TimeWait): void {
    this.#timeWaits.end(wait);
  }

  closed(connection: TcpConnection): void {
    this.#table.remove(connection);
    this.#deadlines.remove(connection);
    this.#halfOpen.delete(connection);
    this.#unaccepted.get(connection)?.forget(connection);
    this.#unaccepted.delete(connection);
  }

  reset(connection: TcpConnection): void {
    const { local, remote, send, receive } = connection;
    this.#sendReset(local, remote, {
      sequence: send.max,
      acknowledgement: receive.next,
      flags: TCP_RST | TCP_ACK,
    });
  }

  /** A segment for which no connection stands. Source: RFC 9293, "CLOSED STATE", "LISTEN STATE". */
  #receiveStray(local: Endpoint, remote: Endpoint): void {
    const { flags } = this.#segment;
    const request = this.#pendingSyns.find(local, remote);
    if ((flags & TCP_RST) !== 0) {
      const withdrawn = request !== undefined &&
        this.#segment.sequence === advanced(request.syn.sequence, 1);
      if (withdrawn) this.drop(request);
      return;
    }
    const opens = (flags & TCP_SYN) !== 0 && (flags & TCP_ACK) === 0;
    if (request !== undefined) {
      if (opens) request.syn = { ...this.#segment };
      return;
    }
    const listener = this.#listeners.find((candidate) =>
      candidate.port === local.port &&
      (candidate.address === undefined || candidate.address === local.address)
    );
    if (!opens || (listener === undefined && this.#decide === undefined)) {
      this.#refuse(local, remote);
    } else if (listener !== undefined) {
      this.#open(listener, local, remote);
    } else {
      this.#ask(local, remote);
    }
  }

  #open(listener: Listener, local: Endpoint, remote: Endpoint): void {
    if (listener.full) {
      const oldest = firstOf(listener.halfOpen);
      this.counters.tcpSynsDropped++;
      if (oldest === undefined) return;
      oldest.close(undefined);
    }
    if (!this.#roomForOne()) {
      this.counters.tcpSynsDropped++;
      return;
    }
    const connection = new TcpConnection(this, { local, remote, state: "SYN-RECEIVED" });
    listener.halfOpen.add(connection);
    this.#unaccepted.set(connection, listener);
    this.#beginHandshake(connection, this.#segment);
  }

  #beginHandshake(connection: TcpConnection, syn: SynFields): void {
    if (this.#halfOpen.size >= this.limits.synBacklog) {
      this.counters.tcpSynsDropped++;
      firstOf(this.#halfOpen)?.close("timed_out");
    }
    this.#halfOpen.add(connection);
    this.#table.add(connection);
    connection.meet(syn);
    this.ready(connection);
  }

  #ask(local: Endpoint, remote: Endpoint): void {
    if (this.#pendingSyns.count >= this.limits.pendingSyns || !this.#roomForOne()) {
      this.counters.tcpSynsDropped++;
      return;
    }
    const expiresMs = this.nowMs + this.limits.pendingSynMs;
    const syn = { ...this.#segment };
    const request = new PendingSyn({ local, remote, syn, expiresMs }, this);
    this.#pendingSyns.add(request);
    this.#undecided.push(request);
  }

  /** Answers the current segment with RST. */
  #refuse(local: Endpoint, remote: Endpoint): void {
    const answer = resetFor(this.#segment);
    if (answer !== undefined) this.#sendReset(local, remote, answer);
  }

  #sendReset(local: Endpoint, remote: Endpoint, reset: BareSegment): void {
    if (queueBare(this.#network, { local, remote }, reset)) this.counters.tcpResetsSent++;
  }

  #roomForOne(): boolean {
    if (this.#table.count + this.#pendingSyns.count < this.limits.tcpSockets) return true;
    return this.#timeWaits.evict();
  }

  #freePort(address: number, remote: Endpoint): number | undefined {
    return ephemeralPort(
      this.random32(),
      (port) =>
        this.#table.find({ address, port }, remote) !== undefined ||
        this.#listeners.some((listener) => listener.port === port),
    );
  }

  #ring(listener: Listener): void {
    if (!this.#ringing.includes(listener)) this.#ringing.push(listener);
  }
}

function firstOf(set: ReadonlySet<TcpConnection>): TcpConnection | undefined {
  for (const connection of set) return connection;
  return undefined;
}
