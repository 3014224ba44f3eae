import { GATEWAY_LIMITS } from "@net/gateway/gateway.ts";
import { DEFAULT_LIMITS } from "@net/stack/limits.ts";
import { fnv1a64 } from "@runtime/core/fnv.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type NetPair, netPair, PEER_IP } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
import { HANDLES_MAX, HANDLES_PER_OWNER_MAX } from "./handle_table.ts";
import { Linger, LINGERING_MAX } from "./linger.ts";
import { PARKED_MAX, PARKED_PER_OWNER_MAX } from "./parking.ts";
import { ANY_IPV4 } from "./protocol.ts";
import { PARKED_PAYLOADS_MAX } from "./service.ts";
import { LISTEN_BACKLOG } from "./sockets.ts";

const OWN_LISTENER = { address: 0x0a000001, port: 7401 };
const LIMIT = { status: "limit" };

async function bound(net: NetPair, sender: string, port: number): Promise<number> {
  const reply = await net.v2(sender).udpBind({ ip: ANY_IPV4, port });
  ok(reply.status === "ok");
  return reply.handle;
}

test("netstackd parks so many requests of one owner and of all, and no more", async () => {
  const net = netPair();
  const owners = ["a", "b", "c"];
  const handles = await Promise.all(owners.map((owner, at) => bound(net, owner, 1000 + at)));
  const answers: unknown[] = [];
  const park = (owner: string, handle: number) =>
    net.v2(owner).udpRecvFrom({ handle, timeoutMs: 0 }).then((reply) => answers.push(reply));
  const fill = async (at: number, requests: number) => {
    for (let count = 0; count < requests; count++) {
      park(owners[at] ?? "", handles[at] ?? 0);
    }
    await net.settle();
  };
  await fill(0, PARKED_PER_OWNER_MAX);
  deepEqual(answers, []);
  park("a", handles[0] ?? 0);
  await net.settle();
  deepEqual(answers.splice(0), [LIMIT]);
  const left = PARKED_MAX - PARKED_PER_OWNER_MAX;
  await fill(1, left);
  deepEqual(answers, []);
  await fill(2, 5);
  deepEqual(answers.splice(0), Array.from({ length: 5 }, () => LIMIT));
  const size = net.sockets.table.size;
  deepEqual(await net.v2("c").connect({ ip: PEER_IP, port: 1, timeoutMs: 0 }), LIMIT);
  equal(net.sockets.table.size, size);
  await net.v2("a").close({ handle: handles[0] ?? 0 });
  await net.settle();
  equal(answers.length, PARKED_PER_OWNER_MAX);
  const stats = await net.v2("b").stats({});
  ok(stats.status === "ok" && stats.parked === left);
});

test("netstackd keeps so many handles of one owner and of all, and no more", async () => {
  const net = netPair();
  net.card.unplugged = true;
  const dial = (owner: string, port: number) => {
    const reply = net.sockets.connect(BigInt(owner.length), { ip: PEER_IP, port });
    return typeof reply === "string" ? reply : "ok";
  };
  for (let port = 1; port <= HANDLES_PER_OWNER_MAX; port++) equal(dial("a", port), "ok");
  equal(dial("a", 9000), "limit");
  for (let port = 1; port <= HANDLES_MAX - HANDLES_PER_OWNER_MAX; port++) {
    equal(dial("bb", port), "ok");
  }
  equal(dial("ccc", 9000), "limit");
  await net.settle();
});

test("netstackd accepts nothing for an owner without room, and loses no connection", async () => {
  const net = netPair();
  const client = net.v2();
  const listening = await client.listen({ ip: ANY_IPV4, port: 7401 });
  ok(listening.status === "ok");
  const { handle } = listening;
  net.peer.connectTcp({ remote: { address: 0x0a000001, port: 7401 } });
  await net.settle();
  const owner = fnv1a64("tester");
  for (let port = 2; port <= HANDLES_PER_OWNER_MAX; port++) {
    ok(typeof net.sockets.connect(owner, { ip: PEER_IP, port }) !== "string");
  }
  deepEqual(await client.accept({ handle, timeoutMs: 0 }), LIMIT);
  await client.close({ handle: handle + 1 });
  equal((await client.accept({ handle, timeoutMs: 0 })).status, "ok");
  await net.settle();
});

test("netstackd lets every connection wait that a gateway can have, and drops none of them", () => {
  ok(LISTEN_BACKLOG > GATEWAY_LIMITS.tcpFlows);
  ok(DEFAULT_LIMITS.synBacklog > GATEWAY_LIMITS.forwardHandshakes);
  ok(DEFAULT_LIMITS.tcpSockets > LISTEN_BACKLOG + HANDLES_MAX + LINGERING_MAX);
});

test("netstackd counts the connections that find no place to wait", async () => {
  const net = netPair();
  const client = net.v2();
  equal((await client.listen({ ip: ANY_IPV4, port: 7401 })).status, "ok");
  const dropped = async () => {
    const stats = await client.stats({});
    return stats.status === "ok" ? stats.synsDropped : stats.status;
  };
  const ask = async (count: number) => {
    for (let asked = 0; asked < count; asked++) {
      ok(typeof net.peer.connectTcp({ remote: OWN_LISTENER }) !== "string");
      // Each is made before the next asks: more than so many at once are given up earlier.
      if (asked % 64 === 0) await net.settle();
    }
    await net.settle();
  };
  await ask(LISTEN_BACKLOG);
  equal(await dropped(), 0n);
  await ask(3);
  equal(await dropped(), 3n);
});

test("netstackd holds so many payloads of writes that wait, and drops the others", async () => {
  const net = netPair({ limits: { sendRingBytes: 2048, receiveRingBytes: 2048 } });
  const listener = net.peer.listenTcp({ port: 80, backlog: 1 });
  ok(typeof listener !== "string");
  const client = net.v2();
  const connecting = client.connect({ ip: PEER_IP, port: 80, timeoutMs: 0 });
  await net.settle();
  const connected = await connecting;
  ok(connected.status === "ok");
  const { handle } = connected;
  const replies: unknown[] = [];
  const slots = Array.from({ length: PARKED_PAYLOADS_MAX + 2 }, () => {
    const made = net.task.vmoCreate(10_000);
    ok(made.status === "ok");
    return made.slot;
  });
  const write = { handle, length: 10_000, bytes: new Uint8Array(0), timeoutMs: 0 };
  for (const move of slots) client.write(write, { move }).then((reply) => replies.push(reply));
  await net.settle();
  deepEqual(replies, [LIMIT, LIMIT]);
  const held = slots.filter((slot) => net.task.vmoMap(slot) !== undefined).length;
  equal(held, PARKED_PAYLOADS_MAX);
  await client.abort({ handle });
  await net.settle();
  equal(slots.filter((slot) => net.task.vmoMap(slot) !== undefined).length, 0);
});

test("Linger resets the oldest connection when one more would be too many", () => {
  const net = netPair();
  const linger = new Linger();
  const sockets = Array.from({ length: LINGERING_MAX + 1 }, (_, at) => {
    const socket = net.peer.connectTcp({ remote: { address: 0x0a000001, port: at + 1 } });
    ok(typeof socket !== "string");
    linger.add(socket, at);
    return socket;
  });
  equal(linger.size, LINGERING_MAX);
  equal(sockets[0]?.state, "CLOSED");
  ok(sockets.slice(1).every(({ state }) => state !== "CLOSED"));
});

test("netstackd forgets a ping that could not start", async () => {
  const net = netPair();
  const client = net.v2();
  deepEqual(await client.icmpPing({ ip: "11.0.0.1", timeoutMs: 10 }), { status: "unreachable" });
  const stats = await client.stats({});
  ok(stats.status === "ok" && stats.parked === 0);
});
