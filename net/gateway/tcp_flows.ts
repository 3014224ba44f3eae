import type { Clock, HostSocketError, HostSockets, HostTcp, Turns } from "@runtime/core/ports.ts";
import type { PendingTcp, Stack } from "../stack/stack.ts";
import { type AddressBook, GUEST_ADDRESS } from "./address_book.ts";
import type { GatewayCounters } from "./counters.ts";
import type { GatewayLimits } from "./limits.ts";
import { TcpFlow, type TcpFlowEvents } from "./tcp_flow.ts";

const NS_PER_MS = 1e6;

/** Why a connection from outside did not reach the guest: a limit, or the guest did not take it. */
export type TurnedAway = "limit" | "not_taken";

/** What the parts of one gateway share. */
export interface GatewayParts {
  readonly sockets: HostSockets;
  readonly clock: Clock;
  readonly turns: Turns;
  readonly stack: Stack;
  readonly book: AddressBook;
  readonly limits: GatewayLimits;
  readonly counters: GatewayCounters;
  /** Tells of each connection from outside that did not reach the guest. */
  readonly turnedAway: (why: TurnedAway) => void;
  /** Passes on what an event of the host changed; called at its end. */
  readonly flush: () => void;
}

/** A flow with the way it came. */
interface Entry {
  readonly flow: TcpFlow;
  /** The far end's address as the guest sees it; held in the book. */
  readonly address: number;
  /** What refuses the guest while the host has not connected. */
  readonly request: PendingTcp | undefined;
  /** The port of the guest that a forward leads to. */
  readonly guestPort: number;
  stage: "connecting" | "waiting" | "handshake" | "joined";
}

/** Every TCP connection between the guest and the host. */
export class TcpFlows implements TcpFlowEvents {
  readonly #parts: GatewayParts;
  readonly #entries = new Map<TcpFlow, Entry>();
  /** Forwarded connections that wait for their handshake, the oldest first. */
  readonly #waiting = new Set<Entry>();
  readonly #changed: TcpFlow[] = [];
  /** When to give up on a host that has not connected, the earliest first. */
  readonly #deadlinesNs = new Map<Entry, number>();
  #cancelTimer: (() => void) | undefined;
  #connecting = 0;
  #handshakes = 0;
  #emptied: (() => void) | undefined;
  readonly #awaitingIdle = new Set<() => void>();

  constructor(parts: GatewayParts) {
    this.#parts = parts;
  }

  get count(): number {
    return this.#entries.size;
  }

  /** Connects to where a SYN of the guest points, and answers it only when that stands. */
  outward(request: PendingTcp): void {
    const { book, counters, limits, sockets } = this.#parts;
    if (this.#full || this.#connecting >= limits.connecting) {
      counters.limited++;
      request.refuse();
      return;
    }
    const { address, port } = request.local;
    const host = book.holdTarget(address);
    if (host === undefined) {
      counters.outwardUnroutable++;
      request.refuse();
      return;
    }
    const entry = this.#add(sockets.connectTcp({ host, port }), {
      address,
      request,
      guestPort: request.remote.port,
      stage: "connecting",
    });
    this.#connecting++;
    const nowNs = this.#parts.clock.nowNs();
    this.#deadlinesNs.set(entry, nowNs + limits.connectTimeoutMs * NS_PER_MS);
    this.#setTimer();
  }

  /** Leads a connection that a forward accepted to the guest. */
  inward(host: HostTcp, guestPort: number): void {
    const { book, counters, limits } = this.#parts;
    const full = this.#full || this.#waiting.size >= limits.forwardsWaiting;
    const address = full ? undefined : book.holdPeer(host.remote.host);
    if (address === undefined) {
      counters.limited++;
      this.#parts.turnedAway("limit");
      refuse(host);
      return;
    }
    const stage = "waiting";
    this.#waiting.add(this.#add(host, { address, request: undefined, guestPort, stage }));
    this.#beginHandshakes();
    this.#parts.flush();
  }

  /** Lets every flow pass on what changed since the last time, and in the course of it. */
  pump(): void {
    const changed = this.#changed;
    for (let index = 0; index < changed.length; index++) {
      const flow = changed[index];
      if (flow === undefined) break;
      flow.queued = false;
      this.#followHandshake(flow);
      flow.pump();
    }
    changed.length = 0;
  }

  /** Resets everything; resolves when the host has let go of every connection. */
  close(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#emptied = resolve;
    this.#cancelTimer?.();
    for (const flow of [...this.#entries.keys()]) flow.reset();
    if (this.#entries.size === 0) resolve();
    return promise;
  }

  /** Resolves when every connection has ended, those included that come meanwhile. */
  idle(): Promise<void> {
    if (this.#entries.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#awaitingIdle.add(resolve));
  }

  opened(flow: TcpFlow): void {
    const entry = this.#entries.get(flow);
    if (entry?.request === undefined) return;
    this.#leaveStage(entry);
    this.#parts.counters.outwardOpened++;
    flow.join(entry.request.accept());
    this.#parts.flush();
  }

  guestChanged(flow: TcpFlow): void {
    if (flow.queued) return;
    flow.queued = true;
    this.#changed.push(flow);
  }

  hostChanged(flow: TcpFlow): void {
    this.guestChanged(flow);
    this.#parts.flush();
  }

  over(flow: TcpFlow, _error: HostSocketError | undefined): void {
    const entry = this.#entries.get(flow);
    if (entry === undefined) return;
    if (entry.stage === "connecting") {
      this.#parts.counters.outwardRefused++;
      entry.request?.refuse();
    } else if (entry.stage !== "joined") {
      this.#parts.counters.inwardRefused++;
      this.#parts.turnedAway("not_taken");
    }
    this.#leaveStage(entry);
    this.#entries.delete(flow);
    this.#parts.book.release(entry.address);
    this.#beginHandshakes();
    this.#parts.flush();
    if (this.#entries.size > 0) return;
    this.#emptied?.();
    for (const resolve of this.#awaitingIdle) resolve();
    this.#awaitingIdle.clear();
  }

  get #full(): boolean {
    return this.#emptied !== undefined || this.#entries.size >= this.#parts.limits.tcpFlows;
  }

  #add(host: HostTcp, way: Pick<Entry, "address" | "request" | "guestPort" | "stage">): Entry {
    const flow = new TcpFlow(host, this);
    const entry: Entry = { ...way, flow };
    this.#entries.set(flow, entry);
    return entry;
  }

  /** Keeps one timer, which may be early: a connection comes and goes without one of its own. */
  #setTimer(): void {
    if (this.#cancelTimer !== undefined || this.#emptied !== undefined) return;
    const [firstNs] = this.#deadlinesNs.values();
    if (firstNs === undefined) return;
    this.#cancelTimer = this.#parts.turns.at(firstNs, () => this.#giveUp());
  }

  #giveUp(): void {
    this.#cancelTimer = undefined;
    const nowNs = this.#parts.clock.nowNs();
    for (const [entry, atNs] of this.#deadlinesNs) {
      if (atNs > nowNs) break;
      this.#deadlinesNs.delete(entry);
      entry.flow.reset();
    }
    this.#setTimer();
  }

  #leaveStage(entry: Entry): void {
    this.#deadlinesNs.delete(entry);
    if (entry.stage === "connecting") this.#connecting--;
    if (entry.stage === "handshake") this.#handshakes--;
    this.#waiting.delete(entry);
    entry.stage = "joined";
  }

  /** The guest answered a forwarded connection's SYN: the next one may begin. */
  #followHandshake(flow: TcpFlow): void {
    const entry = this.#entries.get(flow);
    if (entry?.stage !== "handshake") return;
    const state = flow.guest?.state;
    if (state === "SYN-SENT" || state === "SYN-RECEIVED" || state === "CLOSED") return;
    this.#leaveStage(entry);
    this.#parts.counters.inwardOpened++;
    this.#beginHandshakes();
  }

  #beginHandshakes(): void {
    for (const entry of this.#waiting) {
      if (this.#handshakes >= this.#parts.limits.forwardHandshakes) return;
      this.#waiting.delete(entry);
      this.#handshakes++;
      entry.stage = "handshake";
      this.#connectGuest(entry);
    }
  }

  #connectGuest({ flow, address, guestPort }: Entry): void {
    const guest = this.#parts.stack.connectTcp({
      remote: { address: GUEST_ADDRESS, port: guestPort },
      local: { address, port: flow.host.remote.port },
    });
    if (typeof guest === "string") flow.reset();
    else flow.join(guest);
  }
}

/** Resets a connection that gets no flow. */
function refuse(host: HostTcp): void {
  host.observe({
    opened: () => {},
    data: (bytes) => bytes.length,
    ended: () => {},
    writable: () => {},
    closed: () => {},
  });
  host.reset();
}
