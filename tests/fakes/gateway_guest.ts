import {
  createGateway,
  type Gateway,
  GATEWAY_ADDRESS,
  type GatewayLimits,
  GUEST_ADDRESS,
  GUEST_PREFIX_LENGTH,
  type TurnedAway,
} from "@net/gateway/gateway.ts";
import { createStack, type Stack, type TcpSocket } from "@net/stack/stack.ts";
import type { HostSocketError, HostStream } from "@runtime/core/ports.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { type FakeHostSockets, fakeHostSockets } from "./host_sockets.ts";

const MTU = 1500;
const GUEST_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
const ETHERNET_HEADER_LENGTH = 14;
const STEP_MS = 10;

/** A gateway with a guest on its link and an imagined host behind it. */
export interface GatewayGuest {
  readonly clock: ManualClock;
  readonly sockets: FakeHostSockets;
  readonly gateway: Gateway;
  readonly guest: Stack;
  /** Why each connection from outside did not reach the guest, in order. */
  readonly turnedAway: readonly TurnedAway[];
  /** How often the gateway said that it has frames. */
  announcements(): number;
  /** Runs everything that needs no time to pass. */
  settle(): void;
  /** Lets time pass in small steps, settling after each. */
  pass(ms: number): void;
}

/** A repeatable sequence: a multiplier of full period. */
function counted(seed: number): () => number {
  let state = seed >>> 0;
  return () => state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
}

/** A stack with the guest's address, as netstackd has one. */
export function guestStack(mtu: number): Stack {
  return createStack({
    mac: GUEST_MAC,
    mtu,
    addresses: [GUEST_ADDRESS],
    prefixLength: GUEST_PREFIX_LENGTH,
    router: GATEWAY_ADDRESS,
    random32: counted(2),
  });
}

/** The cable between a gateway and a guest; the gateway's frames move once it announced them. */
export class GuestCable {
  announcements = 0;
  readonly #gateway: Gateway;
  readonly #guest: Stack;
  readonly #nowMs: () => number;
  readonly #buffer: Uint8Array;
  #announced = false;

  /** @param announced Called when the gateway has frames. */
  constructor(gateway: Gateway, guest: Stack, nowMs: () => number, announced?: () => void) {
    this.#gateway = gateway;
    this.#guest = guest;
    this.#nowMs = nowMs;
    this.#buffer = new Uint8Array(gateway.mtu + ETHERNET_HEADER_LENGTH);
    gateway.attach({
      available: () => {
        this.#announced = true;
        this.announcements++;
        announced?.();
      },
    });
  }

  /** Moves what there is, once in each direction; false when there was nothing. */
  exchange(): boolean {
    const buffer = this.#buffer;
    let moved = false;
    for (let length = this.#fromGateway(); length > 0; length = this.#fromGateway()) {
      this.#guest.receive(buffer.subarray(0, length), this.#nowMs());
      moved = true;
    }
    this.#announced = false;
    const take = () => this.#guest.transmit(buffer, this.#nowMs());
    for (let length = take(); length > 0; length = take()) {
      this.#gateway.transmit(buffer.subarray(0, length));
      moved = true;
    }
    return moved;
  }

  #fromGateway(): number {
    return this.#announced ? this.#gateway.receive(this.#buffer) : 0;
  }
}

export function gatewayGuest(limits: Partial<GatewayLimits> = {}): GatewayGuest {
  const clock = manualClock();
  const sockets = fakeHostSockets(clock);
  const random32 = counted(1);
  const turnedAway: TurnedAway[] = [];
  const gateway = createGateway({
    sockets,
    clock,
    turns: clock,
    random32,
    mtu: MTU,
    limits,
    turnedAway: (why) => turnedAway.push(why),
  });
  const guest = guestStack(MTU);
  const nowMs = () => clock.nowNs() / 1e6;
  const cable = new GuestCable(gateway, guest, nowMs);
  const settle = () => {
    do clock.runLater(); while (cable.exchange());
  };
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      clock.advanceMs(Math.min(left, STEP_MS));
      guest.poll(nowMs());
      settle();
    }
  };
  const announcements = () => cable.announcements;
  return { clock, sockets, gateway, guest, turnedAway, announcements, settle, pass };
}

/** One end of a host stream with everything that it told. */
export interface StreamRecord {
  readonly stream: HostStream;
  readonly events: string[];
  /** Bytes received, as text. */
  text(): string;
  length(): number;
  /** From now on, takes at most this many bytes in all; `Infinity` for everything. */
  take(bytesMax: number): void;
  error(): HostSocketError | undefined;
}

export function recordStream(stream: HostStream, takeMax = Infinity): StreamRecord {
  const events: string[] = [];
  const parts: Uint8Array[] = [];
  let length = 0;
  let max = takeMax;
  let failure: HostSocketError | undefined;
  stream.observe({
    opened: () => events.push("opened"),
    data(bytes) {
      const taken = bytes.slice(0, Math.max(0, max - length));
      parts.push(taken);
      length += taken.length;
      return taken.length;
    },
    ended: () => events.push("ended"),
    writable: () => events.push("writable"),
    closed(error) {
      failure = error;
      events.push("closed");
    },
  });
  return {
    stream,
    events,
    text: () => parts.map((part) => new TextDecoder().decode(part)).join(""),
    length: () => length,
    take(bytesMax) {
      max = bytesMax;
      stream.resume();
    },
    error: () => failure,
  };
}

/** Everything that waits at a socket of the guest, as text. */
export function readText(socket: TcpSocket): string {
  const bytes = new Uint8Array(socket.readable);
  socket.read(bytes);
  return new TextDecoder().decode(bytes);
}

export function textBytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
