import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { principal, watchedGate } from "@tests/fakes/direct.ts";
import { netPair, OWN_IP, PEER_IP, testOwnAddress as OWN } from "@tests/fakes/net_pair.ts";
import { joined, TALK_PORT as PORT, watched } from "@tests/fakes/net_talk.ts";
import { test } from "@tests/fakes/test.ts";
import { ANY_IPV4, READ_MIN_MAX, STREAM_LENGTH_MAX } from "./protocol.ts";

const SOON = { timeoutMs: 0 };

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
  for (const foreign of [handle, 1, 99]) {
    const at = { handle: foreign, ...SOON };
    const to = { handle: foreign, ip: PEER_IP, port: 9 };
    deepEqual(await stranger.accept(at), absent);
    deepEqual(await stranger.read({ ...at, min: 1, max: 1 }), absent);
    deepEqual(await stranger.write({ ...at, length: 1, bytes }), absent);
    deepEqual(await stranger.udpSendTo({ ...to, payload: bytes }), absent);
    deepEqual(await stranger.udpRecvFrom(at), absent);
    deepEqual(await stranger.close({ handle: foreign }), absent);
    deepEqual(await stranger.waitWritable(at), absent);
    deepEqual(await stranger.shutdown({ handle: foreign }), absent);
    deepEqual(await stranger.abort({ handle: foreign }), absent);
    deepEqual(await stranger.peerAddr({ handle: foreign }), absent);
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

test("netstackd frees what an owner that has ended left behind, and nothing of others", async () => {
  const net = netPair();
  const [dead, other] = [net.v2("dead"), net.v2("other")];
  const listening = await dead.listen({ ip: ANY_IPV4, port: PORT });
  ok(listening.status === "ok");
  await other.listen({ ip: ANY_IPV4, port: PORT + 1 });
  await dead.udpBind({ ip: ANY_IPV4, port: 9 });
  const socket = net.peer.connectTcp({ remote: { address: OWN, port: PORT } });
  ok(typeof socket !== "string");
  await net.settle();
  const accepted = await dead.accept({ handle: listening.handle, ...SOON });
  ok(accepted.status === "ok");
  const accepting = watched(dead.accept({ handle: listening.handle, ...SOON }));
  const reading = watched(dead.read({ handle: accepted.handle, min: 1, max: 1, ...SOON }));
  net.sockets.release(principal("dead").sid);
  await net.settle();
  deepEqual([accepting.reply?.status, reading.reply?.status], ["not_found", "reset"]);
  equal(net.sockets.table.countOf(principal("dead").sid), 0);
  equal(net.sockets.table.size, 1);
  equal(socket.state, "CLOSED");
  // The port is free for whoever comes next.
  equal((await net.v2("dead").listen({ ip: ANY_IPV4, port: PORT })).status, "ok");
});
