import type { PartialChecksum } from "@runtime/core/ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { dice, testAddress, testStack } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import { ethernetType, ETHERTYPE_IPV4 } from "../wire/ethernet.ts";
import { ipv4Fields, PROTOCOL_TCP, readIpv4 } from "../wire/ipv4.ts";
import { readTcp, tcpFields } from "../wire/tcp.ts";
import type { Stack } from "./stack.ts";

const LEFT: PartialChecksum = { start: 34, offset: 16 };

/** A frame as it crossed the wire, and what its sender said of it. */
interface Crossing {
  readonly frame: Uint8Array;
  readonly left: PartialChecksum | undefined;
}

/** Two stacks, and a wire that asks each side to leave checksums partial, or does not. */
function pair(offloads: boolean) {
  const stacks = [testStack(1), testStack(2)] as const;
  const crossed: Crossing[] = [];
  const carry = (from: Stack, to: Stack): boolean => {
    const into = new Uint8Array(1514);
    const left = offloads ? { start: 77, offset: 77 } : undefined;
    const length = from.transmit(into, 0, left);
    if (length === 0) return false;
    const frame = into.slice(0, length);
    crossed.push({ frame, left: left && { ...left } });
    to.receive(frame, 0, left);
    return true;
  };
  const settle = () => {
    while (carry(stacks[0], stacks[1]) || carry(stacks[1], stacks[0]));
  };
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const client = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof client !== "string");
  settle();
  const server = listener.accept();
  ok(server !== undefined);
  return { stacks, crossed, settle, client, server };
}

/** Whether the frame is TCP, and whether it is complete as it stands. */
function judged(frame: Uint8Array): { readonly tcp: boolean; readonly complete: boolean } {
  const packet = ipv4Fields();
  const ip = ethernetType(frame) === ETHERTYPE_IPV4 && readIpv4(frame, 14, packet) === undefined;
  const tcp = ip && packet.protocol === PROTOCOL_TCP;
  return { tcp, complete: tcp && readTcp(frame, packet, tcpFields()) === undefined };
}

test("a stack leaves TCP's checksum partial for a wire that allows it, and says so", () => {
  for (const offloads of [true, false]) {
    const { stacks, crossed, settle, client, server } = pair(offloads);
    const bytes = dice(7).fill(new Uint8Array(9000));
    equal(client.write(bytes), bytes.length);
    settle();
    const read = new Uint8Array(bytes.length + 1);
    equal(server.read(read), bytes.length);
    deepEqual(read.subarray(0, bytes.length), bytes);
    client.abort();
    settle();
    const segments = crossed.filter(({ frame }) => judged(frame).tcp);
    ok(segments.length > 8);
    const [reset] = segments.splice(-1);
    ok(reset !== undefined && judged(reset.frame).complete, "a reset is complete");
    equal(reset.left?.start, offloads ? 0 : undefined);
    for (const { frame, left } of segments) {
      deepEqual(left, offloads ? LEFT : undefined);
      equal(judged(frame).complete, !offloads);
    }
    for (const { frame, left } of crossed) {
      if (!judged(frame).tcp) equal(left?.start, offloads ? 0 : undefined);
    }
    for (const stack of stacks) equal(stack.counters().badChecksums, 0);
  }
});

test("a stack takes no partial checksum without its wire's word, nor for another header's", () => {
  const { stacks, settle, client, server } = pair(true);
  client.write(Uint8Array.of(1, 2, 3));
  const into = new Uint8Array(1514);
  const frame = into.slice(0, stacks[0].transmit(into, 0, { ...LEFT }));
  const words = [undefined, { start: 0, offset: 16 }, { start: 34, offset: 6 }, {
    start: 54,
    offset: 1,
  }];
  for (const left of words) stacks[1].receive(frame, 0, left);
  equal(stacks[1].counters().badChecksums, words.length);
  equal(server.readable, 0);
  stacks[1].receive(frame, 0, LEFT);
  equal(server.readable, 3);
  // What answers a small message carries its acknowledgement.
  server.write(Uint8Array.of(4));
  settle();
  equal(client.unacknowledged, 0);
});

test("a stack forgets a wire's word with the frame that it was about", () => {
  const { stacks, client, server } = pair(true);
  client.write(Uint8Array.of(1));
  const into = new Uint8Array(1514);
  const frame = into.slice(0, stacks[0].transmit(into, 0, { ...LEFT }));
  stacks[1].receive(new Uint8Array(60), 0, LEFT);
  stacks[1].receive(frame, 0);
  deepEqual([server.readable, stacks[1].counters().badChecksums], [0, 1]);
});
