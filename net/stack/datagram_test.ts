import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { LossyLink, testAddress, testStack } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import { ARP_REPLY, ARP_REQUEST, parseArp, putArp } from "../wire/arp.ts";
import { MAC_BROADCAST, putEthernet } from "../wire/ethernet.ts";
import { UNREACHABLES_MAX } from "./icmp_layer.ts";
import type { Stack } from "./stack.ts";

const HELLO = new TextEncoder().encode("hello");
const STRANGER = fromHex("0200000000ee");
const STACK_MAC = fromHex("020000000001");
const FAR = 0x5db8d822;

function frames(stack: Stack, nowMs = 0): Uint8Array[] {
  const into = new Uint8Array(70_000);
  const sent: Uint8Array[] = [];
  for (let length = stack.transmit(into, nowMs); length > 0;) {
    sent.push(into.slice(0, length));
    length = stack.transmit(into, nowMs);
  }
  return sent;
}

function arpFrame(
  target: Uint8Array,
  arp: {
    readonly operation: number;
    readonly senderAddress: number;
    readonly targetAddress: number;
    readonly senderMac?: Uint8Array;
  },
): Uint8Array {
  const frame = new Uint8Array(60);
  putEthernet(frame, { target, source: STRANGER, type: 0x0806 });
  putArp(frame, 14, { senderMac: STRANGER, targetMac: STACK_MAC, ...arp });
  return frame;
}

test("udp carries a datagram after resolving the neighbour, and back", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, {});
  const [left, right] = [stacks[0].bindUdp({ port: 5 }), stacks[1].bindUdp({ port: 7 })];
  ok(typeof left !== "string" && typeof right !== "string");
  let rung = 0;
  right.onChange = () => void rung++;
  equal(left.send({ address: testAddress(2), port: 7 }, HELLO), "ok");
  ok(link.run(() => right.waiting > 0));
  const got = right.receive();
  deepEqual([got?.remote, got?.payload], [{ address: testAddress(1), port: 5 }, HELLO]);
  equal(rung, 1);
  right.send({ address: testAddress(1), port: 5 }, HELLO);
  ok(link.run(() => left.waiting > 0));
  left.close();
  right.close();
  ok(link.settle());
  deepEqual(stacks.map((stack) => stack.sockets()), [0, 0]);
});

test("udp refuses what does not fit the MTU, a taken port, and one socket too many", () => {
  const stack = testStack(1, { limits: { udpSockets: 2 } });
  ok(typeof stack.bindUdp({ port: 7 }) !== "string");
  equal(stack.bindUdp({ port: 7, address: testAddress(1) }), "in_use");
  ok(typeof stack.bindUdp({ port: 8 }) !== "string");
  equal(stack.bindUdp({ port: 9 }), "limit");
  const [local, remote] = [{ address: testAddress(1), port: 1 }, {
    address: testAddress(2),
    port: 2,
  }];
  equal(stack.sendUdp(local, remote, new Uint8Array(1472)), "ok");
  equal(stack.sendUdp(local, remote, new Uint8Array(1473)), "too_large");
  equal(stack.sendUdp(local, { address: FAR, port: 2 }, HELLO), "unreachable");
});

test("udp bounds its queues: of a socket, of a neighbour, of the stack", () => {
  const limits = { udpQueueCount: 3, neighbourPackets: 4, packetQueueCount: 10 };
  const stacks = [testStack(1, { limits }), testStack(2, { limits })] as const;
  const link = new LossyLink(stacks, {});
  const socket = stacks[1].bindUdp({ port: 7 });
  ok(typeof socket !== "string");
  const [local, remote] = [{ address: testAddress(1), port: 1 }, {
    address: testAddress(2),
    port: 7,
  }];
  const results: string[] = [];
  for (let count = 0; count < 12; count++) results.push(stacks[0].sendUdp(local, remote, HELLO));
  deepEqual(results.slice(8), ["ok", "ok", "limit", "limit"]);
  ok(link.run(() => socket.waiting === 3 && socket.dropped === 1));
  equal(stacks[0].counters().packetsDropped, 2 + 6);
});

test("onUdp takes datagrams to every address in the gateway's role, and may answer at once", () => {
  const guest = testStack(2, { router: testAddress(1) });
  const gateway = testStack(1, { addresses: "any", notMine: [testAddress(2)] });
  const link = new LossyLink([guest, gateway], {});
  const seen: unknown[] = [];
  gateway.onUdp((local, remote, payload) => {
    seen.push(local, remote, [...payload]);
    gateway.sendUdp(local, remote, payload);
  });
  const socket = guest.bindUdp({ port: 9 });
  ok(typeof socket !== "string");
  socket.send({ address: FAR, port: 53 }, HELLO);
  ok(link.run(() => socket.waiting > 0));
  deepEqual(seen, [{ address: FAR, port: 53 }, { address: testAddress(2), port: 9 }, [...HELLO]]);
  deepEqual(socket.receive()?.remote, { address: FAR, port: 53 });
});

test("udp broadcasts from no address, as a DHCP client must, and takes the answer", () => {
  const client = testStack(2, { addresses: [] });
  const server = testStack(1);
  const link = new LossyLink([client, server], {});
  const [asking, serving] = [client.bindUdp({ port: 68 }), server.bindUdp({ port: 67 })];
  ok(typeof asking !== "string" && typeof serving !== "string");
  equal(asking.send({ address: 0xffff_ffff, port: 67 }, HELLO), "ok");
  ok(link.run(() => serving.waiting > 0));
  const got = serving.receive();
  deepEqual([got?.remote.address, got?.target], [0, 0xffff_ffff]);
  serving.send({ address: 0xffff_ffff, port: 68 }, HELLO);
  ok(link.run(() => asking.waiting > 0));
  client.configure({ addresses: [testAddress(2)], prefixLength: 24 });
  serving.send({ address: testAddress(2), port: 68 }, HELLO);
  ok(link.run(() => asking.waiting > 1));
});

test("udp to a port that nobody has draws an ICMP error, at a bounded rate", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, {});
  const [local, remote] = [{ address: testAddress(1), port: 1 }, {
    address: testAddress(2),
    port: 7,
  }];
  stacks[0].sendUdp(local, remote, HELLO);
  link.advance(50);
  for (let count = 0; count < 2 * UNREACHABLES_MAX; count++) {
    stacks[0].sendUdp(local, remote, HELLO);
  }
  link.advance(50);
  equal(stacks[1].counters().udpDropped, 2 * UNREACHABLES_MAX + 1);
  equal(stacks[0].counters().icmpReceived, UNREACHABLES_MAX);
});

test("an ICMP error ends a connection that is being made, and no other", () => {
  const stack = testStack(1);
  const socket = stack.connectTcp({ remote: { address: testAddress(9), port: 80 } });
  ok(typeof socket !== "string");
  frames(stack);
  const reply = { operation: ARP_REPLY, senderAddress: testAddress(9) };
  stack.receive(arpFrame(STACK_MAC, { ...reply, targetAddress: testAddress(1) }), 1);
  const [syn] = frames(stack, 1);
  ok(syn !== undefined);
  const peer = testStack(9, { mac: STRANGER });
  const error = quoting(peer, syn);
  const wrong = error.slice();
  const words = new DataView(wrong.buffer);
  words.setUint16(68, (words.getUint16(68) + 1) % 0xffff);
  words.setUint16(36, (words.getUint16(36) + 0xfffe) % 0xffff);
  stack.receive(wrong, 2);
  deepEqual([stack.sockets(), stack.counters().icmpReceived], [1, 1], "another segment's");
  stack.receive(error, 2);
  deepEqual([socket.failure, stack.sockets()], ["refused", 0]);
});

/** The port-unreachable message that `peer` would send for a UDP packet, made to quote `syn`. */
function quoting(peer: Stack, syn: Uint8Array): Uint8Array {
  const asUdp = syn.slice();
  asUdp[23] = 17;
  const header = new DataView(asUdp.buffer);
  header.setUint16(24, header.getUint16(24) - (17 - 6));
  header.setUint16(14 + 20 + 4, 8);
  header.setUint16(14 + 20 + 6, 0);
  peer.receive(
    arpFrame(STRANGER, {
      operation: ARP_REQUEST,
      senderAddress: testAddress(1),
      senderMac: STACK_MAC,
      targetAddress: testAddress(9),
    }),
    1,
  );
  peer.receive(asUdp, 1);
  const error = frames(peer, 1).find((frame) => frame[23] === 1);
  ok(error !== undefined);
  error.set(syn.subarray(14, 42), 14 + 28);
  const view = new DataView(error.buffer);
  view.setUint16(36, 0);
  let sum = 0;
  for (let at = 34; at < error.length; at += 2) sum += view.getUint16(at);
  view.setUint16(36, ~((sum & 0xffff) + (sum >>> 16)));
  return error;
}

test("ping measures the round trip, and gives up after its time", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, { faults: { delayMs: 4 } });
  const results: (number | undefined)[] = [];
  const ask = (remote: number, sequence: number) =>
    stacks[0].ping(
      { remote, ident: 1, sequence, payload: HELLO },
      (rtt) => results.push(rtt),
      link.nowMs,
      900,
    );
  equal(ask(testAddress(2), 1), "ok");
  link.advance(100);
  equal(ask(testAddress(2), 2), "ok");
  link.advance(100);
  deepEqual(results, [16, 8], "the first one waited for ARP");
  equal(ask(testAddress(99), 3), "ok");
  link.advance(10_000);
  deepEqual(results, [16, 8, undefined]);
  equal(ask(testAddress(1), 4), "unreachable");
  equal(stacks[0].sockets(), 0);
});

test("icmp echo is answered for the named addresses only", () => {
  const gateway = testStack(1, {
    addresses: "any",
    notMine: [testAddress(2)],
    echoAddresses: [testAddress(1)],
  });
  const guest = testStack(2, { router: testAddress(1) });
  const link = new LossyLink([guest, gateway], {});
  const results: (number | undefined)[] = [];
  for (const [sequence, remote] of [testAddress(1), FAR].entries()) {
    guest.ping({ remote, ident: 9, sequence }, (rtt) => results.push(rtt), link.nowMs, 500);
    link.advance(2000);
  }
  deepEqual(results.map((rtt) => rtt === undefined), [false, true]);
  equal(gateway.counters().echoReplies, 1);
});

test("arp answers for its own addresses, and in the gateway's role for all but those of others", () => {
  const answers = (stack: Stack, targetAddress: number, senderAddress = testAddress(9)) => {
    stack.receive(
      arpFrame(MAC_BROADCAST, { operation: ARP_REQUEST, senderAddress, targetAddress }),
      0,
    );
    return frames(stack).length;
  };
  const host = testStack(1);
  deepEqual([answers(host, testAddress(1)), answers(host, testAddress(3))], [1, 0]);
  const gateway = testStack(1, { addresses: "any", notMine: [testAddress(9)] });
  deepEqual([answers(gateway, testAddress(3)), answers(gateway, testAddress(9))], [1, 0]);
  equal(answers(gateway, testAddress(4), testAddress(4)), 0, "an announcement is no question");
  equal(answers(host, testAddress(1), 0), 1, "a probe is answered");
  equal(answers(host, testAddress(1), 0xe0000001), 0, "a group asks nothing");
});

test("arp reply names the asker, byte for byte", () => {
  const stack = testStack(1);
  const request = { operation: ARP_REQUEST, senderAddress: testAddress(9) };
  stack.receive(arpFrame(MAC_BROADCAST, { ...request, targetAddress: testAddress(1) }), 0);
  const [reply] = frames(stack);
  equal(
    toHex(reply ?? new Uint8Array(0)),
    "0200000000ee020000000001080600010800060400020200000000010a0000010200000000ee0a000009",
  );
});

test("arp learns from answers it asked for and from who asks it, nothing else", () => {
  const stack = testStack(1);
  const [local, remote] = [{ address: testAddress(1), port: 1 }, {
    address: testAddress(9),
    port: 2,
  }];
  const known = () => {
    stack.sendUdp(local, remote, HELLO);
    return frames(stack).some((frame) => parseArp(frame, 14) === "value_out_of_range");
  };
  const reply = { operation: ARP_REPLY, senderAddress: testAddress(9) };
  stack.receive(arpFrame(STACK_MAC, { ...reply, targetAddress: testAddress(1) }), 0);
  equal(known(), false, "an answer nobody asked for");
  stack.receive(arpFrame(MAC_BROADCAST, { ...reply, targetAddress: testAddress(1) }), 0);
  equal(known(), false, "an answer to everyone");
  stack.receive(arpFrame(STACK_MAC, { ...reply, targetAddress: testAddress(1) }), 0);
  equal(known(), true);
  const liar = { ...reply, targetAddress: testAddress(1), senderMac: fromHex("020000000066") };
  stack.receive(arpFrame(STACK_MAC, liar), 0);
  stack.sendUdp(local, remote, HELLO);
  const [to] = frames(stack).map((frame) => toHex(frame.subarray(0, 6)));
  equal(to, toHex(STRANGER), "a second answer replaces nothing");
  const other = testStack(1);
  const request = { operation: ARP_REQUEST, senderAddress: testAddress(9) };
  other.receive(arpFrame(MAC_BROADCAST, { ...request, targetAddress: testAddress(3) }), 0);
  other.sendUdp(local, remote, HELLO);
  deepEqual(frames(other).map((frame) => frame.length), [42], "a question to another");
});

test("arp keeps a bounded table, and forgets the answer learned longest ago", () => {
  const stack = testStack(1, { limits: { neighbours: 3 } });
  for (let host = 10; host < 20; host++) {
    const request = { operation: ARP_REQUEST, senderAddress: testAddress(host) };
    stack.receive(arpFrame(MAC_BROADCAST, { ...request, targetAddress: testAddress(1) }), host);
  }
  frames(stack, 20);
  const local = { address: testAddress(1), port: 1 };
  const lengths: number[] = [];
  for (const host of [19, 18, 17, 10]) {
    stack.sendUdp(local, { address: testAddress(host), port: 1 }, HELLO);
    lengths.push(...frames(stack, 20).map((frame) => frame.length));
  }
  deepEqual(lengths, [47, 47, 47, 42]);
});

test("arp asks again for a neighbour it has not heard of for long", () => {
  const stack = testStack(1);
  const request = { operation: ARP_REQUEST, senderAddress: testAddress(9) };
  stack.receive(arpFrame(MAC_BROADCAST, { ...request, targetAddress: testAddress(1) }), 0);
  frames(stack);
  const lengthsAt = (nowMs: number) => {
    stack.sendUdp(
      { address: testAddress(1), port: 1 },
      { address: testAddress(9), port: 1 },
      HELLO,
    );
    return frames(stack, nowMs).map((frame) => frame.length).sort();
  };
  deepEqual(lengthsAt(29_000), [47]);
  deepEqual(lengthsAt(31_000), [42, 47], "the old answer still serves while it asks");
  deepEqual(lengthsAt(61_000), [], "until it is too old");
});
