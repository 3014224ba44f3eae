/**
 * A node under attack: real nodes, real loopback TCP. Every intrusion has its named refusal, and a
 * session that stands goes on.
 *
 * @module
 */

import { CONNECTIONS_MAX } from "@services/dsoftbusd/admission.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { bootNode, peerAt, replaceArguments, type TestNode } from "../fakes/node.ts";
import { besieged, HOST, Intruder, PINGS, refusedBy, WAIT } from "../fakes/siege.ts";
import { type PassingRecord, tcpProxy } from "../fakes/tcp_proxy.ts";
import { test } from "../fakes/test.ts";

/** More than the host's own buffers hold on the way to a node that has stopped reading. */
const POURED_MAX = 64 << 20;

const PROBES: readonly (readonly [string, string, string])[] = [
  ["GET / HTTP/1.1", "474554202f20485454502f312e310d0a0d0a", "record_length"],
  ["a prefix of 65537", "00010001", "record_length"],
  ["a record of no bytes", "00000000", "record_length"],
  ["message 1 of 49 bytes", "00000031" + "00".repeat(49), "record_length"],
  ["message 1 of 47 bytes", "0000002f" + "00".repeat(47), "message_length"],
  ["message 1 for another key", "00000030" + "09" + "00".repeat(47), "noise_decrypt"],
  ["message 1 of a low-order point", "00000030" + "00".repeat(48), "low_order_point"],
  ["an announce request of version 9", "4e58534209", "announce_request_malformed"],
];

test(
  "a node names what each intruder did, hangs up, and its session goes on",
  besieged(async ({ b, answers, refused }) => {
    for (const [what, hex, reason] of PROBES) {
      const before = (await refused())[reason] ?? 0;
      const intruder = await Intruder.at(b.port);
      await intruder.say(hex);
      equal(await intruder.toTheEnd(), 0, what);
      equal((await refused())[reason], before + 1, what);
      await answers();
    }
  }),
);

test(
  "a node tells a stream that ends inside a record from one that ends in order",
  besieged(async ({ b, answers, refused }) => {
    const before = await refused();
    const ends = [["", "closed_early"], ["00000030" + "09".repeat(47), "record_cut"]] as const;
    for (const [hex, reason] of ends) {
      const leaving = await Intruder.at(b.port);
      await leaving.say(hex);
      await leaving.end();
      equal(await leaving.toTheEnd(), 0);
      equal((await refused())[reason], (before[reason] ?? 0) + 1);
      await answers();
    }
  }),
);

test(
  "a node cuts off who is refused and sends on, and its session goes on",
  besieged(async ({ b, answers, refused }) => {
    const before = (await refused())["record_length"] ?? 0;
    const intruders = await Promise.all([1, 2, 3, 4].map(() => Intruder.at(b.port)));
    const cut = intruders.map(async (intruder) => {
      await intruder.say("474554202f20485454502f312e310d0a");
      return await intruder.pour(POURED_MAX);
    });
    await answers();
    deepEqual(await Promise.all(cut), [true, true, true, true]);
    equal((await refused())["record_length"], before + 4);
  }),
);

test(
  "a node cuts off a peer whose announce has no end, and says so",
  besieged(async ({ a, answers }) => {
    const server = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const pouring = server.accept().then((conn) => new Intruder(conn).pour(POURED_MAX));
    const to = { address: HOST, port: server.addr.port, deviceId: "", timeoutMs: 0 };
    const dialled = { ...to, noiseStatic: new Uint8Array(0) };
    equal((await a.control.connect(dialled, { timeoutMs: "never" })).status, "timed_out");
    equal(await pouring, true);
    server.close();
    equal((await refusedBy(a))["announce_malformed"], 1);
    await answers();
  }),
);

test(
  "a node cuts silent and trickling clients off at one absolute deadline",
  besieged(async ({ b, answers, refused }) => {
    // A busy host may have let the peer's own first handshake run out of its shortened time.
    const before = (await refused())["handshake_timeout"] ?? 0;
    const silent = await Intruder.at(b.port);
    const trickling = await Intruder.at(b.port);
    await trickling.say("00000030");
    const drip = trickling.toTheEnd();
    let over = false;
    drip.finally(() => over = true);
    for (let sent = 0; !over; sent++) {
      // Never the whole message, however long the deadline lasts.
      if (sent < 47) await trickling.say("01").catch(() => {});
      await answers();
    }
    deepEqual([await silent.toTheEnd(), await drip], [0, 0]);
    equal((await refused())["handshake_timeout"], before + 2);
  }),
);

test(
  "a node gives 500 silent connections no more places than it has, and its session keeps its pace",
  besieged(async ({ a, b, answers, refused }) => {
    const intruders: Promise<number>[] = [];
    for (let index = 0; index < 500; index++) {
      intruders.push((await Intruder.at(b.port)).toTheEnd());
      if (index % 50 === 0) await answers();
    }
    await answers();
    equal((await Promise.all(intruders)).every((bytes) => bytes === 0), true);
    const { evicted = 0, handshake_timeout: late = 0, limit_address: full = 0, ...other } =
      await refused();
    equal(evicted + late + full, 500);
    deepEqual(other, {});
    // No place is left taken: as many sessions as an address may have still fit beside each other.
    const peers = await b.control.peers({ first: 0 });
    equal(peers.status === "ok" ? peers.total : 0, 1);
    const { noiseStatic, deviceId } = await identityOf(b);
    const again = { address: HOST, port: b.port, noiseStatic, deviceId, ...WAIT };
    equal((await a.control.connect(again, { timeoutMs: "never" })).status, "ok");
  }),
);

test(
  "a node accepts and names each of 500 connections that come at once",
  besieged(async ({ b, answers, refused }) => {
    const before = await b.control.stats({});
    const ends = Array.from({ length: 500 }, () => Intruder.silent(b.port));
    await answers();
    deepEqual([...new Set(await Promise.all(ends))], [0]);
    const after = await b.control.stats({});
    ok(before.status === "ok" && after.status === "ok");
    equal(after.accepted - before.accepted, 500);
    const { evicted = 0, handshake_timeout: late = 0, ...other } = await refused();
    equal(evicted + late, 500);
    deepEqual(other, {});
  }),
);

test("a node keeps as many connections as it has places, and answers each by its deadline", async () => {
  const timing = { perAddress: `${CONNECTIONS_MAX}`, handshakeTimeoutMs: "3000" };
  const b = await bootNode({ components: replaceArguments("dsoftbusd", timing) });
  const a = await bootNode({ peers: [peerAt(b.port)] });
  try {
    await a.printed("dsoftbusd: auth ok");
    await b.printed("dsoftbusd: auth ok");
    // Beside A's session; each has a read that waits in netstackd.
    const silent = CONNECTIONS_MAX - 1;
    const before = await b.control.stats({});
    const ends: Promise<number>[] = [];
    for (let index = 0; index < silent; index++) {
      ends.push((await Intruder.at(b.port)).toTheEnd());
    }
    equal((await a.control.ping(PINGS, { timeoutMs: "never" })).status, "ok");
    deepEqual([...new Set(await Promise.all(ends))], [0]);
    deepEqual(await refusedBy(b), { "handshake_timeout": silent });
    const after = await b.control.stats({});
    ok(before.status === "ok" && after.status === "ok");
    equal(after.accepted - before.accepted, silent);
    equal((await a.control.ping(PINGS, { timeoutMs: "never" })).status, "ok");
    deepEqual([...a.faults, ...b.faults], []);
  } finally {
    await a.stop();
    await b.stop();
  }
});

test("a node names in its log whom its gateway turned away", async () => {
  const b = await bootNode();
  try {
    // Nobody listens any more: the machine takes no connection.
    equal((await b.control.stop({})).status, "ok");
    equal(await Intruder.silent(b.port), 0);
    const asked = { ring: 0, afterId: 0n, countMax: 9, scope: "gateway" };
    const log = await b.control.log(asked);
    ok(log.status === "ok");
    deepEqual(log.records.map(({ sender, message, fields }) => [sender, message, fields]), [
      ["host-gateway", "refused not_taken", "count=1\n"],
    ]);
  } finally {
    await b.stop();
  }
});

async function identityOf(node: TestNode) {
  const identity = await node.control.identity({});
  ok(identity.status === "ok");
  return identity;
}

/** Where one byte is flipped: message 1 and 3 go out, message 2 comes back; behind the prefix. */
const FLIPS: readonly (readonly [string, "out" | "back", number, number])[] = [
  ["message 1, ephemeral key", "out", 0, 4],
  ["message 1, tag", "out", 0, 51],
  ["message 2, ephemeral key", "back", 0, 4],
  ["message 2, proof", "back", 0, 200],
  ["message 2, tag", "back", 0, -1],
  ["message 3, static key", "out", 1, 4],
  ["message 3, proof", "out", 1, 300],
  ["message 3, tag", "out", 1, -1],
  ["connect request", "out", 2, 20],
  ["connect response", "back", 1, 10],
];

test(
  "one flipped byte in any message of a handshake is refused, and the next attempt succeeds",
  besieged(async ({ a, b, answers }) => {
    const { noiseStatic, deviceId } = await identityOf(b);
    for (const [what, direction, index, at] of FLIPS) {
      const before = await decryptFailures(a, b);
      const proxy = tcpProxy(
        b.port,
        (record, bytes) =>
          record.connection === 0 && record.direction === direction && record.index === index
            ? flipped(bytes, at)
            : bytes,
      );
      try {
        const to = { address: HOST, port: proxy.port, noiseStatic, deviceId, ...WAIT };
        equal((await a.control.connect(to, { timeoutMs: "never" })).status, "ok", what);
        equal(await decryptFailures(a, b), before + 1, what);
        await answers();
      } finally {
        await proxy.close();
      }
    }
  }),
);

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const index = at < 0 ? bytes.length + at : at;
  return bytes.with(index, (bytes[index] ?? 0) ^ 1);
}

/** A flipped bit of an X25519 key changes the shared secret: it shows as a tag that does not match. */
async function decryptFailures(a: TestNode, b: TestNode): Promise<number> {
  const counts = await Promise.all([refusedBy(a), refusedBy(b)]);
  return counts.reduce((sum, refused) => sum + (refused["noise_decrypt"] ?? 0), 0);
}

test(
  "what one handshake sent opens no second one: messages 1 and 3 replayed are refused",
  besieged(async ({ a, b, refused }) => {
    const { noiseStatic, deviceId } = await identityOf(b);
    const sent: Uint8Array[] = [];
    const keep = ({ connection, direction }: PassingRecord, bytes: Uint8Array) => {
      if (connection === 0 && direction === "out") sent.push(bytes);
      return bytes;
    };
    const proxy = tcpProxy(b.port, keep);
    try {
      const to = { address: HOST, port: proxy.port, noiseStatic, deviceId, ...WAIT };
      equal((await a.control.connect(to, { timeoutMs: "never" })).status, "ok");
      const before = (await refused())["noise_decrypt"] ?? 0;
      const replay = await Intruder.at(b.port);
      for (const record of sent.slice(0, 3)) await replay.say(hexOf(record));
      // Message 2 comes back, made from a new ephemeral key; then the node hangs up.
      ok(await replay.toTheEnd() > 300);
      equal((await refused())["noise_decrypt"], before + 1);
    } finally {
      await proxy.close();
    }
  }),
);

function hexOf(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

test(
  "test_reject_identity_mismatch: a wrong pinned id is refused by name, with and without its announce",
  besieged(async ({ a, b }) => {
    const { noiseStatic } = await identityOf(b);
    const deviceId = "ab".repeat(32);
    const wrong = { address: HOST, port: b.port, deviceId, ...WAIT };
    const announced = { ...wrong, noiseStatic: new Uint8Array(0) };
    equal((await a.control.connect(announced, { timeoutMs: "never" })).status, "refused");
    equal((await refusedBy(a))["pin_mismatch"], 1);
    const lines = a.lines.filter((line) => line === "dsoftbusd: auth ok").length;
    const pinned = { ...wrong, noiseStatic };
    equal((await a.control.connect(pinned, { timeoutMs: "never" })).status, "refused");
    ok(((await refusedBy(a))["identity_mismatch"] ?? 0) >= 1);
    const { deviceId: real } = await identityOf(b);
    ok(a.lines.includes(`dsoftbusd: identity mismatch peer=${real}`));
    equal(a.lines.filter((line) => line === "dsoftbusd: auth ok").length, lines);
  }),
);

test(
  "a client that never reads costs a node nothing that its session would miss",
  besieged(async ({ b, answers, refused }) => {
    const mute = await Intruder.at(b.port);
    for (let times = 0; times < 200; times++) {
      await mute.say("4e58534200".repeat(200)).catch(() => {});
    }
    await answers();
    ok(await mute.toTheEnd() > 100);
    await answers();
    deepEqual(await refused(), {});
  }),
);

test("a stopped node hangs up on its peers, and they dial it again when it is back", async () => {
  const first = await bootNode();
  const { port } = first;
  const a = await bootNode({ peers: [peerAt(port)] });
  try {
    await a.printed("dsoftbusd: auth ok");
    const { deviceId } = await identityOf(first);
    await first.stop();
    const back = await bootNode({ listen: { host: "127.0.0.1", port } });
    try {
      await back.printed("dsoftbusd: auth ok");
      const to = { address: HOST, port, deviceId: "", noiseStatic: new Uint8Array(0), ...WAIT };
      equal((await a.control.connect(to, { timeoutMs: "never" })).status, "ok");
      equal((await a.control.ping(PINGS, { timeoutMs: "never" })).status, "ok");
      ok((await identityOf(back)).deviceId !== deviceId);
    } finally {
      await back.stop();
    }
  } finally {
    await a.stop();
  }
});
