import type { TcpSocket } from "@net/stack/stack.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type NetPair, netPair, OWN_IP, PEER_IP } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
import { watchedGate } from "@tests/fakes/direct.ts";
import { ANY_IPV4, READ_MIN_MAX, STREAM_INLINE_MAX, STREAM_LENGTH_MAX } from "./protocol.ts";

const OWN = 0x0a000001;
const PORT = 7401;
const SOON = { timeoutMs: 0 };

/** Watches a request that may wait. */
function watched<R>(request: Promise<R>): { answered: boolean; reply: R | undefined } {
  const seen: { answered: boolean; reply: R | undefined } = { answered: false, reply: undefined };
  request.then((reply) => {
    seen.answered = true;
    seen.reply = reply;
  });
  return seen;
}

/** A connection from the peer, accepted: its handle here, its socket there. */
async function joined(net: NetPair): Promise<{ handle: number; socket: TcpSocket }> {
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: PORT });
  ok(listening.status === "ok");
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: PORT } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle, timeoutMs: 0 });
  ok(accepted.status === "ok");
  return { handle: accepted.handle, socket };
}

function pattern(length: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, index) => (index * 7 + (index >> 8)) & 0xff);
}

/** Everything that the peer can read now and after more of it came. */
async function drained(net: NetPair, socket: TcpSocket, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let count = 0;
  for (let round = 0; round < 1000 && count < length; round++) {
    await net.settle();
    count += socket.read(bytes.subarray(count));
    net.card.interrupt();
  }
  return bytes.subarray(0, count);
}

test("netstackd accept waits for a connection and tells who it is", async () => {
  const net = netPair();
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: PORT });
  ok(listening.status === "ok");
  const accepting = watched(client.accept({ handle: listening.handle, ...SOON }));
  await net.settle();
  equal(accepting.answered, false);
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: PORT } });
  ok(typeof socket !== "string");
  await net.settle();
  const handle = listening.handle + 1;
  const { port } = socket.local;
  deepEqual(accepting.reply, { status: "ok", handle, ip: PEER_IP, port });
  deepEqual(await client.peerAddr({ handle }), { status: "ok", ip: PEER_IP, port });
});

test("netstackd connect waits until the peer has accepted", async () => {
  const net = netPair();
  const listener = net.peer.listenTcp({ port: 80, backlog: 1 });
  ok(typeof listener !== "string");
  const connecting = watched(net.v2().connect({ ip: PEER_IP, port: 80, ...SOON }));
  equal(connecting.answered, false);
  await net.settle();
  equal(connecting.reply?.status, "ok");
  equal(listener.waiting, 1);
});

test("netstackd connect tells refused, timed out and unreachable apart and keeps no handle", async () => {
  const net = netPair();
  const client = net.v2();
  const refused = watched(client.connect({ ip: PEER_IP, port: 81, ...SOON }));
  await net.settle();
  deepEqual(refused.reply, { status: "refused" });
  net.card.unplugged = true;
  const late = watched(client.connect({ ip: PEER_IP, port: 82, timeoutMs: 500 }));
  await net.advance(499);
  equal(late.answered, false);
  await net.advance(2);
  deepEqual(late.reply, { status: "timed_out" });
  const nowhere = watched(client.connect({ ip: "10.0.0.77", port: 82, ...SOON }));
  await net.advance(120_000);
  deepEqual(nowhere.reply, { status: "unreachable" });
  equal(net.sockets.table.size, 0);
});

test("netstackd read waits for bytes and gives what has come", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const reading = watched(net.v2().read({ handle, min: 1, max: 100, ...SOON }));
  await net.settle();
  equal(reading.answered, false);
  socket.write(Uint8Array.of(1, 2, 3));
  await net.settle();
  deepEqual(reading.reply, { status: "ok", length: 3, bytes: Uint8Array.of(1, 2, 3) });
});

test("netstackd read with a minimum waits for that many bytes, or for the end", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const reading = watched(net.v2().read({ handle, min: 4, max: 9, ...SOON }));
  socket.write(Uint8Array.of(1, 2, 3));
  await net.settle();
  equal(reading.answered, false);
  socket.write(Uint8Array.of(4, 5));
  await net.settle();
  deepEqual(reading.reply, { status: "ok", length: 5, bytes: Uint8Array.of(1, 2, 3, 4, 5) });
  const last = watched(net.v2().read({ handle, min: 4, max: 9, ...SOON }));
  socket.write(Uint8Array.of(6));
  socket.end();
  await net.settle();
  deepEqual(last.reply, { status: "ok", length: 1, bytes: Uint8Array.of(6) });
});

test("netstackd read moves more than a frame holds as a memory object", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const sent = pattern(100_000);
  socket.write(sent);
  await net.settle();
  const request = { handle, min: 100_000, max: STREAM_LENGTH_MAX, ...SOON };
  const reply = await net.v2().read(request);
  ok(reply.status === "ok" && reply.move !== undefined);
  deepEqual([reply.length, reply.bytes.length], [100_000, 0]);
  deepEqual(net.task.vmoMap(reply.move), sent);
});

test("netstackd read at the largest inline size stays inside the frame", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const sent = pattern(STREAM_INLINE_MAX + 1);
  socket.write(sent);
  await net.settle();
  const reply = await net.v2().read({ handle, min: 1, max: STREAM_INLINE_MAX, ...SOON });
  ok(reply.status === "ok" && reply.move === undefined);
  deepEqual(reply.bytes, sent.subarray(0, STREAM_INLINE_MAX));
});

test("netstackd write takes the bytes of the frame or of a moved object", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const small = { handle, length: 3, bytes: Uint8Array.of(7, 8, 9), ...SOON };
  deepEqual(await client.write(small), { status: "ok", written: 3 });
  deepEqual(await drained(net, socket, 3), Uint8Array.of(7, 8, 9));
  const payload = pattern(65_536);
  const object = net.task.vmoFrom(payload.slice());
  ok(object.status === "ok");
  const large = { handle, length: 65_536, bytes: new Uint8Array(0), ...SOON };
  deepEqual(await client.write(large, { move: object.slot }), { status: "ok", written: 65_536 });
  equal(net.task.vmoMap(object.slot), undefined);
  deepEqual(await drained(net, socket, 65_536), payload);
});

test("netstackd write refuses a payload that is not what it says, and drops its object", async () => {
  const net = netPair();
  const { handle } = await joined(net);
  const client = net.v2();
  const nothing = new Uint8Array(0);
  const wrong = [
    { object: 10, length: 11, bytes: nothing },
    { object: 10, length: 10, bytes: new Uint8Array(1) },
    { object: 0, length: 2, bytes: new Uint8Array(1) },
    { object: 0, length: 0, bytes: nothing },
  ];
  for (const { object, length, bytes } of wrong) {
    const made = object === 0 ? undefined : net.task.vmoCreate(object);
    const move = made?.status === "ok" ? made.slot : undefined;
    const reply = await client.write({ handle, length, bytes, ...SOON }, { move });
    deepEqual(reply, { status: "malformed" });
    if (move !== undefined && length > 0) equal(net.task.vmoMap(move), undefined);
  }
});

test("netstackd write waits while the peer does not read, and nothing grows", async () => {
  const net = netPair({ limits: { sendRingBytes: 65_536, receiveRingBytes: 65_536 } });
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const bytes = pattern(STREAM_INLINE_MAX);
  const writing = Array.from(
    { length: 32 },
    () => watched(client.write({ handle, length: bytes.length, bytes, ...SOON })),
  );
  await net.advance(1000);
  const taken = writing.filter(({ reply }) => reply !== undefined).length;
  ok(taken >= 15 && taken <= 17, `two rings of 64 KiB take about 16 of 8160 bytes, not ${taken}`);
  equal((await client.stats({})).status, "ok");
  const all = await drained(net, socket, 32 * bytes.length);
  equal(all.length, 32 * bytes.length);
  ok(writing.every(({ reply }) => reply?.status === "ok"));
  deepEqual(all.subarray(31 * bytes.length), bytes);
});

test("netstackd holds no more than a ring for a reader that does not read", async () => {
  const net = netPair({ limits: { sendRingBytes: 65_536, receiveRingBytes: 65_536 } });
  const { handle, socket } = await joined(net);
  const payload = pattern(400_000);
  let sent = 0;
  for (let round = 0; round < 50; round++) {
    sent += socket.write(payload.subarray(sent));
    await net.advance(100);
  }
  ok(sent <= 2 * 65_536, "the window is closed");
  const received = new Uint8Array(payload.length);
  for (let count = 0; count < payload.length;) {
    const min = Math.min(8_000, payload.length - count);
    const reading = watched(net.v2().read({ handle, min, max: STREAM_INLINE_MAX, ...SOON }));
    await net.settle();
    sent += socket.write(payload.subarray(sent));
    await net.settle();
    ok(reading.reply?.status === "ok");
    received.set(reading.reply.bytes, count);
    count += reading.reply.length;
  }
  deepEqual(received, payload);
});

test("netstackd write whose time is over tells how far it got", async () => {
  const net = netPair({ limits: { sendRingBytes: 2048, receiveRingBytes: 2048 } });
  const { handle } = await joined(net);
  const client = net.v2();
  const bytes = pattern(STREAM_INLINE_MAX);
  const write = { handle, length: bytes.length, bytes };
  const first = watched(client.write({ ...write, timeoutMs: 50 }));
  const second = watched(client.write({ ...write, timeoutMs: 50 }));
  await net.advance(49);
  deepEqual([first.answered, second.answered], [false, false]);
  await net.advance(2);
  deepEqual(first.reply, { status: "ok", written: 4096 });
  deepEqual(second.reply, { status: "timed_out" });
});

test("netstackd read gets the end of the stream and a reset as different statuses", async () => {
  const net = netPair();
  const ended = await joined(net);
  const client = net.v2();
  ended.socket.write(Uint8Array.of(1));
  ended.socket.end();
  await net.settle();
  const request = { handle: ended.handle, min: 1, max: 10, ...SOON };
  deepEqual(await client.read(request), { status: "ok", length: 1, bytes: Uint8Array.of(1) });
  deepEqual(await client.read(request), { status: "closed" });
  deepEqual(await client.read(request), { status: "closed" });
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: PORT } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: 1, ...SOON });
  ok(accepted.status === "ok");
  const reading = watched(client.read({ ...request, handle: accepted.handle }));
  await net.settle();
  socket.abort();
  await net.settle();
  deepEqual(reading.reply, { status: "reset" });
  const write = { handle: accepted.handle, length: 1, bytes: Uint8Array.of(1), ...SOON };
  deepEqual(await client.write(write), { status: "reset" });
});

test("netstackd read tells a peer that fell silent from one that closed", async () => {
  const net = netPair();
  const { handle } = await joined(net);
  const client = net.v2();
  const reading = watched(client.read({ handle, min: 1, max: 10, ...SOON }));
  net.card.unplugged = true;
  await client.write({ handle, length: 1, bytes: Uint8Array.of(1), ...SOON });
  await net.advance(1_200_000);
  deepEqual(reading.reply, { status: "lost" });
});

test("netstackd shutdown ends our stream and lets reading go on", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  await client.write({ handle, length: 1, bytes: Uint8Array.of(5), ...SOON });
  deepEqual(await client.shutdown({ handle }), { status: "ok" });
  await net.settle();
  deepEqual(await drained(net, socket, 1), Uint8Array.of(5));
  ok(socket.readEnded);
  const write = { handle, length: 1, bytes: Uint8Array.of(6), ...SOON };
  deepEqual(await client.write(write), { status: "closed" });
  socket.write(Uint8Array.of(9));
  await net.settle();
  const reply = await client.read({ handle, min: 1, max: 1, ...SOON });
  deepEqual(reply, { status: "ok", length: 1, bytes: Uint8Array.of(9) });
});

test("netstackd close ends in order, delivers what was written and frees the handle", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const reading = watched(client.read({ handle, min: 1, max: 1, ...SOON }));
  await client.write({ handle, length: 2, bytes: Uint8Array.of(1, 2), ...SOON });
  deepEqual(await client.close({ handle }), { status: "ok" });
  await net.settle();
  deepEqual(reading.reply, { status: "not_found" });
  deepEqual(await drained(net, socket, 2), Uint8Array.of(1, 2));
  ok(socket.readEnded && socket.failure === undefined);
  deepEqual(await client.close({ handle }), { status: "not_found" });
});

test("netstackd resets a closed connection whose peer never ends its stream", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  await net.v2().close({ handle });
  await net.advance(29_000);
  equal(socket.failure, undefined);
  await net.advance(2_000);
  socket.write(Uint8Array.of(1));
  await net.advance(1_000);
  equal(socket.failure, "reset");
});

test("netstackd abort resets the peer and answers who waits", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const reading = watched(client.read({ handle, min: 1, max: 1, ...SOON }));
  await net.settle();
  deepEqual(await client.abort({ handle }), { status: "ok" });
  await net.settle();
  deepEqual(reading.reply, { status: "reset" });
  equal(socket.failure, "reset");
});

test("netstackd waitWritable waits for room", async () => {
  const net = netPair({ limits: { sendRingBytes: 4096, receiveRingBytes: 4096 } });
  const { handle, socket } = await joined(net);
  const client = net.v2();
  deepEqual(await client.waitWritable({ handle, ...SOON }), { status: "ok" });
  const bytes = pattern(8160);
  const write = { handle, length: 8160, bytes, ...SOON };
  watched(client.write(write));
  watched(client.write({ ...write, timeoutMs: 5 }));
  await net.advance(6);
  const waiting = watched(client.waitWritable({ handle, ...SOON }));
  await net.settle();
  equal(waiting.answered, false);
  await drained(net, socket, 8192);
  deepEqual(waiting.reply, { status: "ok" });
});

test("netstackd moves datagrams both ways and waits for them", async () => {
  const net = netPair();
  const client = net.v2();
  const other = net.peer.bindUdp({ port: 9 });
  ok(typeof other !== "string");
  const bound = await client.udpBind({ ip: ANY_IPV4, port: 37_021 });
  ok(bound.status === "ok");
  const { handle } = bound;
  const receiving = watched(client.udpRecvFrom({ handle, ...SOON }));
  const ping = { handle, ip: PEER_IP, port: 9, payload: Uint8Array.of(1, 2) };
  deepEqual(await client.udpSendTo(ping), { status: "ok" });
  await net.settle();
  deepEqual(other.receive()?.payload, Uint8Array.of(1, 2));
  equal(receiving.answered, false);
  other.send({ address: OWN, port: 37_021 }, Uint8Array.of(3));
  await net.settle();
  const payload = Uint8Array.of(3);
  deepEqual(receiving.reply, { status: "ok", ip: PEER_IP, port: 9, payload });
  const late = watched(client.udpRecvFrom({ handle, timeoutMs: 10 }));
  await net.advance(11);
  deepEqual(late.reply, { status: "timed_out" });
});

test("netstackd ping tells the round trip, and its absence", async () => {
  const net = netPair();
  const client = net.v2();
  const answered = watched(client.icmpPing({ ip: PEER_IP, timeoutMs: 1000 }));
  await net.settle();
  deepEqual(answered.reply, { status: "ok", rttMs: 0 });
  net.card.unplugged = true;
  const lost = watched(client.icmpPing({ ip: PEER_IP, timeoutMs: 1000 }));
  await net.advance(1001);
  deepEqual(lost.reply, { status: "timed_out" });
  const stats = await client.stats({});
  ok(stats.status === "ok" && stats.parked === 0);
});

test("netstackd tells its address", async () => {
  const reply = await netPair().v2().localAddr({});
  deepEqual(reply, { status: "ok", ip: OWN_IP, prefixLength: 24 });
});

test("netstackd asks policy with the address and port, and a denial has no effect", async () => {
  const net = netPair();
  const { gate, asks } = watchedGate(false);
  const client = net.v2("tester", gate);
  const at = { ip: PEER_IP, port: 9 };
  const replies = [
    await client.listen({ ip: ANY_IPV4, port: PORT }),
    await client.connect({ ...at, ...SOON }),
    await client.udpBind({ ip: ANY_IPV4, port: 37_021 }),
    await client.icmpPing({ ip: PEER_IP, timeoutMs: 10 }),
  ];
  deepEqual(replies, Array.from({ length: 4 }, () => ({ status: "denied" })));
  await net.settle();
  deepEqual(net.sockets.table.size, 0);
  deepEqual(net.sockets.stack.sockets(), 0);
  deepEqual(net.sockets.stack.counters().framesSent, 0);
  deepEqual(asks.map(({ capability, target }) => [capability, target]), [
    ["net.listen", `${ANY_IPV4}:${PORT}`],
    ["net.connect", `${PEER_IP}:9`],
    ["net.udp", `${ANY_IPV4}:37021`],
    ["net.ping", PEER_IP],
  ]);
});

test("netstackd answers a foreign handle as an absent one, in every operation", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const stranger = net.v2("stranger");
  const absent = { status: "not_found" };
  const bytes = Uint8Array.of(1);
  for (const  of of[handle, 1, 99]) {
    const at = { handle: of, ...SOON };
    const to = { handle: of, ip: PEER_IP, port: 9 };
    deepEqual(await stranger.accept(at), absent);
    deepEqual(await stranger.read({ ...at, min: 1, max: 1 }), absent);
    deepEqual(await stranger.write({ ...at, length: 1, bytes }), absent);
    deepEqual(await stranger.udpSendTo({ ...to, payload: bytes }), absent);
    deepEqual(await stranger.udpRecvFrom(at), absent);
    deepEqual(await stranger.close({ handle: of }), absent);
    deepEqual(await stranger.waitWritable(at), absent);
    deepEqual(await stranger.shutdown({ handle: of }), absent);
    deepEqual(await stranger.abort({ handle: of }), absent);
    deepEqual(await stranger.peerAddr({ handle: of }), absent);
  }
  await net.settle();
  deepEqual([socket.state, socket.readable], ["ESTABLISHED", 0]);
});

test("netstackd refuses numbers out of their bounds before policy is asked", async () => {
  const net = netPair();
  const { gate, asks } = watchedGate(true);
  const client = net.v2("tester", gate);
  const malformed = { status: "malformed" };
  deepEqual(await client.listen({ ip: ANY_IPV4, port: 0 }), malformed);
  deepEqual(await client.connect({ ip: PEER_IP, port: 0, ...SOON }), malformed);
  deepEqual(await client.icmpPing({ ip: PEER_IP, timeoutMs: 0 }), malformed);
  deepEqual(await client.read({ handle: 1, min: 0, max: 1, ...SOON }), malformed);
  deepEqual(await client.read({ handle: 1, min: READ_MIN_MAX + 1, max: 1, ...SOON }), malformed);
  const over = STREAM_LENGTH_MAX + 1;
  deepEqual(await client.read({ handle: 1, min: 1, max: over, ...SOON }), malformed);
  deepEqual(asks, []);
});

test("netstackd tells a taken port and a foreign address apart", async () => {
  const client = netPair().v2();
  await client.listen({ ip: OWN_IP, port: PORT });
  deepEqual(await client.listen({ ip: ANY_IPV4, port: PORT }), { status: "in_use" });
  deepEqual(await client.listen({ ip: PEER_IP, port: PORT }), { status: "unreachable" });
  deepEqual(await client.udpBind({ ip: PEER_IP, port: PORT }), { status: "unreachable" });
});
