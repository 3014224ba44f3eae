import { fnv1a64 } from "@runtime/core/fnv.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { netPair, OWN_IP, PEER_IP } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
import { ANY_IPV4 } from "./protocol.ts";

const OWN = 0x0a000001;
const WOULD_BLOCK = { status: "would_block" };
const IO = { status: "io" };

test("netstackd version 1 accept, read and write say would_block instead of waiting", async () => {
  const net = netPair({ limits: { sendRingBytes: 2048, receiveRingBytes: 2048 } });
  const client = net.v1();
  const listening = await client.listen({ ip: ANY_IPV4, port: 7401 });
  ok(listening.status === "ok");
  deepEqual(await client.accept({ handle: listening.handle }), WOULD_BLOCK);
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: 7401 } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle });
  ok(accepted.status === "ok");
  const { handle } = accepted;
  deepEqual(await client.read({ handle, max: 480 }), WOULD_BLOCK);
  const bytes = new Uint8Array(502);
  let taken = 0;
  for (let full = false; !full;) {
    const reply = await client.write({ handle, bytes });
    await net.settle();
    full = reply.status !== "ok";
    if (reply.status === "ok") taken += reply.written;
    else deepEqual(reply, WOULD_BLOCK);
  }
  ok(taken > 4000 && taken <= 4096, "both rings of 2048 bytes are full");
  deepEqual(await client.waitWritable({ handle }), WOULD_BLOCK);
  socket.read(new Uint8Array(2048));
  await net.advance(1000);
  deepEqual(await client.waitWritable({ handle }), { status: "ok" });
});

test("netstackd version 1 read moves 480 bytes at most and none at the end", async () => {
  const net = netPair();
  const client = net.v1();
  const listening = await client.listen({ ip: OWN_IP, port: 7401 });
  ok(listening.status === "ok");
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: 7401 } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await client.accept({ handle: listening.handle });
  ok(accepted.status === "ok");
  const { handle } = accepted;
  socket.write(new Uint8Array(481).fill(3));
  socket.end();
  await net.settle();
  const max = 65_535;
  deepEqual(await client.read({ handle, max }), {
    status: "ok",
    bytes: new Uint8Array(480).fill(3),
  });
  deepEqual(await client.read({ handle, max }), { status: "ok", bytes: Uint8Array.of(3) });
  deepEqual(await client.read({ handle, max }), { status: "ok", bytes: new Uint8Array(0) });
  deepEqual(await client.close({ handle }), { status: "ok" });
  deepEqual(await client.read({ handle, max }), { status: "not_found" });
});

test("netstackd version 1 connect is asked again until it stands", async () => {
  const net = netPair();
  const client = net.v1();
  const listener = net.peer.listenTcp({ port: 80, backlog: 4 });
  ok(typeof listener !== "string");
  const to = { ip: PEER_IP, port: 80 };
  deepEqual(await client.connect(to), WOULD_BLOCK);
  deepEqual(await client.connect(to), WOULD_BLOCK);
  await net.settle();
  equal((await client.connect(to)).status, "ok");
  equal(net.sockets.table.size, 1);
  deepEqual(await client.connect({ ...to, port: 81 }), WOULD_BLOCK);
  await net.settle();
  deepEqual(await client.connect({ ...to, port: 81 }), IO);
  equal(net.sockets.table.size, 1);
});

test("netstackd version 1 gives up a dial when the same owner dials elsewhere", async () => {
  const net = netPair();
  net.card.unplugged = true;
  const client = net.v1();
  const owner = fnv1a64("tester");
  for (let port = 1000; port < 1050; port++) {
    deepEqual(await client.connect({ ip: PEER_IP, port }), WOULD_BLOCK);
    equal(net.sockets.table.countOf(owner), 1);
  }
  deepEqual(await net.v1("other").connect({ ip: PEER_IP, port: 1 }), WOULD_BLOCK);
  equal(net.sockets.table.countOf(owner), 1);
});

test("netstackd version 1 read after a reset is an error, not an end", async () => {
  const net = netPair();
  const client = net.v1();
  const listener = net.peer.listenTcp({ port: 80, backlog: 4 });
  ok(typeof listener !== "string");
  await client.connect({ ip: PEER_IP, port: 80 });
  await net.settle();
  const connected = await client.connect({ ip: PEER_IP, port: 80 });
  ok(connected.status === "ok");
  listener.accept()?.abort();
  await net.settle();
  const { handle } = connected;
  deepEqual(await client.read({ handle, max: 1 }), IO);
  deepEqual(await client.write({ handle, bytes: Uint8Array.of(1) }), IO);
});

test("netstackd version 1 datagrams are cut to what the caller takes", async () => {
  const net = netPair();
  const client = net.v1();
  const other = net.peer.bindUdp({ port: 53 });
  ok(typeof other !== "string");
  const bound = await client.udpBind({ ip: ANY_IPV4, port: 4000 });
  ok(bound.status === "ok");
  const { handle } = bound;
  deepEqual(await client.udpRecvFrom({ handle, max: 460 }), WOULD_BLOCK);
  const to = { handle, ip: PEER_IP, port: 53 };
  const payload = Uint8Array.of(1, 2, 3);
  deepEqual(await client.udpSendTo({ ...to, payload }), { status: "ok", sent: 3 });
  await net.settle();
  deepEqual(other.receive()?.payload, payload);
  other.send({ address: OWN, port: 4000 }, new Uint8Array(1000).fill(9));
  other.send({ address: OWN, port: 4000 }, payload);
  await net.settle();
  const first = await client.udpRecvFrom({ handle, max: 1000 });
  const from = { ip: PEER_IP, port: 53 };
  deepEqual(first, { status: "ok", ...from, payload: new Uint8Array(460).fill(9) });
  const second = await client.udpRecvFrom({ handle, max: 2 });
  deepEqual(second, { status: "ok", ...from, payload: Uint8Array.of(1, 2) });
});

test("netstackd version 1 answers io where version 2 has a name", async () => {
  const net = netPair();
  const client = net.v1();
  deepEqual(await client.listen({ ip: ANY_IPV4, port: 0 }), IO);
  deepEqual(await client.listen({ ip: PEER_IP, port: 1 }), IO);
  await client.udpBind({ ip: ANY_IPV4, port: 5 });
  deepEqual(await client.udpBind({ ip: ANY_IPV4, port: 5 }), IO);
  const payload = Uint8Array.of(1);
  deepEqual(await client.udpSendTo({ handle: 1, ip: PEER_IP, port: 0, payload }), IO);
  deepEqual(await client.udpBind({ ip: ANY_IPV4, port: 0 }), IO);
  deepEqual(await client.connect({ ip: PEER_IP, port: 0 }), IO);
});

test("netstackd version 1 ping answers or times out", async () => {
  const net = netPair();
  const replies: unknown[] = [];
  const ask = () =>
    net.v1().icmpPing({ ip: PEER_IP, timeoutMs: 100 }).then((reply) => replies.push(reply));
  ask();
  await net.settle();
  net.card.unplugged = true;
  ask();
  await net.advance(101);
  deepEqual(replies, [{ status: "ok", rttMs: 0 }, { status: "timed_out" }]);
});

test("netstackd version 1 answers a foreign handle as an absent one", async () => {
  const net = netPair();
  const listening = await net.v1().listen({ ip: ANY_IPV4, port: 7401 });
  ok(listening.status === "ok");
  const stranger = net.v1("stranger");
  const { handle } = listening;
  const absent = { status: "not_found" };
  const payload = Uint8Array.of(1);
  deepEqual(await stranger.accept({ handle }), absent);
  deepEqual(await stranger.read({ handle, max: 1 }), absent);
  deepEqual(await stranger.write({ handle, bytes: payload }), absent);
  deepEqual(await stranger.udpSendTo({ handle, ip: PEER_IP, port: 1, payload }), absent);
  deepEqual(await stranger.udpRecvFrom({ handle, max: 1 }), absent);
  deepEqual(await stranger.close({ handle }), absent);
  deepEqual(await stranger.waitWritable({ handle }), absent);
  equal(net.sockets.table.size, 1);
});
