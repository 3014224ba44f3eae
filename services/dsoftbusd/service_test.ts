import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { BUS_PORT, type BusNode, busNode, BusWorld, targetOf } from "@tests/fakes/bus.ts";
import { test } from "@tests/fakes/test.ts";
import { MISMATCHES_MAX } from "./dialer.ts";
import { PEER_STATES } from "./protocol.ts";

const A = 0x0a000001;
const B = 0x0a000002;
const WAIT = { timeoutMs: 60_000 };
const PING = { count: 3, size: 60, window: 2, timeoutMs: 1_000 };
const NOBODY = { deviceId: "", noiseStatic: new Uint8Array(0) };

interface Pair {
  readonly world: BusWorld;
  readonly a: BusNode;
  readonly b: BusNode;
}

/** A dials B and both have a session. */
async function pair(): Promise<Pair> {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  return { world, a, b };
}

/** Nothing was thrown that is no refusal, on any node. */
function unharmed({ nodes }: BusWorld): void {
  for (const { faults } of nodes.values()) deepEqual(faults, []);
}

test("dsoftbusd finds a peer by its announce, proves it, and both may ask", async () => {
  const { world, a, b } = await pair();
  const [idA, idB] = [a.custody.local.deviceId, b.custody.local.deviceId];
  deepEqual(a.markers, [`bound ${idB}`, `auth ok ${idB}`]);
  deepEqual(b.markers, [`bound ${idA}`, `auth ok ${idA}`]);
  for (const [node, peer] of [[a, idB], [b, idA]] as const) {
    const reply = await node.client.ping({ peer, ...PING });
    deepEqual(reply.status === "ok" && [reply.deviceId, reply.count], [peer, 3]);
    const service = "samgrd";
    deepEqual(await node.client.resolve({ peer, service, timeoutMs: 1_000 }), {
      status: "ok",
      deviceId: peer,
      found: 1,
      endpoint: 5,
    });
  }
  unharmed(world);
});

test("dsoftbusd judges a peer's calls under its id, once a second for pings", async () => {
  const { world, a, b } = await pair();
  const subject = `peer:${a.custody.local.deviceId}`;
  const ping = { subject, capability: "dsoftbus.ping", operation: "session.ping", target: "" };
  await a.client.ping({ peer: "any", ...PING });
  deepEqual(b.gate.asks, [ping]);
  await world.pass(900);
  await a.client.ping({ peer: "any", ...PING });
  equal(b.gate.asks.length, 1);
  await world.pass(200);
  await a.client.ping({ peer: "any", ...PING });
  deepEqual(b.gate.asks, [ping, ping]);
  await a.client.resolve({ peer: "any", service: "logd", timeoutMs: 1_000 });
  const resolve = { subject, capability: "samgr.resolve", operation: "samgrd.resolve" };
  deepEqual(b.gate.asks[2], { ...resolve, target: "logd" });
  deepEqual(a.gate.asks, []);
});

test("test_reject_unpolicied_operation: a denied peer gets a refusal, and samgrd is not asked", async () => {
  const world = new BusWorld();
  const allowed = ({ subject }: { subject: string }) => !subject.startsWith("peer:");
  const b = await busNode(world, { seed: 2, address: B, allowed });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  deepEqual(await a.client.ping({ peer: "any", ...PING }), { status: "peer_denied" });
  const service = { peer: "any", service: "samgrd", timeoutMs: 1_000 };
  deepEqual(await a.client.resolve(service), { status: "peer_denied" });
  deepEqual(b.resolved, []);
  equal(b.bus.live.length, 1);
  unharmed(world);
});

test("test_reject_identity_mismatch: B's announce with another device's proof is refused, and said", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const pinned = targetOf(B, {
    deviceId: "ab".repeat(32),
    noiseStatic: b.custody.local.noiseStatic,
  });
  const a = await busNode(world, { seed: 1, address: A, targets: [pinned] });
  await world.settle();
  deepEqual(a.markers, [`mismatch ${b.custody.local.deviceId}`]);
  deepEqual(a.counts(), { "identity_mismatch": 1 });
  equal(world.connections.at(-1)?.[0].left, "closed");
  deepEqual(b.markers, []);
  equal(b.table.size, 0);
});

test("test_reject_identity_mismatch: a device that announces another id than the pinned one is named, once", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const pinned = targetOf(B, { deviceId: "ab".repeat(32) });
  const a = await busNode(world, { seed: 1, address: A, targets: [pinned] });
  await world.pass(10_000, 500);
  const attempts = a.counts()["pin_mismatch"] ?? 0;
  ok(attempts > 2, `${attempts} attempts`);
  const id = b.custody.local.deviceId;
  deepEqual(a.markers, [`mismatch ${id}`]);
  equal(a.logged[0], `refused pin_mismatch claimed=${id} from=10.0.0.2:${BUS_PORT}`);
  // Its announce alone says so: no handshake was begun, and its proof not asked for.
  deepEqual([b.markers, b.acceptor.accepted.announces], [[], attempts]);
  const peers = await a.client.peers({ first: 0 });
  equal(peers.status === "ok" ? peers.peers[0]?.reason : "", "pin_mismatch");
});

test("a dial names each device that is not the pinned one, and one among many again", async () => {
  const world = new BusWorld();
  const pinned = targetOf(B, { deviceId: "ab".repeat(32) });
  const a = await busNode(world, { seed: 1, address: A, targets: [pinned] });
  const ids: string[] = [];
  const seeds = Array.from({ length: MISMATCHES_MAX + 1 }, (_, index) => 20 + index);
  for (const seed of [...seeds, 20, 20]) {
    const b = await busNode(world, { seed, address: B });
    ids.push(`mismatch ${b.custody.local.deviceId}`);
    await world.pass(60_000, 10_000);
  }
  deepEqual(a.markers, ids.slice(0, -1));
});

test("test_reject_identity_mismatch: a stranger with a stolen proof is refused, and said", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B, valid: false });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  const id = a.custody.local.deviceId;
  deepEqual(b.markers, [`mismatch ${id}`]);
  deepEqual([a.bus.live.length, b.bus.live.length, b.table.size], [0, 0, 0]);
  const skipped = await busNode(world, { seed: 3, address: A + 9, valid: true });
  equal(skipped.markers.length, 0);
});

test("dsoftbusd connect refuses a peer whose announce has another id than the pinned one", async () => {
  const { world, a } = await pair();
  const deviceId = "cd".repeat(32);
  const reply = await a.client.connect({
    ...NOBODY,
    address: B,
    port: BUS_PORT,
    deviceId,
    ...WAIT,
  });
  deepEqual(reply, { status: "refused" });
  deepEqual(a.counts(), { "pin_mismatch": 1 });
  unharmed(world);
});

test("dsoftbusd connect answers at once for a session that stands, and times out where nobody is", async () => {
  const { world, a, b } = await pair();
  const deviceId = b.custody.local.deviceId;
  const there = { ...NOBODY, address: B, port: BUS_PORT };
  deepEqual(await a.client.connect({ ...there, ...WAIT }), { status: "ok", deviceId });
  const nowhere = a.client.connect({ ...there, address: 0x0a0000aa, timeoutMs: 3_000 });
  await world.pass(4_000);
  deepEqual(await nowhere, { status: "timed_out" });
  deepEqual(await a.client.connect({ ...there, address: 0x0a0000aa, timeoutMs: 0 }), {
    status: "timed_out",
  });
  unharmed(world);
});

test("dsoftbusd connect takes a pinned static key without asking for the announce", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A });
  const { deviceId, noiseStatic } = b.custody.local;
  const to = { address: B, port: BUS_PORT, deviceId, noiseStatic, ...WAIT };
  deepEqual(await a.client.connect(to), { status: "ok", deviceId });
  const stats = await b.client.stats({});
  equal(stats.status === "ok" ? stats.announces : -1, 0);
  deepEqual(await b.client.ping({ peer: "any", ...PING }), { status: "not_found" });
  equal((await a.client.ping({ peer: "any", ...PING })).status, "ok");
});

test("dsoftbusd stats names what netstackd turned away beside what it refused itself", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const refused = async () => {
    const stats = await b.client.stats({});
    return stats.status === "ok" ? stats.refused : stats.status;
  };
  deepEqual(await refused(), []);
  await world.connect(B)?.close();
  await world.settle();
  const turnedAway = (count: number) =>
    Object.defineProperty(b.bus.ports.network, "turnedAway", {
      value: () => Promise.resolve(count),
      configurable: true,
    });
  turnedAway(7);
  const own = { reason: "closed_early", count: 1 };
  deepEqual(await refused(), [own, { reason: "backlog_full", count: 7 }]);
  turnedAway(2 ** 40);
  deepEqual(await refused(), [own, { reason: "backlog_full", count: 2 ** 32 - 1 }]);
});

test("dsoftbusd connect refuses requests that name nobody", async () => {
  const { a } = await pair();
  const good = { ...NOBODY, address: B, port: BUS_PORT, ...WAIT };
  for (
    const bad of [
      { port: 0 },
      { noiseStatic: new Uint8Array(31) },
      { deviceId: "ab" },
      { deviceId: "AB".repeat(32) },
      { timeoutMs: 600_001 },
    ]
  ) {
    deepEqual(await a.client.connect({ ...good, ...bad }), { status: "malformed" });
  }
});

test("dsoftbusd finds no session with itself, and says so to whoever asked", async () => {
  const world = new BusWorld();
  const a = await busNode(world, { seed: 1, address: A });
  const self = { ...NOBODY, address: A, port: BUS_PORT, ...WAIT };
  deepEqual(await a.client.connect(self), { status: "refused" });
  const { noiseStatic, deviceId } = a.custody.local;
  deepEqual(await a.client.connect({ ...self, noiseStatic, deviceId }), { status: "refused" });
  await world.settle();
  equal(a.counts()["own_identity"], 2);
  deepEqual([a.bus.live.length, a.table.size], [0, 0]);
  unharmed(world);
});

test("dsoftbusd and its clone both say so, and keep no session", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 1, address: B });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  const line = `clone ${a.custody.local.deviceId}`;
  deepEqual([a.markers.at(-1), b.markers.at(-1)], [line, line]);
  deepEqual([a.bus.live.length, b.bus.live.length, b.table.size], [0, 0, 0]);
  await world.pass(30_000, 1_000);
  equal(world.connections.length, 2);
  unharmed(world);
});

test("dsoftbusd connect begins anew where a dial had ended for good", async () => {
  const world = new BusWorld();
  await busNode(world, { seed: 1, address: B });
  const a = await busNode(world, { seed: 1, address: A });
  const there = { ...NOBODY, address: B, port: BUS_PORT, ...WAIT };
  const first = await a.client.connect(there);
  await world.settle();
  ok(first.status === "ok" || first.status === "refused");
  deepEqual(a.bus.live, []);
  const b = await busNode(world, { seed: 2, address: B });
  const { deviceId } = b.custody.local;
  deepEqual(await a.client.connect(there), { status: "ok", deviceId });
});

test("dsoftbusd ping sends none after its time, and says that it is over", async () => {
  const world = new BusWorld();
  let asked = 0;
  const allowed = () => {
    // Every answer takes the peer a second.
    asked += 1;
    world.clock.advanceMs(1_000);
    return true;
  };
  await busNode(world, { seed: 2, address: B, allowed });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  const pings = { peer: "any", count: 40, size: 0, window: 1, timeoutMs: 5_000 };
  deepEqual(await a.client.ping(pings), { status: "timed_out" });
  await world.settle();
  ok(asked >= 5 && asked <= 7, `${asked} pings`);
  equal(a.bus.live.length, 1);
});

test("dsoftbusd dials again with growing waits until its peer is there, and again when it is lost", async () => {
  const world = new BusWorld();
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.pass(60_000, 500);
  const tries = a.counts()["dial_refused"] ?? 0;
  ok(tries >= 8 && tries <= 18, `${tries} tries`);
  const b = await busNode(world, { seed: 2, address: B });
  await world.pass(12_000, 500);
  equal(a.bus.live.length, 1);
  await world.pass(12_000, 500);
  b.bus.live[0]?.session.end("local_close");
  await world.settle();
  deepEqual([a.bus.live.length, b.bus.live.length], [0, 0]);
  await world.pass(500);
  deepEqual([a.bus.live.length, b.bus.live.length], [1, 1]);
  unharmed(world);
});

test("dsoftbusd lets its waits grow when a peer takes sessions only to end them", async () => {
  const { world, a, b } = await pair();
  for (let ms = 0; ms < 30_000; ms += 100) {
    for (const { session } of b.bus.live) session.end("local_close");
    await world.pass(100);
  }
  ok(a.bus.sessions <= 14, `${a.bus.sessions} sessions`);
});

test("dsoftbusd names peers by the beginning of their id, four digits at least", async () => {
  const { a, b } = await pair();
  const id = b.custody.local.deviceId;
  const status = async (peer: string) => (await a.client.ping({ peer, ...PING })).status;
  equal(await status(id.slice(0, 4)), "ok");
  equal(await status(id.slice(0, 3)), "malformed");
  equal(await status(id.toUpperCase()), "malformed");
  equal(await status("ffff"), "not_found");
  equal(await status(`${id.slice(0, 4)}zz`), "malformed");
});

test("dsoftbusd awaitPeer answers when a session comes, and leaves nobody waiting behind", async () => {
  const world = new BusWorld();
  await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A });
  const early = a.client.awaitPeer({ timeoutMs: 1_000 });
  await world.pass(1_100);
  deepEqual(await early, { status: "timed_out" });
  const waiting = a.client.awaitPeer({ timeoutMs: 0 });
  a.client.connect({ ...NOBODY, address: B, port: BUS_PORT, ...WAIT });
  equal((await waiting).status, "ok");
  const late = a.client.awaitPeer({ timeoutMs: 0 });
  equal((await late).status, "ok");
});

test("dsoftbusd lists a dial under the device that it last had a session with", async () => {
  const { world, a, b } = await pair();
  await b.client.closeAll({});
  await world.settle();
  const after = await a.client.peers({ first: 0 });
  ok(after.status === "ok");
  deepEqual(
    after.peers.map(({ deviceId, state }) => [deviceId, PEER_STATES[state]]),
    [[b.custody.local.deviceId, "waiting"]],
  );
});

test("dsoftbusd names a ConnectRequest of another id, prints no auth ok for it, and hangs up", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  const id = a.custody.local.deviceId;
  // What it proves is its own; what it asks to connect as is not.
  Object.defineProperty(a.custody.local, "deviceId", { value: id.toUpperCase() });
  await world.settle();
  deepEqual(b.counts(), { "connect_mismatch": 1 });
  deepEqual(b.logged, [`refused connect_mismatch claimed=${id} from=10.0.0.1:40000`]);
  deepEqual(b.markers, [`bound ${id}`]);
  deepEqual(a.counts(), { "connect_rejected": 1 });
  equal(world.connections.at(-1)?.[1].left, "closed");
  deepEqual([b.bus.live.length, b.table.size], [0, 0]);
});

test("dsoftbusd lists sessions and dials, a page at a time", async () => {
  const { world, a } = await pair();
  await a.client.connect({ ...NOBODY, address: 0x0a0000aa, port: 9, timeoutMs: 0 });
  await world.settle();
  const all = await a.client.peers({ first: 0 });
  ok(all.status === "ok");
  deepEqual([all.total, all.peers.length], [2, 2]);
  deepEqual(all.peers.map(({ state }) => PEER_STATES[state]), ["established", "waiting"]);
  equal(all.peers[1]?.reason, "dial_refused");
  const rest = await a.client.peers({ first: 1 });
  deepEqual(rest.status === "ok" && rest.peers, all.peers.slice(1));
  const none = await a.client.peers({ first: 2 });
  deepEqual(none.status === "ok" && none.peers, []);
});

test("dsoftbusd closeAll ends sessions in order, dials no more and answers who waits", async () => {
  const { world, a, b } = await pair();
  await a.client.connect({ ...NOBODY, address: 0x0a0000aa, port: 9, timeoutMs: 0 });
  deepEqual(await a.client.closeAll({}), { status: "ok", closed: 1 });
  await world.settle();
  deepEqual([a.bus.live.length, b.bus.live.length, b.table.size], [0, 0, 0]);
  const opened = world.connections.length;
  await world.pass(30_000, 1_000);
  equal(world.connections.length, opened);
  const status =
    (await a.client.connect({ ...NOBODY, address: B, port: BUS_PORT, ...WAIT })).status;
  equal(status, "closed");
  equal(a.incoming(world.connections[0]?.[1] ?? never()), false);
  deepEqual(await a.client.awaitPeer({ timeoutMs: 0 }), { status: "closed" });
  unharmed(world);
});

function never(): never {
  throw new Error("a connection was opened");
}
