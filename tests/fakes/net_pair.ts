import type { NetworkCard } from "@hw/driver/virtio_net.ts";
import { createStack, formatIpv4, type Stack, type StackLimits } from "@net/stack/stack.ts";
import { assert } from "@runtime/core/assert.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { Gate } from "@runtime/idl/policy.ts";
import { bind, type Bound, serve } from "@runtime/idl/server.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import type { Task } from "@runtime/kernel/task.ts";
import { HandleTable } from "@services/netstackd/handle_table.ts";
import { Network } from "@services/netstackd/network.ts";
import { netstackd, netstackV1 } from "@services/netstackd/protocol.ts";
import { createNetstackd } from "@services/netstackd/service.ts";
import { createNetstackV1 } from "@services/netstackd/service_v1.ts";
import { Sockets } from "@services/netstackd/sockets.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { principal } from "./direct.ts";
import { dice, testAddress, testStack } from "./link.ts";
import { bareMachine } from "./machine.ts";

/** Where the peer stands, as requests name it. */
export const PEER_IP: string = formatIpv4(testAddress(2));
/** Where netstackd stands. */
export const OWN_IP: string = formatIpv4(testAddress(1));

/** The same as a number. */
export const testOwnAddress: number = testAddress(1);

/** A client through the dispatcher, as a sender of this name. */
export interface Callers {
  v1(sender?: string, gate?: Gate): Client<typeof netstackV1>;
  v2(sender?: string, gate?: Gate): Client<typeof netstackd>;
}

/** netstackd on a card whose other end is a plain stack in the test's hands. Time is simulated. */
export interface NetPair extends Callers {
  readonly peer: Stack;
  readonly sockets: Sockets;
  /** netstackd's own task, whose memory the clients share. */
  readonly task: Task;
  readonly clock: ManualClock;
  readonly card: FakeCard;
  /** Frames both ways and everything that follows from them, until nothing more happens now. */
  settle(): Promise<void>;
  /** Lets time pass, with every timer on its way. */
  advance(ms: number): Promise<void>;
}

/** @param handleBefore The number before netstackd's first handle. */
export function netPair(
  options: { readonly limits?: Partial<StackLimits>; readonly handleBefore?: number } = {},
): NetPair {
  const clock = manualClock();
  const kernel = new Kernel({ clock, turns: clock, machine: bareMachine() });
  const task = kernel.spawn("netstackd");
  const card = fakeCard(1);
  const numbers = dice(1);
  const limits = options.limits ?? {};
  const addresses = [testAddress(1)];
  const random32 = () => numbers.next();
  const parts = { mac: card.mac, mtu: card.mtu, addresses, prefixLength: 24, random32, limits };
  const stack = createStack(parts);
  const spawn = (loop: () => Promise<void>) => void loop();
  const network = new Network({ card, stack, clock, timer: task.timerCreate(), spawn });
  const sockets = new Sockets({
    stack,
    addresses,
    random32,
    nowMs: () => network.nowMs(),
    touch: () => network.touch(),
  }, new HandleTable(options.handleBefore));
  network.begin(sockets);
  const facade = { sockets, memory: task, local: { ip: OWN_IP, prefixLength: 24 } };
  const bound = [
    bind(netstackV1, createNetstackV1(facade)),
    bind(netstackd, createNetstackd(facade)),
  ];
  const peer = testStack(2, { limits });
  const nowMs = () => network.nowMs();
  return {
    peer,
    sockets,
    task,
    clock,
    card,
    ...callers(bound),
    ...worldOf(card, peer, clock, nowMs),
  };
}

function callers(bound: readonly Bound[]): Callers {
  const allowed: Gate = () => Promise.resolve(true);
  return {
    v1: (sender = "tester", gate = allowed) =>
      createClient(netstackV1, memoryChannel(bound, sender, gate)),
    v2: (sender = "tester", gate = allowed) =>
      createClient(netstackd, memoryChannel(bound, sender, gate)),
  };
}

/** A channel on which capabilities travel too; both ends have the same table. */
function memoryChannel(bound: readonly Bound[], sender: string, gate: Gate): RawChannel {
  const answer = serve(bound, gate);
  return {
    async exchange({ frame, move }) {
      const reply = await answer(frame.slice(), { sender: principal(sender), moved: move });
      return reply === undefined
        ? { status: "no_reply" }
        : { status: "ok", frame: reply.frame.slice(), moved: reply.move };
    },
  };
}

/** Microtasks after which a request has come through and its reply has gone back. */
const HOPS = 64;
/** Rounds after which two ends that still talk will never stop. */
const ROUNDS_MAX = 20_000;

function worldOf(
  card: FakeCard,
  peer: Stack,
  clock: ManualClock,
  nowMs: () => number,
): Pick<NetPair, "settle" | "advance"> {
  const into = new Uint8Array(1514);
  const carry = () => {
    let carried = card.sent.length;
    for (const frame of card.sent.splice(0)) peer.receive(frame, nowMs());
    for (let length = 1; length > 0 && peer.pending;) {
      length = peer.transmit(into, nowMs());
      if (length > 0 && ++carried > 0) card.deliver(into.slice(0, length));
    }
    return carried;
  };
  const settle = async () => {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      for (let hop = 0; hop < HOPS; hop++) await undefined;
      clock.runLater();
      if (carry() === 0) return;
    }
    assert(false, "two ends come to rest");
  };
  const advance = async (ms: number) => {
    const untilNs = clock.nowNs() + ms * 1e6;
    await settle();
    while (clock.nowNs() < untilNs) {
      const peerNs = (peer.nextTimerMs() ?? Infinity) * 1e6;
      const nextNs = Math.min(untilNs, peerNs, clock.nextNs() ?? Infinity);
      clock.advanceNs(Math.max(nextNs - clock.nowNs(), 1e6));
      peer.poll(nowMs());
      clock.runLater();
      await settle();
    }
  };
  return { settle, advance };
}

/** A network card whose line is two lists. */
export interface FakeCard extends NetworkCard {
  /** Copies of the frames that were sent. */
  readonly sent: Uint8Array[];
  /** Calls of `flush`. */
  readonly flushes: number;
  /** Frames that `transmit` takes before it refuses; endless unless set. */
  room: number;
  /** Loses every frame, both ways, while set. */
  unplugged: boolean;
  /** Puts a frame on the line towards the card's owner. */
  deliver(frame: Uint8Array): void;
  /** Lets a waiting owner look at the card. */
  interrupt(): void;
}

/** @param host Last octet of the card's MAC address, 02:00:00:00:00:`host`. */
export function fakeCard(host: number): FakeCard {
  const received: Uint8Array[] = [];
  const into = new Uint8Array(1514);
  let wake: (() => void) | undefined;
  let flushes = 0;
  const card: FakeCard = {
    mac: Uint8Array.of(2, 0, 0, 0, 0, host),
    mtu: 1500,
    linkUp: true,
    dropped: 0,
    sent: [],
    room: Infinity,
    unplugged: false,
    get flushes() {
      return flushes;
    },
    transmit(fill) {
      if (card.room === 0) return false;
      const length = fill(into);
      if (length > 0) card.room--;
      if (length > 0 && !card.unplugged) card.sent.push(into.slice(0, length));
      return true;
    },
    flush: () => void flushes++,
    receive(handler, limit) {
      const frames = received.splice(0, limit);
      for (const frame of frames) handler(frame, { start: 0, offset: 0 });
      return frames.length;
    },
    wait: () => received.length > 0 ? Promise.resolve() : new Promise((resolve) => wake = resolve),
    deliver(frame) {
      if (!card.unplugged) received.push(frame);
      card.interrupt();
    },
    interrupt() {
      wake?.();
      wake = undefined;
    },
  };
  return card;
}
