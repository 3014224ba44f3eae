import {
  type Clock,
  type HostAddress,
  type HostListener,
  HostSocketFailure,
  type HostSockets,
  type Link,
  type LinkPort,
  type PartialChecksum,
  type Turns,
} from "@runtime/core/ports.ts";
import { createStack, type Ipv4Address, type Stack, type StackCounters } from "../stack/stack.ts";
import {
  AddressBook,
  GATEWAY_ADDRESS,
  GUEST_ADDRESS,
  GUEST_PREFIX_LENGTH,
} from "./address_book.ts";
import { type GatewayCounters, gatewayCounters } from "./counters.ts";
import { GATEWAY_LIMITS, type GatewayLimits } from "./limits.ts";
import { type GatewayParts, TcpFlows, type TurnedAway } from "./tcp_flows.ts";
import { UdpNat } from "./udp_nat.ts";

export { GATEWAY_ADDRESS, GUEST_ADDRESS, GUEST_PREFIX_LENGTH } from "./address_book.ts";
export type { GatewayCounters } from "./counters.ts";
export { GATEWAY_LIMITS, type GatewayLimits } from "./limits.ts";
export type { TurnedAway } from "./tcp_flows.ts";

/** The gateway's own station address: QEMU's. */
export const GATEWAY_MAC: Uint8Array = Uint8Array.of(0x52, 0x55, 0x0a, 0x00, 0x02, 0x02);

const NS_PER_MS = 1e6;
/** The stack forgets a SYN only after the gateway has given up on its host. */
const SYN_GRACE_MS = 1000;

/** What a gateway is made of. */
export interface GatewayOptions {
  readonly sockets: HostSockets;
  readonly clock: Clock;
  readonly turns: Turns;
  /** A fresh random integer 0..2^32-1. */
  readonly random32: () => number;
  /** Largest IP packet in bytes, 576..65535. */
  readonly mtu: number;
  readonly limits?: Partial<GatewayLimits>;
  /** Told of each connection from outside that did not reach the guest, which cannot name it. */
  readonly turnedAway?: (why: TurnedAway) => void;
}

/** A port of the host that leads to one of the guest. */
export interface PortForward {
  /** Where the host listens; port 0 lets it choose. */
  readonly host: HostAddress;
  readonly guestPort: number;
}

/** A gateway as the far end of a network card. */
export interface Gateway extends Link {
  /**
   * Opens a port of the host and leads what connects there to the guest, which sees the peer's
   * real IPv4 address; the host's loopback as 10.0.2.2, IPv6 as an address in 198.18.0.0/15.
   *
   * @returns the address that the host listens on.
   * @throws {HostSocketFailure} when the port cannot be had; `too_many` when the limit is reached.
   */
  forward(forward: PortForward): Promise<HostAddress>;
  /**
   * The address under which the guest reaches a host address (text, no name); kept for good.
   *
   * @returns `undefined` when it cannot be dialled, or too many are kept.
   */
  guestAddressOf(hostAddress: string): Ipv4Address | undefined;
  counters(): GatewayCounters;
  stackCounters(): StackCounters;
  /** Everything that holds state: flows, UDP mappings, forwards, the stack's sockets. */
  count(): number;
  /** Resolves when no TCP connection is left: what the guest ended has reached the far ends. */
  idle(): Promise<void>;
  /** Resets every connection and closes every port; resolves when the host has let go of all. */
  close(): Promise<void>;
}

/**
 * What QEMU calls `-netdev user`: a network of its own, 10.0.2.0/24, whose gateway 10.0.2.2 turns
 * TCP and UDP of the guest 10.0.2.15 into sockets of the host.
 *
 * The guest's SYN is answered once the host's connection stands; a refusal, a reset and a timeout
 * reach the guest as RST. Echo requests are answered for 10.0.2.2 alone: an answer in another
 * host's name would be a lie.
 */
export function createGateway(options: GatewayOptions): Gateway {
  return new UserGateway(options);
}

class UserGateway implements Gateway {
  readonly mtu: number;
  readonly checksums = "offloaded";
  readonly #parts: GatewayParts;
  readonly #stack: Stack;
  readonly #tcp: TcpFlows;
  readonly #udp: UdpNat;
  readonly #listeners = new Set<HostListener>();
  #port: LinkPort | undefined;
  #awake = false;
  #flushing = false;
  #closed = false;
  #timerNs = Infinity;
  #cancelTimer: (() => void) | undefined;

  constructor(options: GatewayOptions) {
    const limits = { ...GATEWAY_LIMITS, ...options.limits };
    const counters = gatewayCounters();
    this.mtu = options.mtu;
    this.#stack = gatewayStack(options, limits);
    this.#parts = {
      sockets: options.sockets,
      clock: options.clock,
      turns: options.turns,
      stack: this.#stack,
      book: new AddressBook(limits, counters),
      limits,
      counters,
      turnedAway: options.turnedAway ?? (() => {}),
      flush: () => this.#flush(),
    };
    this.#tcp = new TcpFlows(this.#parts);
    this.#udp = new UdpNat(this.#parts);
    this.#stack.onTcpSyn((request) => this.#tcp.outward(request));
    this.#stack.onUdp((target, guest, bytes) => this.#udp.outward(target, guest, bytes));
  }

  attach(port: LinkPort): void {
    this.#port = port;
    this.#wake();
  }

  transmit(frame: Uint8Array, checksum?: Readonly<PartialChecksum>): void {
    if (this.#closed) return;
    const flushing = this.#flushing;
    this.#flushing = true;
    this.#stack.receive(frame, this.#nowMs(), checksum);
    this.#tcp.pump();
    this.#flushing = flushing;
    this.#setTimer();
    // Acknowledgements wait until the card has sent all it has.
    if (this.#stack.pending) this.#wake();
  }

  receive(into: Uint8Array, checksum?: PartialChecksum): number {
    const length = this.#stack.transmit(into, this.#nowMs(), checksum);
    if (length > 0) this.#setTimer();
    return length;
  }

  async forward({ host, guestPort }: PortForward): Promise<HostAddress> {
    const { limits, sockets } = this.#parts;
    if (this.#listeners.size >= limits.forwards) throw new HostSocketFailure("too_many", host);
    const listener = await sockets.listenTcp(host, (tcp) => this.#tcp.inward(tcp, guestPort));
    if (this.#closed) {
      await listener.close();
      throw new HostSocketFailure("aborted", host);
    }
    this.#listeners.add(listener);
    return listener.local;
  }

  guestAddressOf(hostAddress: string): Ipv4Address | undefined {
    return this.#parts.book.dialled(hostAddress);
  }

  counters(): GatewayCounters {
    return { ...this.#parts.counters };
  }

  stackCounters(): StackCounters {
    return this.#stack.counters();
  }

  count(): number {
    return this.#tcp.count + this.#udp.count + this.#listeners.size + this.#stack.sockets();
  }

  idle(): Promise<void> {
    return this.#tcp.idle();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelTimer?.();
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    await Promise.all([
      ...listeners.map((listener) => listener.close()),
      this.#tcp.close(),
      this.#udp.close(),
    ]);
  }

  #nowMs(): number {
    return Math.floor(this.#parts.clock.nowNs() / NS_PER_MS);
  }

  /** Puts off a flush until everything that is ready now has run. */
  #wake(): void {
    if (this.#awake || this.#closed) return;
    this.#awake = true;
    this.#parts.turns.later(() => {
      this.#awake = false;
      this.#flush();
    });
  }

  /** Passes on what changed, and tells the card. Events within it are part of it. */
  #flush(): void {
    if (this.#flushing || this.#closed) return;
    this.#flushing = true;
    this.#tcp.pump();
    if (this.#stack.pending) this.#port?.available();
    this.#flushing = false;
    this.#setTimer();
  }

  /** Keeps one timer, which may be early: then it finds nothing due and is set again. */
  #setTimer(): void {
    // Up: the stack's clock shows whole milliseconds, and earlier there is nothing to do yet.
    const nextNs = Math.ceil(this.#stack.nextTimerMs() ?? Infinity) * NS_PER_MS;
    if (nextNs >= this.#timerNs) return;
    this.#cancelTimer?.();
    this.#timerNs = nextNs;
    this.#cancelTimer = this.#parts.turns.at(this.#timerNs, () => this.#timerRan());
  }

  #timerRan(): void {
    this.#timerNs = Infinity;
    this.#cancelTimer = undefined;
    this.#stack.poll(this.#nowMs());
    this.#flush();
  }
}

function gatewayStack(options: GatewayOptions, limits: GatewayLimits): Stack {
  return createStack({
    mac: GATEWAY_MAC,
    mtu: options.mtu,
    addresses: "any",
    notMine: [GUEST_ADDRESS],
    echoAddresses: [GATEWAY_ADDRESS],
    prefixLength: GUEST_PREFIX_LENGTH,
    router: GUEST_ADDRESS,
    random32: options.random32,
    limits: {
      // One more, so that the gateway can refuse it.
      pendingSyns: limits.connecting + 1,
      pendingSynMs: limits.connectTimeoutMs + SYN_GRACE_MS,
    },
  });
}
