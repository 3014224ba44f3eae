import type { Slot } from "@runtime/core/syscalls.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { netPair, testOwnAddress as OWN } from "@tests/fakes/net_pair.ts";
import { drained, joined, pattern, TALK_PORT as PORT, watched } from "@tests/fakes/net_talk.ts";
import { test } from "@tests/fakes/test.ts";
import { STREAM_INLINE_MAX, STREAM_LENGTH_MAX } from "./protocol.ts";
import { READ_SLOTS_MAX } from "./stream.ts";

const SOON = { timeoutMs: 0 };

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

test("netstackd read leaves slots to the objects that writes bring, and answers in the frame instead", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const sent = pattern(3 * STREAM_INLINE_MAX);
  socket.write(sent);
  await net.settle();
  const taken: Slot[] = [];
  while (taken.at(-1) !== READ_SLOTS_MAX - 1) {
    const made = net.task.vmoCreate(1);
    ok(made.status === "ok");
    taken.push(made.slot);
  }
  const request = { handle, min: 1, max: STREAM_LENGTH_MAX, ...SOON };
  const first = await net.v2().read(request);
  ok(first.status === "ok" && first.move === undefined);
  deepEqual(first.bytes, sent.subarray(0, STREAM_INLINE_MAX));
  equal(net.task.capQuery(READ_SLOTS_MAX).status, "invalid_slot");
  net.task.capClose(taken[0] ?? 0);
  const rest = await net.v2().read(request);
  ok(rest.status === "ok");
  deepEqual([rest.length, rest.move], [2 * STREAM_INLINE_MAX, taken[0]]);
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

test("netstackd read waits behind one that waits already, and goes on when that gives up", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const first = watched(client.read({ handle, min: 4, max: 9, timeoutMs: 100 }));
  const second = watched(client.read({ handle, min: 1, max: 9, ...SOON }));
  socket.write(Uint8Array.of(1, 2));
  await net.advance(50);
  deepEqual([first.answered, second.answered], [false, false]);
  const third = watched(client.read({ handle, min: 1, max: 9, ...SOON }));
  await net.advance(20);
  equal(third.answered, false);
  await net.advance(40);
  deepEqual(first.reply, { status: "timed_out" });
  deepEqual(second.reply, { status: "ok", length: 2, bytes: Uint8Array.of(1, 2) });
  equal(third.answered, false);
});

test("netstackd shutdown answers a write that waits", async () => {
  const net = netPair({ limits: { sendRingBytes: 2048, receiveRingBytes: 2048 } });
  const { handle } = await joined(net);
  const client = net.v2();
  const bytes = pattern(STREAM_INLINE_MAX);
  const writing = watched(client.write({ handle, length: bytes.length, bytes, ...SOON }));
  await net.settle();
  equal(writing.answered, false);
  await client.shutdown({ handle });
  for (let hop = 0; hop < 16; hop++) await undefined;
  deepEqual(writing.reply, { status: "closed" });
});

test("netstackd drops the object of a write to a handle that is not there", async () => {
  const net = netPair();
  const object = net.task.vmoCreate(10);
  ok(object.status === "ok");
  const write = { handle: 5, length: 10, bytes: new Uint8Array(0), ...SOON };
  deepEqual(await net.v2().write(write, { move: object.slot }), { status: "not_found" });
  equal(net.task.vmoMap(object.slot), undefined);
});

const EXCHANGE = { min: 1, max: 100 } as const;

test("netstackd exchange sends its bytes and answers with what comes then", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const bytes = Uint8Array.of(1, 2, 3);
  const asked = watched(net.v2().exchange({ handle, ...EXCHANGE, bytes, ...SOON }));
  deepEqual(await drained(net, socket, 3), bytes);
  equal(asked.answered, false);
  socket.write(Uint8Array.of(4, 5));
  await net.settle();
  deepEqual(asked.reply, { status: "ok", length: 2, bytes: Uint8Array.of(4, 5) });
});

test("netstackd exchange waits no longer than it may, for room and for bytes together", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const silent = watched(
    client.exchange({ handle, ...EXCHANGE, bytes: Uint8Array.of(1), timeoutMs: 500 }),
  );
  await net.advance(400);
  equal(silent.answered, false);
  await net.advance(200);
  deepEqual(silent.reply, { status: "timed_out" });
  equal(socket.readable, 1);
  const filler = pattern(STREAM_INLINE_MAX);
  const full = { handle, length: filler.length, bytes: filler, timeoutMs: 1 };
  for (let status = "ok"; status === "ok";) {
    const reply = await Promise.race([client.write(full), net.advance(2).then(() => undefined)]);
    status = reply?.status === "ok" && reply.written === filler.length ? "ok" : "full";
  }
  const blocked = watched(client.exchange({ handle, ...EXCHANGE, bytes: filler, timeoutMs: 500 }));
  await net.advance(600);
  deepEqual(blocked.reply, { status: "timed_out" });
});

test("netstackd exchange ends as WRITE and READ do, and for its owner alone", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const request = { handle, ...EXCHANGE, bytes: Uint8Array.of(1), ...SOON };
  deepEqual(await net.v2("stranger").exchange(request), { status: "not_found" });
  const waiting = watched(net.v2().exchange(request));
  await net.settle();
  socket.end();
  await net.settle();
  deepEqual(waiting.reply, { status: "closed" });
  await net.v2().shutdown({ handle });
  deepEqual(await net.v2().exchange(request), { status: "closed" });
});

test("netstackd exchange takes the time that its bytes waited for room from that of its read", async () => {
  const net = netPair();
  const { handle, socket } = await joined(net);
  const client = net.v2();
  const filler = pattern(STREAM_INLINE_MAX);
  const full = { handle, length: filler.length, bytes: filler, timeoutMs: 1 };
  for (let taken = filler.length; taken === filler.length;) {
    const reply = watched(client.write(full));
    await net.advance(2);
    taken = reply.reply?.status === "ok" ? reply.reply.written : 0;
  }
  const asked = watched(client.exchange({ handle, ...EXCHANGE, bytes: filler, timeoutMs: 500 }));
  await net.advance(300);
  equal(asked.answered, false);
  await drained(net, socket, socket.readable);
  await net.advance(150);
  equal(asked.answered, false);
  await net.advance(100);
  deepEqual(asked.reply, { status: "timed_out" });
});
