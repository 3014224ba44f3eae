import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { dice, LossyLink, testAddress, testStack } from "@tests/fakes/link.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";
import type { Stack, TcpSocket } from "./stack.ts";

/** Frames of a life of two stacks: ARP, echo, UDP, a TCP connection from SYN to the last ACK. */
function specimens(): Uint8Array[] {
  const stacks = [testStack(9), testStack(1)] as const;
  const link = new LossyLink(stacks, {});
  const seen: Uint8Array[] = [];
  link.filter = (frame, from) => {
    if (from === 0) seen.push(frame.slice());
    return true;
  };
  const listener = stacks[1].listenTcp({ port: 80, backlog: 2 });
  const remote = { address: testAddress(1), port: 80 };
  const socket = stacks[0].connectTcp({ remote, local: { port: 5000 } });
  ok(typeof socket !== "string" && typeof listener !== "string");
  socket.write(new Uint8Array(200).fill(1));
  socket.end();
  stacks[0].sendUdp({ address: testAddress(9), port: 3 }, remote, new Uint8Array(20));
  stacks[0].ping({ remote: remote.address, ident: 1, sequence: 1 }, () => {}, 0, 1000);
  link.advance(1000);
  listener.accept()?.end();
  link.advance(1000);
  return seen;
}

/** A stack with something of everything, and sockets that use what comes. */
function target(seed: number): Stack {
  const stack = testStack(1, {
    limits: { tcpSockets: 32, receiveRingBytes: 4096, sendRingBytes: 4096 },
  });
  const numbers = dice(seed);
  const listener = stack.listenTcp({ port: 80, backlog: 4 });
  ok(typeof listener !== "string");
  const use = (socket: TcpSocket) => {
    socket.onChange = () => {
      socket.consume(numbers.below(socket.peek().length + 1));
      if (numbers.happens(0.3)) socket.write(new Uint8Array(300));
      if (numbers.happens(0.1)) socket.end();
      if (numbers.happens(0.02)) socket.abort();
    };
  };
  listener.onChange = () => {
    for (let next = listener.accept(); next !== undefined; next = listener.accept()) use(next);
  };
  stack.bindUdp({ port: 80 });
  return stack;
}

test("stack.receive() throws on no truncated frame and none of random bytes", () => {
  const stack = target(1);
  const numbers = dice(1);
  for (const frame of specimens()) {
    for (let length = 0; length <= frame.length; length++) stack.receive(frame.slice(0, length), 0);
  }
  for (let round = 0; round < 2000; round++) {
    stack.receive(numbers.fill(new Uint8Array(numbers.below(120))), round);
  }
  ok(stack.counters().malformed > 0);
});

test("stack.receive() throws on no mutated frame, and its tables stay bounded", () => {
  const frames = specimens();
  const into = new Uint8Array(1514);
  for (let seed = 0; seed < 12; seed++) {
    const stack = target(seed);
    const numbers = dice(seed);
    for (let round = 0; round < 1500; round++) {
      const frame = frames[numbers.below(frames.length)]?.slice() ?? new Uint8Array(0);
      for (let change = numbers.below(4); change > 0; change--) {
        frame[numbers.below(frame.length)] = numbers.next();
      }
      stack.receive(frame, round);
      if (numbers.happens(0.5)) stack.transmit(into, round);
      if (numbers.happens(0.1)) stack.poll(round);
      ok(stack.sockets() <= 34);
    }
  }
});

/** One random segment, mostly near the numbers that matter. */
function randomSegment(peer: TcpPeer, numbers: ReturnType<typeof dice>, sequences: number[]): void {
  const letters = ["S", "A", "A", "A", "SA", "FA", "R", "RA", "F", "PA", "SF", ""];
  const near = () => (sequences[numbers.below(sequences.length)] ?? 0) + numbers.below(7) - 3;
  peer.send({
    flags: letters[numbers.below(letters.length)] ?? "",
    sequence: near(),
    acknowledgement: near(),
    window: numbers.happens(0.2) ? 0 : numbers.below(65536),
    payload: new Uint8Array(numbers.happens(0.5) ? 0 : numbers.below(1400)),
    sourcePort: 5000 + numbers.below(3),
    ...(numbers.happens(0.3) ? { mss: numbers.below(2000), windowShift: numbers.below(20) } : {}),
  });
}

test("tcp stays whole under well-formed nonsense, and ends when it is left alone", () => {
  for (let seed = 0; seed < 60; seed++) {
    const stack = target(seed);
    const numbers = dice(seed);
    const peer = new TcpPeer(stack, {
      address: testAddress(9),
      stackAddress: testAddress(1),
      stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    });
    const sequences = [1000];
    for (let round = 0; round < 300; round++) {
      randomSegment(peer, numbers, sequences);
      for (const segment of peer.seen()) {
        sequences.push(segment.sequence, segment.acknowledgement);
      }
      if (sequences.length > 40) sequences.splice(0, 20);
      if (numbers.happens(0.1)) peer.advance(numbers.below(2000));
    }
    ok(stack.sockets() <= 5, `seed ${seed}`);
  }
});

test("stack counts what it does not take", () => {
  const stack = testStack(1);
  const [arp] = specimens();
  ok(arp !== undefined);
  const peer = new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  const good = peer.frame({ flags: "S", sequence: 1 });
  const changed = (at: number, value: number, fix?: number) => {
    const frame = good.slice();
    frame[at] = value;
    const view = new DataView(frame.buffer);
    if (fix !== undefined) view.setUint16(24, (view.getUint16(24) - fix + 0xffff) % 0xffff);
    stack.receive(frame, 0);
  };
  changed(0, 4);
  changed(13, 0xdd);
  changed(6, 1);
  deepEqual(stack.counters().framesIgnored, 3);
  changed(20, 0x20, -0x2000);
  equal(stack.counters().fragments, 1);
  changed(50, 0x55);
  equal(stack.counters().badChecksums, 1);
  changed(33, 7, 6);
  changed(26, 0xe0, 0xe000 - 0x0a00);
  equal(stack.counters().notForUs, 2);
  changed(14, 0x65);
  stack.receive(new Uint8Array(1515), 0);
  stack.receive(Uint8Array.of(...good.subarray(0, 40)), 0);
  equal(stack.counters().malformed, 3);
  equal(stack.sockets(), 0);
  deepEqual(peer.seen(), []);
});
