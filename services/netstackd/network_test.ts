import { createStack } from "@net/stack/stack.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { fakeCard, netPair } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
import { Network } from "./network.ts";
import { ANY_IPV4 } from "./protocol.ts";

const OWN = 0x0a000001;

test("Network sends a batch with one flush", async () => {
  const net = netPair();
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: 7401 });
  ok(listening.status === "ok");
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: 7401 } });
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle, timeoutMs: 0 });
  ok(accepted.status === "ok" && typeof socket !== "string");
  await net.advance(1000);
  const before = net.card.flushes;
  const bytes = new Uint8Array(8000);
  const { handle } = accepted;
  const write = { handle, length: bytes.length, bytes, timeoutMs: 0 };
  await Promise.all([client.write(write), client.write(write)]);
  ok(net.card.sent.length > 5, "more than one frame is on its way");
  equal(net.card.flushes, before + 1);
});

test("Network waits for room in the card and goes on when there is some", async () => {
  const net = netPair();
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: 7401 });
  ok(listening.status === "ok");
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: 7401 } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle, timeoutMs: 0 });
  ok(accepted.status === "ok");
  net.card.room = 2;
  const bytes = new Uint8Array(8000);
  const { handle } = accepted;
  await client.write({ handle, length: bytes.length, bytes, timeoutMs: 0 });
  equal(net.card.sent.length, 2);
  net.card.room = Infinity;
  net.card.interrupt();
  await net.settle();
  equal(socket.readable, 8000);
});

test("Network sets no timer while nothing is timed", async () => {
  const net = netPair();
  await net.settle();
  equal(net.clock.nextNs(), undefined);
  await net.v2().udpBind({ ip: ANY_IPV4, port: 1 });
  await net.settle();
  equal(net.clock.nextNs(), undefined);
});

test("Network ends the daemon with the card's error", async () => {
  const clock = manualClock();
  const card = fakeCard(1);
  const broken = new TypeError("used_index_jump");
  const failing = { ...card, wait: () => Promise.resolve(), receive: () => throwing(broken) };
  const stack = createStack({
    mac: card.mac,
    mtu: card.mtu,
    addresses: [OWN],
    prefixLength: 24,
    random32: () => 1,
  });
  const timer = { set() {}, wait: () => new Promise<void>(() => {}) };
  const loops: Promise<void>[] = [];
  const spawn = (loop: () => Promise<void>) => void loops.push(loop());
  new Network({ card: failing, stack, clock, timer, spawn }).begin({ settle() {}, nextMs: 0 });
  await rejects(Promise.race(loops), broken);
  deepEqual(loops.length, 2);
});

function throwing(error: Error): never {
  throw error;
}

/** A network over a stack that answers as it is told, and what became of it. */
function bareNetwork(stack: { pending: boolean; nextMs: number }) {
  const card = fakeCard(1);
  const seen = { set: [] as (number | undefined)[], transmits: 0 };
  const network = new Network({
    card,
    stack: {
      receive() {},
      poll() {},
      get pending() {
        return stack.pending;
      },
      transmit() {
        seen.transmits++;
        return 0;
      },
      nextTimerMs: () => stack.nextMs,
    },
    clock: manualClock(),
    timer: {
      set: (deadlineNs) => void seen.set.push(deadlineNs),
      wait: () => new Promise<void>(() => {}),
    },
    spawn: (loop) => void loop(),
  });
  return { network, card, seen };
}

async function hops(): Promise<void> {
  for (let hop = 0; hop < 16; hop++) await undefined;
}

test("Network looks once for all requests of the same moment", async () => {
  const { network, seen } = bareNetwork({ pending: true, nextMs: 50 });
  network.touch();
  network.touch();
  await hops();
  equal(seen.transmits, 1);
});

test("Network stops when the stack has nothing after all, and flushes nothing", async () => {
  const { network, card, seen } = bareNetwork({ pending: true, nextMs: 50 });
  network.touch();
  await hops();
  deepEqual([seen.transmits, card.flushes], [1, 0]);
});

test("Network moves its timer only nearer", async () => {
  const stack = { pending: false, nextMs: 50 };
  const { network, seen } = bareNetwork(stack);
  for (const nextMs of [50, 50, 70, 20.5, 30]) {
    stack.nextMs = nextMs;
    network.touch();
    await hops();
  }
  deepEqual(seen.set, [50e6, 21e6]);
});
