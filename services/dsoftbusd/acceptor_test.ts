import { fromHex } from "@runtime/core/hex.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { decodeAnnounce } from "@net/discovery/announce.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type BusNode, busNode, BusWorld, targetOf } from "@tests/fakes/bus.ts";
import type { FakeStream } from "@tests/fakes/streams.ts";
import { test } from "@tests/fakes/test.ts";
import { Acceptor } from "./acceptor.ts";
import { AdmissionTable } from "./admission.ts";
import type { Authenticated } from "./handshake.ts";
import type { RecordStream } from "./record_stream.ts";
import type { Cause } from "./refusal.ts";
import { Session } from "./session.ts";

const A = 0x0a000001;
const B = 0x0a000002;
const STRANGER = 0x0a0000fe;

/** B with a session of A's, whose pings go on throughout. */
async function besieged(
  options: { perAddress?: number; connections?: number } = {},
): Promise<{ world: BusWorld; a: BusNode; b: BusNode }> {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B, ...options });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  equal(b.bus.live.length, 1);
  return { world, a, b };
}

async function stranger(world: BusWorld, from = STRANGER): Promise<FakeStream> {
  const stream = world.connect(B, from);
  ok(stream !== undefined);
  await world.settle();
  return stream;
}

async function stillAnswers({ a }: { a: BusNode }): Promise<void> {
  const reply = await a.client.ping({ peer: "any", count: 5, size: 0, window: 2, timeoutMs: 500 });
  equal(reply.status, "ok");
}

const PROBES: readonly (readonly [string, string, Cause])[] = [
  ["an HTTP request", "474554202f20485454502f312e310d0a0d0a", "record_length"],
  ["a prefix of 65537", "00010001", "record_length"],
  ["a prefix of 2^32-1", "ffffffff", "record_length"],
  ["a record of no bytes", "00000000", "record_length"],
  ["message 1 of 49 bytes", "00000031" + "00".repeat(49), "record_length"],
  ["message 1 of 47 bytes", "0000002f" + "00".repeat(47), "message_length"],
  ["a message 1 that was made up", "00000030" + "09" + "00".repeat(47), "noise_decrypt"],
  ["a message 1 of low order", "00000030" + "00".repeat(48), "low_order_point"],
  ["an announce request of version 1", "4e58534201", "announce_request_malformed"],
  ["an announce request of version 255", "4e585342ff", "announce_request_malformed"],
];

test("Acceptor names what each intruder did, and an existing session goes on", async () => {
  for (const [what, hex, reason] of PROBES) {
    const siege = await besieged();
    const { world, b } = siege;
    const intruder = await stranger(world);
    await intruder.write(fromHex(hex).slice(), 1);
    await world.settle();
    deepEqual([what, b.counts()], [what, { [reason]: 1 }]);
    equal((await intruder.read(1)).status, "closed");
    deepEqual(b.logged.filter((line) => line.startsWith("refused")), [
      `refused ${reason} from=10.0.0.254:40000`,
    ]);
    await stillAnswers(siege);
    equal(b.table.size, 1);
    deepEqual(b.faults, []);
  }
});

test("Acceptor cuts off whom it fails itself", async () => {
  const { world, b } = await besieged();
  const { entropy } = b.bus.ports.handshake;
  Object.defineProperty(entropy, "draw", { value: () => Promise.resolve(undefined) });
  const caller = await stranger(world);
  await caller.write(fromHex("00000030" + "09".repeat(48)).slice(), 1);
  await world.settle();
  deepEqual(b.counts(), { "custody": 1 });
  equal((await caller.read(1)).status, "reset");
});

test("Acceptor tells a client that leaves from one that is cut off", async () => {
  const { world, b } = await besieged();
  await (await stranger(world)).close();
  await (await stranger(world)).abort();
  await world.settle();
  deepEqual(b.counts(), { "closed_early": 1, "connection_reset": 1 });
  equal(b.table.size, 1);
});

test("Acceptor names a stream that ends inside a message of a handshake or a request", async () => {
  const siege = await besieged();
  const { world, b } = siege;
  // Two bytes of a prefix, message 1 without its last byte, the announce request without its version.
  for (const hex of ["0000", "00000030" + "09".repeat(47), "4e585342"]) {
    const before = b.counts()["record_cut"] ?? 0;
    const leaving = await stranger(world);
    await leaving.write(fromHex(hex).slice(), 1);
    await world.settle();
    await leaving.close();
    await world.settle();
    deepEqual([hex, b.counts()], [hex, { "record_cut": before + 1 }]);
  }
  await stillAnswers(siege);
});

test("Acceptor holds silent and trickling clients to one absolute deadline", async () => {
  const siege = await besieged();
  const { world, b } = siege;
  const silent = await stranger(world);
  const trickling = await stranger(world);
  for (let second = 0; second < 5; second++) {
    equal(b.table.size, 3, `second ${second}`);
    await trickling.write(Uint8Array.of([0, 0, 0, 48, 1][second] ?? 0), 1);
    await world.pass(1_000);
  }
  deepEqual(b.counts(), { "handshake_timeout": 2 });
  deepEqual(
    [(await silent.read(1)).status, (await trickling.read(1)).status],
    ["closed", "closed"],
  );
  equal(b.table.size, 1);
  await stillAnswers(siege);
});

test("Acceptor holds a client that asks for the announce byte by byte to the same deadline", async () => {
  const { world, b } = await besieged();
  const slow = await stranger(world);
  await slow.write(fromHex("4e585342").slice(), 1);
  await world.pass(5_000);
  deepEqual(b.counts(), { "handshake_timeout": 1 });
  equal(b.table.size, 1);
});

test("Acceptor survives 500 silent connections while a session keeps its answers", async () => {
  const siege = await besieged();
  const { world, b } = siege;
  for (let index = 0; index < 500; index++) {
    await stranger(world);
    ok(b.table.size <= 65);
  }
  equal(b.counts()["evicted"], 500 - 64);
  await stillAnswers(siege);
  await world.pass(5_000);
  equal(b.counts()["handshake_timeout"], 64);
  equal(b.table.size, 1);
  await stillAnswers(siege);
  deepEqual(b.faults, []);
});

test("Acceptor refuses a newcomer before any crypto when every place is a session", async () => {
  const { world, b } = await besieged({ connections: 1 });
  b.custody.calls.length = 0;
  const late = await stranger(world);
  await late.write(fromHex("00000030" + "09".repeat(48)).slice(), 1);
  await world.settle();
  deepEqual([b.counts(), b.custody.calls], [{ "limit_total": 1 }, []]);
  equal((await late.read(1)).status, "reset");
  equal(b.bus.live.length, 1);
});

test("Acceptor refuses a newcomer of an address whose places are all sessions", async () => {
  const { world, b } = await besieged({ perAddress: 1 });
  b.custody.calls.length = 0;
  await stranger(world, A);
  deepEqual([b.counts(), b.custody.calls], [{ "limit_address": 1 }, []]);
  await stranger(world);
  equal(b.table.size, 2);
});

test("Acceptor gives whoever asks a signed announce and hangs up", async () => {
  for (
    const parts of [["4e58534200"], ["4e58534200ffff"], ["4e585342", "00"], ["4e", "585342", "00"]]
  ) {
    const { world, b } = await besieged();
    const asker = await stranger(world);
    for (const part of parts) {
      await asker.write(fromHex(part).slice(), 1);
      await world.settle();
    }
    const read = await asker.read(1);
    ok(read.status === "ok");
    const { announce, envelope } = decodeAnnounce(read.bytes);
    equal(announce.deviceId, b.custody.local.deviceId);
    deepEqual(envelope?.key, b.custody.local.verifyingKey);
    equal((await asker.read(1)).status, "closed");
    equal(b.table.size, 1);
  }
});

test("Acceptor takes a session whose first bytes come in any pieces", async () => {
  const world = new BusWorld();
  world.pair = { segment: 3 };
  const b = await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  await world.settle();
  await world.settle();
  equal(a.bus.live.length, 1);
  await stillAnswers({ a });
  deepEqual([a.faults, b.faults], [[], []]);
});

test("Acceptor goes on after netstackd had no room, and ends with its listener", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const answers = ["failed", "failed", "gone"] as const;
  let asked = 0;
  const network = {
    ...b.bus.ports.network,
    accept: () => Promise.resolve(answers[asked++] ?? "gone"),
  };
  Object.defineProperty(b.bus, "ports", { value: { ...b.bus.ports, network } });
  let ended = false;
  new Acceptor(b.bus, new AdmissionTable()).run().then(() => ended = true);
  await world.settle();
  deepEqual([asked, ended], [1, false]);
  await world.pass(200, 50);
  deepEqual([asked, ended], [3, true]);
});

test("a session ends by name when its peer sends an announce that is not its own, or a second one", async () => {
  for (
    const [change, reason] of [
      [
        (bytes: Uint8Array) => bytes.with(bytes.length - 1, 1 ^ (bytes.at(-1) ?? 0)),
        "announce_invalid",
      ],
      [(bytes: Uint8Array) => bytes.slice(0, -138), "announce_invalid"],
      [(bytes: Uint8Array) => bytes.slice(0, 20), "announce_malformed"],
      [(bytes: Uint8Array) => bytes, "announce_repeated"],
    ] as const
  ) {
    const { world, a, b } = await besieged();
    const session = a.bus.live[0]?.session;
    const announce = await a.bus.ports.announcer.make();
    ok(session !== undefined && announce !== undefined);
    const far = b.bus.live[0]?.session;
    ok(far !== undefined && far.peerAnnounced);
    far.peerAnnounced = reason === "announce_repeated";
    session.announce(change(announce));
    await world.settle();
    deepEqual(b.counts(), { [reason]: 1 });
    deepEqual([b.bus.live.length, b.table.size], [0, 0]);
    deepEqual([...b.faults, ...a.faults], []);
  }
});

test("a session ends when its peer announces another device, however valid that announce", async () => {
  const { world, a, b } = await besieged();
  const c = await busNode(world, { seed: 3, address: A + 7 });
  const announce = await c.bus.ports.announcer.make();
  const [near, far] = [a.bus.live[0]?.session, b.bus.live[0]?.session];
  ok(announce !== undefined && near !== undefined && far !== undefined);
  far.peerAnnounced = false;
  near.announce(announce);
  await world.settle();
  deepEqual([b.counts(), b.bus.live.length], [{ "announce_invalid": 1 }, 0]);
});

test("a peer's reply that is none ends the session, not the daemon", async () => {
  const world = new BusWorld();
  const b = await busNode(world, { seed: 2, address: B });
  const a = await busNode(world, { seed: 1, address: A, targets: [targetOf(B)] });
  // B serves replies of its own making.
  const serve = (bytes: Uint8Array) => () => bytes;
  for (
    const [reply, count] of [[concatBytes(Uint8Array.of(2, 9, 9)), 1], [
      new Uint8Array(0),
      2,
    ]] as const
  ) {
    b.bus.open = (role, records, authenticated) =>
      opened(b, serve(reply), { role, records, authenticated });
    a.bus.live[0]?.session.end("local_close");
    await world.pass(40_000, 1_000);
    equal(a.bus.live.length, 1);
    const asked = a.client.resolve({ peer: "any", service: "samgrd", timeoutMs: 1_000 });
    deepEqual(await asked, { status: "closed" });
    await world.settle();
    equal(a.counts()["reply_malformed"], count);
    deepEqual(a.faults, []);
  }
});

/** A session of B's that answers what the test says. */
function opened(
  b: BusNode,
  serve: () => Uint8Array,
  { role, records, authenticated }: {
    role: "initiator" | "responder";
    records: RecordStream;
    authenticated: Authenticated;
  },
): Session {
  const { clock } = b.bus.ports;
  return new Session({
    role,
    ...authenticated,
    records,
    clock,
    serve,
    announced: () => Promise.resolve(),
  });
}
