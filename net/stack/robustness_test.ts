import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { dice, testAddress, testStack } from "@tests/fakes/link.ts";
import {
  fuzzStackFrames,
  fuzzStackSegments,
  fuzzTarget,
  specimenFrames,
} from "@tests/fakes/stack_fuzz.ts";
import { TcpPeer } from "@tests/fakes/tcp_peer.ts";
import { test } from "@tests/fakes/test.ts";

test("stack.receive() throws on no truncated frame and none of random bytes", () => {
  const stack = fuzzTarget(1);
  const numbers = dice(1);
  for (const frame of specimenFrames()) {
    for (let length = 0; length <= frame.length; length++) stack.receive(frame.slice(0, length), 0);
  }
  for (let round = 0; round < 2000; round++) {
    stack.receive(numbers.fill(new Uint8Array(numbers.below(120))), round);
  }
  ok(stack.counters().malformed > 0);
});

test("stack.receive() throws on no mutated frame, and its tables stay bounded", () => {
  for (let seed = 0; seed < 12; seed++) fuzzStackFrames(seed, 1500);
});

test("tcp stays whole under well-formed nonsense, and its tables stay bounded", () => {
  for (let seed = 0; seed < 60; seed++) fuzzStackSegments(seed, 300);
});

test("stack counts what it does not take", () => {
  const stack = testStack(1);
  const [arp] = specimenFrames();
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
