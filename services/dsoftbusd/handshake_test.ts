import { decodeProof, encodeProof } from "@net/noise/proof.ts";
import { encodeFrame, frameLength } from "@net/transport/session_messages.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { toHex } from "@runtime/core/hex.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { deepEqual, equal, notDeepEqual, ok, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { type Custody, custody, type CustodyOptions } from "@tests/fakes/custody.ts";
import { type FakeStream, type PairOptions, streamPair } from "@tests/fakes/streams.ts";
import { test } from "@tests/fakes/test.ts";
import { CHANNEL_SERVICES, PING } from "./session.ts";
import { type Authenticated, initiate, respond } from "./handshake.ts";
import { RecordStream } from "./record_stream.ts";
import { type Cause, refusalOf } from "./refusal.ts";

const DEADLINE_NS = 5_000 * 1e6;

/** Both ends of one attempt and what became of each. */
interface Attempt {
  readonly initiator: Authenticated | Cause;
  readonly responder: Authenticated | Cause;
  readonly streams: readonly [FakeStream, FakeStream];
  /** Device ids that were bound, initiator's finding first. */
  readonly bound: readonly [readonly string[], readonly string[]];
  readonly calls: readonly [readonly string[], readonly string[]];
}

interface AttemptOptions extends PairOptions {
  readonly a?: CustodyOptions;
  readonly b?: CustodyOptions;
  /** Changes the initiator before it begins. */
  readonly alice?: (alice: Custody) => Custody;
  readonly expected?: string;
}

async function attempt(options: AttemptOptions = {}): Promise<Attempt> {
  const clock = manualClock();
  const a = await custody(0x01, { ephemeral: 0x11, ...options.a });
  const alice = options.alice?.(a) ?? a;
  const bob = await custody(0x02, { ephemeral: 0x22, ...options.b });
  const streams = streamPair(clock, options);
  const bound = [[], []] as [string[], string[]];
  const records = streams.map((stream) => new RecordStream(stream, clock));
  const [first, second] = records;
  ok(first !== undefined && second !== undefined);
  const deviceId = options.expected ?? bob.local.deviceId;
  const expected = { noiseStatic: bob.local.noiseStatic, deviceId };
  const ports = { ...alice.handshake((id) => void bound[0].push(id)), local: alice.local };
  const [initiator, responder] = await Promise.all([
    outcome(initiate(first, ports, { expected, deadlineNs: DEADLINE_NS }), streams[0]),
    outcome(
      respond(second, bob.handshake((id) => void bound[1].push(id)), DEADLINE_NS),
      streams[1],
    ),
  ]);
  return { initiator, responder, streams, bound, calls: [alice.calls, bob.calls] };
}

/** As acceptor and dialer do it: whoever refuses lets go of the connection. */
async function outcome(
  work: Promise<Authenticated>,
  stream: FakeStream,
): Promise<Authenticated | Cause> {
  try {
    return await work;
  } catch (error) {
    stream.close();
    return refusalOf(error).reason;
  }
}

/** Cuts what one end sent into its records. */
function recordsOf(bytes: Uint8Array): readonly Uint8Array[] {
  const records: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = new DataView(bytes.buffer, bytes.byteOffset + at).getUint32(0);
    records.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return records;
}

function authenticated(outcome: Authenticated | Cause): Authenticated {
  ok(typeof outcome === "object", String(outcome));
  return outcome;
}

function sealedPing(end: Authenticated, word: Uint8Array): string {
  const plain = new Uint8Array(frameLength(word.length));
  encodeFrame(CHANNEL_SERVICES, word, plain, 0);
  const sealed = new Uint8Array(plain.length + 16);
  end.transport.seal(plain, sealed);
  return toHex(sealed);
}

test("initiate and respond exchange exactly the bytes of session-wire appendix A.2", async () => {
  for (const segment of [Infinity, 1, 7]) {
    const { initiator, responder, streams } = await attempt({ segment });
    const [a, b] = [authenticated(initiator), authenticated(responder)];
    const [fromA, fromB] = [recordsOf(streams[0].sent), recordsOf(streams[1].sent)];
    deepEqual([fromA.length, fromB.length], [3, 2]);
    const [message1, message3, request] = fromA.map(toHex);
    equal(
      message1,
      "7b4e909bbe7ffe44c465a220037d608ee35897d31ef972f07f74892cb0f73f13" +
        "bf03dac892a7ca3b63b673f0a0275605",
    );
    deepEqual([fromB[0]?.length, fromA[1]?.length], [510, 521]);
    equal(
      toHex(sha256(fromB[0] ?? PING)),
      "595679b28f5da5db4dc1b97e2e626b4ac8b49d5d9852e613d1be414abca859da",
    );
    equal(
      toHex(sha256(fromA[1] ?? PING)),
      "a4761ecd78fec8558f3ed4e1ab06f5c14c38f8fc6d1e6322f532988efe96f033",
    );
    ok(message3?.startsWith("dc570cb2dcb3379bbbef6c8af2d90d75a23eafadf506d8772bec151e4bf35be3"));
    equal(
      request,
      "e77b782cb9eccfdcd49df6f9014ae0bf5e88f249a0a9235d3945dd150697d559" +
        "95ce3746dbe9a06f80b3de12c5a17640adb5c13df3184b2ad572654c9701d06d" +
        "27fa0ad9310a161c8ec32329f9be22a259e034da43e4d23d0783248fdfc2707371e3222e08109c6f" +
        "feb85ed8b030f15f",
    );
    equal(
      toHex(fromB[1] ?? PING),
      "7083338e8f6522668d024b341835ff7d3435fa9cccd01aa678c5d5d32ea02a07afa08e8ea938db39",
    );
    const hash = "3a3ca94160b3c2d57b12ea492b363a051ec0a8ade06ca85939cca6015e6560c1";
    deepEqual([toHex(a.hash), toHex(b.hash)], [hash, hash]);
    equal(
      sealedPing(a, PING),
      "ad789868e087cc4a387f67dcc481a7a1f5e9a5373c9231d579ad2cc7df65a6a9" +
        "780b577fe9788f143602421f4c4f221aaaef0876acd039a7",
    );
    equal(
      sealedPing(b, new TextEncoder().encode("pong")),
      "6ac0b1a14793cda7ee38359463dee5a1cd9a0affe1956972cb47ea825dce31a2" +
        "b7de475cebab9f7a7659a1c4e5a8650f5d91b9d9994e0a56",
    );
  }
});

test("initiate and respond name each other by the key that was proven", async () => {
  const { initiator, responder, bound } = await attempt();
  equal(
    authenticated(initiator).deviceId,
    "6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827",
  );
  equal(
    authenticated(responder).deviceId,
    "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
  );
  deepEqual(bound, [[authenticated(initiator).deviceId], [authenticated(responder).deviceId]]);
});

test("two sessions of the same devices share no key", async () => {
  const [one, two] = [await attempt(), await attempt({ a: { ephemeral: 0x12 } })];
  notDeepEqual(authenticated(one.initiator).hash, authenticated(two.initiator).hash);
  notDeepEqual(
    sealedPing(authenticated(one.initiator), PING),
    sealedPing(authenticated(two.initiator), PING),
  );
});

test("initiate refuses a proof of another device before message 3", async () => {
  const { initiator, responder, streams, bound } = await attempt({ expected: "ab".repeat(32) });
  equal(initiator, "identity_mismatch");
  equal(responder, "closed_early");
  equal(recordsOf(streams[0].sent).length, 1);
  deepEqual(bound, [[], []]);
});

/** A device that shows somebody else's proof over its own Noise key. */
function withProofOf(other: Custody): (alice: Custody) => Custody {
  return (alice) => ({
    ...alice,
    local: { ...alice.local, deviceId: other.local.deviceId, proofs: other.local.proofs },
  });
}

test("test_reject_identity_mismatch: a proof that does not bind its Noise key is refused", async () => {
  const mallory = await custody(0x07);
  const { initiator, responder, bound } = await attempt({ alice: withProofOf(mallory) });
  deepEqual([initiator, responder], ["closed_early", "identity_mismatch"]);
  deepEqual(bound[1], []);
});

test("a key that claims another device's id is an identity mismatch of that id", async () => {
  const mallory = await custody(0x07);
  const { deviceId } = mallory.local;
  const claim = (proof: Uint8Array) => encodeProof({ ...decodeProof(proof), deviceId });
  const { initiator, responder, bound } = await attempt({
    alice: (alice) => ({
      ...alice,
      local: {
        ...alice.local,
        deviceId,
        proofs: { ...alice.local.proofs, initiator: claim(alice.local.proofs.initiator) },
      },
    }),
  });
  deepEqual([initiator, responder], ["closed_early", "identity_mismatch"]);
  deepEqual(bound[1], []);
});

test("respond lets identityd alone decide: without its check a stolen proof would get in", async () => {
  const mallory = await custody(0x07);
  const skipped = await attempt({ alice: withProofOf(mallory), b: { valid: true } });
  equal(authenticated(skipped.responder).deviceId, mallory.local.deviceId);
  const denied = await attempt({ b: { valid: false } });
  deepEqual([denied.responder, denied.bound[1]], ["identity_mismatch", []]);
  const distrusted = await attempt({ a: { valid: false } });
  deepEqual([distrusted.initiator, distrusted.bound[0]], ["identity_mismatch", []]);
});

test("respond refuses a proof made for the other role", async () => {
  const { responder } = await attempt({
    alice: (alice) => ({
      ...alice,
      local: {
        ...alice.local,
        proofs: {
          initiator: alice.local.proofs.responder,
          responder: alice.local.proofs.initiator,
        },
      },
    }),
  });
  equal(responder, "identity_mismatch");
});

test("respond refuses a ConnectRequest of another id with ok=false, and initiate hears it", async () => {
  const upper = (alice: Custody) => ({
    ...alice,
    local: { ...alice.local, deviceId: alice.local.deviceId.toUpperCase() },
  });
  const { initiator, responder } = await attempt({ alice: upper });
  deepEqual([initiator, responder], ["connect_rejected", "connect_mismatch"]);
});

test("respond refuses proofs that do not parse by name, and longer ones unread", async () => {
  const withProof = (initiator: Uint8Array) => (alice: Custody) => ({
    ...alice,
    local: { ...alice.local, proofs: { ...alice.local.proofs, initiator } },
  });
  const alice = await custody(0x01);
  const { deviceId, verifyingKey } = alice.local;
  const text = new TextEncoder();
  const signature = new Uint8Array(63);
  for (
    const [proof, reason] of [
      [text.encode("{}"), "proof_malformed"],
      [encodeProof({ deviceId, verifyingKey, signature }), "proof_malformed"],
      [new Uint8Array(8_192 - 64), "proof_malformed"],
      [new Uint8Array(8_192 - 63), "record_length"],
    ] as const
  ) {
    const { responder } = await attempt({ alice: withProof(proof) });
    equal(responder, reason);
  }
});

test("a flipped byte at any place of any message ends the handshake at whoever reads it", async () => {
  const { streams } = await attempt();
  const lengths = streams.map(({ sent }) => sent.length);
  for (const end of [0, 1]) {
    for (let at = 0; at < (lengths[end] ?? 0); at += at < 60 ? 3 : 41) {
      let seen = 0;
      const tamper = (from: number, bytes: Uint8Array) => {
        const inside = from === end && at >= seen && at < seen + bytes.length;
        const index = at - seen;
        if (from === end) seen += bytes.length;
        return inside ? bytes.with(index, (bytes[index] ?? 0) ^ 1) : bytes;
      };
      const clock = await flipped(tamper);
      ok(clock.refused, `end ${end} byte ${at}`);
    }
  }
});

/** A length that grew leaves both waiting: the deadline decides. */
async function flipped(tamper: PairOptions["tamper"]): Promise<{ readonly refused: boolean }> {
  const clock = manualClock();
  const [alice, bob] = [await custody(0x01), await custody(0x02)];
  const streams = streamPair(clock, tamper === undefined ? {} : { tamper });
  const { noiseStatic, deviceId } = bob.local;
  const expected = { noiseStatic, deviceId };
  const [first, second] = [
    new RecordStream(streams[0], clock),
    new RecordStream(streams[1], clock),
  ];
  const both = Promise.all([
    outcome(initiate(first, alice.handshake(), { expected, deadlineNs: DEADLINE_NS }), streams[0]),
    outcome(respond(second, bob.handshake(), DEADLINE_NS), streams[1]),
  ]);
  for (let turn = 0; turn < 400; turn++) await Promise.resolve();
  clock.advanceNs(DEADLINE_NS);
  const outcomes = await both;
  return { refused: outcomes.some((outcome) => typeof outcome === "string") };
}

test("a replayed message 1 gets a message 2 that its sender cannot go on from", async () => {
  const { streams } = await attempt();
  const [message1, message3, request] = recordsOf(streams[0].sent);
  ok(message1 !== undefined && message3 !== undefined && request !== undefined);
  const clock = manualClock();
  const bob = await custody(0x02, { ephemeral: 0x23 });
  const [near, far] = streamPair(clock);
  const replayed = concatBytes(
    ...[message1, message3, request].flatMap((record) => [
      Uint8Array.of(0, 0, record.length >> 8, record.length & 255),
      record,
    ]),
  );
  await near.write(replayed.slice(), 1);
  await rejects(
    respond(new RecordStream(far, clock), bob.handshake(), DEADLINE_NS),
    (error) => refusalOf(error).reason === "noise_decrypt",
  );
});

test("respond reads no message 1 of another length than 48, and does nothing for it", async () => {
  for (
    const [prefix, reason] of [
      [[0, 0, 0, 49], "record_length"],
      [[0, 0, 0, 47], "message_length"],
      [[0, 0, 0, 0], "record_length"],
      [[0, 1, 0, 1], "record_length"],
      [[0x47, 0x45, 0x54, 0x20], "record_length"],
    ] as const
  ) {
    const clock = manualClock();
    const bob = await custody(0x02);
    bob.calls.length = 0;
    const [near, far] = streamPair(clock);
    await near.write(concatBytes(Uint8Array.from(prefix), new Uint8Array(64)).slice(), 1);
    const refused = await outcome(
      respond(new RecordStream(far, clock), bob.handshake(), DEADLINE_NS),
      far,
    );
    deepEqual([refused, bob.calls], [reason, []]);
  }
});

test("respond gives up at its deadline however steadily bytes trickle in", async () => {
  const clock = manualClock();
  const bob = await custody(0x02);
  const [near, far] = streamPair(clock);
  const refused = outcome(
    respond(new RecordStream(far, clock), bob.handshake(), DEADLINE_NS),
    far,
  );
  let settled: unknown;
  refused.then((reason) => settled = reason);
  for (let second = 0; second < 5; second++) {
    equal(settled, undefined, `second ${second}`);
    await near.write(Uint8Array.of(second === 3 ? 48 : 0), 1);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
    clock.advanceMs(1_000);
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }
  equal(await refused, "handshake_timeout");
});
