/**
 * What the stack offers: one network interface with ARP, IPv4, ICMP echo, UDP and TCP.
 *
 * Pure: frames go in and out as bytes, time is a parameter, randomness is injected. Nothing here
 * waits; whoever owns the wire calls `receive`, `poll` and `transmit`.
 *
 * @module
 */

import type { PartialChecksum } from "@runtime/core/ports.ts";
import type { Ipv4Address } from "../wire/ipv4.ts";
import type { StackCounters } from "./counters.ts";
import type { StackLimits } from "./limits.ts";
import type { TcpState } from "./tcp_state.ts";

export type { Ipv4Address, StackCounters, StackLimits, TcpState };

/** One end of a connection. `port` is 1..65535. */
export interface Endpoint {
  readonly address: Ipv4Address;
  readonly port: number;
}

/** How the interface is addressed; may change while the stack runs (a lease, say). */
export interface StackAddressing {
  /**
   * The stack's own addresses. `"any"` is the gateway's role: the stack takes packets to every
   * unicast destination but `notMine`, answers ARP for them, and holds every destination to be on
   * its link unless `router` is set.
   */
  readonly addresses: readonly Ipv4Address[] | "any";
  /** In the gateway's role: addresses that belong to others on the link. */
  readonly notMine?: readonly Ipv4Address[];
  /** Which addresses answer ICMP echo; `addresses` unless given, none in the gateway's role. */
  readonly echoAddresses?: readonly Ipv4Address[];
  /** Length of the network prefix in bits, 0..32. */
  readonly prefixLength: number;
  /** Next hop for destinations outside the prefix. */
  readonly router?: Ipv4Address;
}

/** What a stack is made of. */
export interface StackOptions extends StackAddressing {
  /** 6 bytes. */
  readonly mac: Uint8Array;
  /** Largest IP packet in bytes, 576..65535. */
  readonly mtu: number;
  /** A fresh random integer 0..2^32-1 (initial sequence numbers, ports). */
  readonly random32: () => number;
  readonly limits?: Partial<StackLimits>;
}

/** Why a connection failed. */
export type TcpFailure = "refused" | "reset" | "timed_out" | "unreachable";

/** One TCP connection. Nothing here blocks; `onChange` tells when to look again. */
export interface TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly state: TcpState;
  /**
   * Called at the end of `receive` or `poll`, at most once in each, after `readable`, `writable`,
   * `readEnded`, `state` or `failure` changed; not at the end of `TIME-WAIT`. May use the socket and
   * the stack, but must not call `receive` or `poll`.
   */
  onChange: (() => void) | undefined;
  /** Bytes that wait in order. */
  readonly readable: number;
  /** Whether the peer has ended its stream and every byte of it was read. */
  readonly readEnded: boolean;
  /** Moves bytes out. Returns how many, 0 when none wait. */
  read(into: Uint8Array): number;
  /** A view of waiting bytes, valid until the next call; may be fewer than `readable`. */
  peek(): Uint8Array;
  /** Drops `count` waiting bytes (after `peek`), and lets the peer send that many more. */
  consume(count: number): void;
  /** Bytes that `write` would take now; 0 after `end`. */
  readonly writable: number;
  /** Copies bytes into the send ring. Returns how many it took. */
  write(bytes: Uint8Array): number;
  /** Bytes written that the peer has not acknowledged. */
  readonly unacknowledged: number;
  /** Ends our stream: FIN after what is queued. Reading goes on. */
  end(): void;
  /** Ends both streams at once: RST, everything queued is dropped. */
  abort(): void;
  readonly failure: TcpFailure | undefined;
}

/** A port that accepts connections. */
export interface TcpListener {
  readonly port: number;
  /** `undefined`: every address of the stack. */
  readonly address: Ipv4Address | undefined;
  /** Called at the end of `receive` when connections wait. */
  onChange: (() => void) | undefined;
  /** Connections that have completed their handshake and wait. */
  readonly waiting: number;
  accept(): TcpSocket | undefined;
  /** Stops listening and aborts what was not accepted. */
  close(): void;
}

/**
 * A SYN that waits for a decision. Exactly one of `accept`, `refuse` and `drop` counts, the first.
 */
export interface PendingTcp {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** Whether a decision still matters: not decided, expired or withdrawn by the peer. */
  readonly open: boolean;
  /** Sends SYN-ACK. When no longer {@linkcode open}, returns a closed socket with a failure. */
  accept(): TcpSocket;
  /** Sends RST. */
  refuse(): void;
  /** Forgets it: the peer may ask again. */
  drop(): void;
}

/** One datagram received. */
export interface Datagram {
  readonly remote: Endpoint;
  /** The address it was sent to (a broadcast address, perhaps). */
  readonly target: Ipv4Address;
  readonly payload: Uint8Array;
}

export type UdpSent = "ok" | "too_large" | "limit" | "unreachable";

/** A bound UDP port with a bounded queue. */
export interface UdpSocket {
  readonly port: number;
  readonly address: Ipv4Address | undefined;
  /** Called at the end of `receive` when datagrams wait. */
  onChange: (() => void) | undefined;
  readonly waiting: number;
  /** Datagrams lost because the queue was full. */
  readonly dropped: number;
  receive(): Datagram | undefined;
  send(remote: Endpoint, payload: Uint8Array): UdpSent;
  close(): void;
}

/** A handler of datagrams to ports without a socket. `payload` is valid during the call. */
export type UdpHandler = (local: Endpoint, remote: Endpoint, payload: Uint8Array) => void;

/** One echo request to send. */
export interface PingOptions {
  readonly remote: Ipv4Address;
  /** The source; the stack's first address unless given. */
  readonly local?: Ipv4Address;
  readonly ident: number;
  readonly sequence: number;
  readonly payload?: Uint8Array;
}

export interface Stack {
  /**
   * Takes one Ethernet frame, whose bytes are valid during the call only. Never throws on it.
   *
   * @param checksum What the frame's sender has left of its checksum, by the word of a wire that
   *   cannot change a byte. It counts for the TCP or UDP header that it points at, and nothing else.
   */
  receive(frame: Uint8Array, nowMs: number, checksum?: Readonly<PartialChecksum>): void;
  /**
   * Writes the next outgoing frame into `into`.
   *
   * @param into At least 14 bytes more than the MTU; in less, segments shrink and longer packets
   *   are dropped.
   * @param checksum Given by a wire that cannot change a byte: TCP then leaves its checksum partial,
   *   and `start` says so; it is 0 for a complete frame.
   * @returns the frame's length in bytes; 0 when there is nothing to send now.
   */
  transmit(into: Uint8Array, nowMs: number, checksum?: PartialChecksum): number;
  /** Whether {@linkcode transmit} may have something. */
  readonly pending: boolean;
  /** Runs every timer that is due. */
  poll(nowMs: number): void;
  /** When {@linkcode poll} must run next; `undefined` when no timer is set. */
  nextTimerMs(): number | undefined;
  /** Replaces the addresses. Connections from addresses that went away time out. */
  configure(addressing: StackAddressing): void;
  listenTcp(
    options: { readonly port: number; readonly backlog: number; readonly address?: Ipv4Address },
  ): TcpListener | "in_use" | "limit";
  /**
   * Begins a connection. With a local port that an old connection to the same remote end has in
   * TIME-WAIT it takes that one's place, numbered beyond it.
   *
   * Source: RFC 9293, "Half-Closed Connections", what a reopened connection is numbered by.
   */
  connectTcp(
    options: { readonly remote: Endpoint; readonly local?: Partial<Endpoint> },
  ): TcpSocket | "limit" | "in_use" | "unreachable";
  /** The gateway's role: names who decides about a SYN to a port without a listener. */
  onTcpSyn(decide: ((request: PendingTcp) => void) | undefined): void;
  bindUdp(
    options: { readonly port: number; readonly address?: Ipv4Address },
  ): UdpSocket | "in_use" | "limit";
  /** The gateway's role: names who takes datagrams to ports without a socket. */
  onUdp(handler: UdpHandler | undefined): void;
  /** Sends a datagram; `local.address` 0 and broadcast targets are allowed. */
  sendUdp(local: Endpoint, remote: Endpoint, payload: Uint8Array): UdpSent;
  /** Sends an echo request; `done` gets the round trip, or `undefined` after `timeoutMs`. */
  ping(
    options: PingOptions,
    done: (rttMs: number | undefined) => void,
    nowMs: number,
    timeoutMs: number,
  ): "ok" | "limit" | "unreachable";
  counters(): StackCounters;
  /** Everything that holds state: connections, undecided SYNs, listeners, UDP sockets, pings. */
  sockets(): number;
}
