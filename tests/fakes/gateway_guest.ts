import {
  createGateway,
  type Gateway,
  GATEWAY_ADDRESS,
  type GatewayLimits,
  GUEST_ADDRESS,
  GUEST_PREFIX_LENGTH,
} from "@net/gateway/gateway.ts";
import { createStack, type Stack, type TcpSocket } from "@net/stack/stack.ts";
import type { HostSocketError, HostStream } from "@runtime/core/ports.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { type FakeHostSockets, fakeHostSockets } from "./host_sockets.ts";

const MTU = 1500;
const GUEST_MAC = Uint8Array.of(0x52, 0x54, 0x00, 0x12, 0x34, 0x56);
const STEP_MS = 10;

/** A gateway with a guest on its link and an imagined host behind it. */
export interface GatewayGuest {
  readonly clock: ManualClock;
  readonly sockets: FakeHostSockets;
  readonly gateway: Gateway;
  readonly guest: Stack;
  /** How often the gateway said that it has frames. */
  announcements(): number;
  /** Runs everything that needs no time to pass. */
  settle(): void;
  /** Lets time pass in small steps, settling after each. */
  pass(ms: number): void;
  /** Sends a raw frame of the guest. */
  send(frame: Uint8Array): void;
}

/** A repeatable sequence: a multiplier of full period. */
function counted(seed: number): () => number {
  let state = seed >>> 0;
  return () => state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
}

export function gatewayGuest(limits: Partial<GatewayLimits> = {}): GatewayGuest {
  const clock = manualClock();
  const sockets = fakeHostSockets(clock);
  const random32 = counted(1);
  const gateway = createGateway({ sockets, clock, turns: clock, random32, mtu: MTU, limits });
  const guest = createStack({
    mac: GUEST_MAC,
    mtu: MTU,
    addresses: [GUEST_ADDRESS],
    prefixLength: GUEST_PREFIX_LENGTH,
    router: GATEWAY_ADDRESS,
    random32: counted(2),
  });
  const buffer = new Uint8Array(MTU + 14);
  let announced = 0;
  let announcements = 0;
  gateway.attach({
    available() {
      announced = 1;
      announcements++;
    },
  });
  const nowMs = () => clock.nowNs() / 1e6;
  /** Moves frames that were announced, and the guest's; false when there were none. */
  const exchange = () => {
    let moved = false;
    for (let length = announced; length > 0;) {
      length = gateway.receive(buffer);
      announced = 0;
      if (length === 0) break;
      guest.receive(buffer.subarray(0, length), nowMs());
      moved = true;
    }
    for (let length = guest.transmit(buffer, nowMs()); length > 0;) {
      gateway.transmit(buffer.subarray(0, length));
      length = guest.transmit(buffer, nowMs());
      moved = true;
    }
    return moved;
  };
  const settle = () => {
    do clock.runLater(); while (exchange());
  };
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= STEP_MS) {
      clock.advanceMs(Math.min(left, STEP_MS));
      guest.poll(nowMs());
      settle();
    }
  };
  const send = (frame: Uint8Array) => gateway.transmit(frame);
  return {
    clock,
    sockets,
    gateway,
    guest,
    announcements: () => announcements,
    settle,
    pass,
    send,
  };
}

/** One end of a host stream with everything that it told. */
export interface StreamRecord {
  readonly stream: HostStream;
  readonly events: string[];
  /** Bytes received, as text. */
  text(): string;
  length(): number;
  /** How many writes of the other end brought them. */
  pieces(): number;
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
    pieces: () => parts.length,
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
