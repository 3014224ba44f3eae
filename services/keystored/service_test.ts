import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { x25519Secret } from "@runtime/crypto/x25519.ts";
import { sampleOf } from "@runtime/idl/body.ts";
import type { Field } from "@runtime/idl/field.ts";
import { encodeRequest } from "@runtime/idl/packed_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal, notDeepEqual, ok } from "@tests/fakes/assert.ts";
import { directClient, directFrames, watchedGate } from "@tests/fakes/direct.ts";
import { keptState } from "@tests/fakes/kept_state.ts";
import { kek, seedEntropy } from "@tests/fakes/seed_entropy.ts";
import { holdsSecret, inspected, secretsOf } from "@tests/fakes/secrets.ts";
import { test } from "@tests/fakes/test.ts";
import { logdV2 } from "../logd/protocol.ts";
import { DeviceKey } from "./device_key.ts";
import { KeySlot } from "./key_slot.ts";
import keystoredComponent from "./mod.ts";
import { keystored, PROOF_ROLE } from "./protocol.ts";
import { scopedValues } from "./scoped_values.ts";
import { createKeystored } from "./service.ts";

const UTF8 = new TextEncoder();
const SEED_A = new Uint8Array(32).fill(1);

/** Identity A and B of upstream's host build: seeds of 32 times 1 and 2. Source: vector page A.1. */
const IDENTITIES = [
  {
    seed: 1,
    role: "initiator",
    verifyingKey: "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
    staticPublic: "621fe29e21042a1849a5118d5cfad40ac7ee003aacdf6b6b1e875c9daef6f90b",
    signature: "ab5b7b9f7d98e63500fab3e8a77836ec583ba9883b5db9e968a6af01aedad577" +
      "7df43ba00a75973ece183e1f6f9aa434c2fba2acea9c862f0618dab98ed26808",
  },
  {
    seed: 2,
    role: "responder",
    verifyingKey: "8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394",
    staticPublic: "6f79a4e17869fe358541b51b26de54a342c7b46326e0b9ce00631270b3186f65",
    signature: "43cbaccadb5863e3ab1c8ccc15767b7a30486940e9e54a91f5557b533362d6c0" +
      "afa53baf61287e896cfad78a77149b479de555febef1607e1be4fe779c958205",
  },
] as const;

function slotOf(give: (draw: number) => Uint8Array | undefined = () => SEED_A): KeySlot {
  return new KeySlot({ entropy: seedEntropy(give), state: keptState(), kek: kek() });
}

function clientOf(allowed = true, give: (draw: number) => Uint8Array | undefined = () => SEED_A) {
  const { gate, asks } = watchedGate(allowed);
  const slot = slotOf(give);
  return {
    asks,
    client: directClient(keystored, createKeystored(slot, scopedValues(keptState())), { gate }),
  };
}

test("keystored makes upstream's keys and proofs from upstream's seeds", async () => {
  for (const { seed, role, verifyingKey, staticPublic, signature } of IDENTITIES) {
    const { client } = clientOf(true, () => new Uint8Array(32).fill(seed));
    const key = fromHex(verifyingKey);
    deepEqual(await client.getDevicePubkey({}), { status: "ok", key });
    deepEqual(await client.staticPublic({}), { status: "ok", key: fromHex(staticPublic) });
    const proof = await client.sessionProof({ role: PROOF_ROLE[role] });
    deepEqual(proof, { status: "ok", signature: fromHex(signature), verifyingKey: key });
  }
});

test("keystored signs with the purpose in front and never the bare bytes", async () => {
  const { client } = clientOf();
  const key = fromHex(IDENTITIES[0].verifyingKey);
  const message = UTF8.encode("abc");
  const payload = { payloadLength: 3, payload: message };
  const signatures = [
    { purpose: "nexus:payload\0", reply: await client.signPayload({ message }) },
    { purpose: "nexus:payload\0", reply: await client.deviceSign(payload) },
    { purpose: "nexus:announce\0", reply: await client.signAnnounce({ message }) },
  ];
  for (const { purpose, reply } of signatures) {
    ok(reply.status === "ok");
    ok(ed25519Verify(key, concatBytes(UTF8.encode(purpose), message), reply.signature));
    ok(!ed25519Verify(key, message, reply.signature));
  }
});

test("keystored signs the head of a log chain in the one shape, for logd's rings alone", async () => {
  const { client } = clientOf();
  const head = new Uint8Array(32).fill(0x77);
  const asked = { ring: 1, index: 0x0102n, head, unixMs: 5n };
  const reply = await client.signLogCheckpoint(asked);
  ok(reply.status === "ok");
  const key = fromHex(IDENTITIES[0].verifyingKey);
  deepEqual(reply.verifyingKey, key);
  const fields = fromHex(`0101${"0201000000000000"}${"77".repeat(32)}${"0500000000000000"}`);
  const message = concatBytes(UTF8.encode("nexus:log-checkpoint\0"), fields);
  ok(ed25519Verify(key, message, reply.signature));
  ok(!ed25519Verify(key, fields, reply.signature));
  deepEqual(await client.signLogCheckpoint({ ...asked, ring: 2 }), { status: "malformed" });
});

test("keystored gives nobody a session proof through a signature", async () => {
  const { client } = clientOf();
  const key = fromHex(IDENTITIES[0].verifyingKey);
  const staticPublic = fromHex(IDENTITIES[0].staticPublic);
  const digest = sha256(UTF8.encode("client-static"), staticPublic);
  const payload = { payloadLength: digest.length, payload: digest };
  for (
    const reply of [
      await client.signPayload({ message: digest }),
      await client.signAnnounce({ message: digest }),
      await client.deviceSign(payload),
    ]
  ) {
    ok(reply.status === "ok");
    ok(!ed25519Verify(key, digest, reply.signature));
  }
});

test("keystored proves its own static key only: both roles differ, and none takes a key", async () => {
  const { client } = clientOf();
  const initiator = await client.sessionProof({ role: PROOF_ROLE.initiator });
  const responder = await client.sessionProof({ role: PROOF_ROLE.responder });
  ok(initiator.status === "ok" && responder.status === "ok");
  notDeepEqual(initiator.signature, responder.signature);
  deepEqual(await client.sessionProof({ role: 2 }), { status: "malformed" });
});

test("keystored's static DH agrees with the other side and refuses points of low order", async () => {
  const { client } = clientOf();
  const other = x25519Secret(new Uint8Array(32).fill(9));
  const shared = other.shared(fromHex(IDENTITIES[0].staticPublic));
  deepEqual(await client.staticDh({ remote: other.publicKey }), { status: "ok", shared });
  const one = new Uint8Array(32);
  one[0] = 1;
  for (const remote of [new Uint8Array(32), one]) {
    deepEqual(await client.staticDh({ remote }), { status: "point_refused" });
  }
});

test("keystored verifies by the strict rule and says so in one byte", async () => {
  const { client } = clientOf();
  const payload = UTF8.encode("abc");
  const key = new DeviceKey(new Secret(SEED_A.slice()));
  const signed = await client.signPayload({ message: payload });
  ok(signed.status === "ok");
  const message = concatBytes(UTF8.encode("nexus:payload\0"), payload);
  const asked = {
    payloadLength: message.length,
    verifyingKey: key.verifyingKey,
    signature: signed.signature,
    payload: message,
  };
  deepEqual(await client.verify(asked), { status: "ok", valid: 1 });
  const wrong = { ...asked, verifyingKey: new Uint8Array(32) };
  deepEqual(await client.verify(wrong), { status: "ok", valid: 0 });
  deepEqual(await client.verify({ ...asked, payloadLength: 1 }), { status: "malformed" });
});

test("keystored keygen is idempotent and never replaces a key", async () => {
  const { client } = clientOf(true, (draw) => new Uint8Array(32).fill(draw));
  deepEqual(await client.deviceKeygen({}), { status: "ok" });
  const first = await client.getDevicePubkey({});
  deepEqual(await client.deviceKeygen({}), { status: "key_exists" });
  deepEqual(await client.getDevicePubkey({}), first);
});

test("keystored has no key without entropy, makes none up, and asks again", async () => {
  let healthy = false;
  const { client } = clientOf(true, () => healthy ? SEED_A : undefined);
  const missing = { status: "key_not_found" };
  deepEqual(await client.deviceKeygen({}), missing);
  deepEqual(await client.getDevicePubkey({}), missing);
  deepEqual(await client.staticPublic({}), missing);
  deepEqual(await client.staticDh({ remote: new Uint8Array(32).fill(9) }), missing);
  deepEqual(await client.sessionProof({ role: 0 }), missing);
  deepEqual(await client.signPayload({ message: new Uint8Array(1) }), missing);
  const head = new Uint8Array(32);
  deepEqual(await client.signLogCheckpoint({ ring: 0, index: 1n, head, unixMs: 0n }), missing);
  healthy = true;
  equal((await client.getDevicePubkey({})).status, "ok");
});

test("keystored refuses a seed of another length", async () => {
  const { client } = clientOf(true, () => new Uint8Array(31).fill(1));
  deepEqual(await client.getDevicePubkey({}), { status: "key_not_found" });
});

test("KeySlot makes one key for callers that come together", async () => {
  let draws = 0;
  const slot = slotOf(() => {
    draws += 1;
    return new Uint8Array(32).fill(draws);
  });
  const keys = await Promise.all([slot.key(), slot.key(), slot.key()]);
  equal(draws, 1);
  ok(keys.every((key) => key !== undefined && key === keys[0]));
});

test("DeviceKey wipes the seed that it was made from", () => {
  const bytes = SEED_A.slice();
  const seed = new Secret(bytes);
  new DeviceKey(seed);
  ok(seed.wiped);
  deepEqual(bytes, new Uint8Array(32));
});

test("test_reject_device_key_private_export: nobody gets the key, with any capability", async () => {
  for (const sender of ["selftest-client", "keystored", "nexus-init", "policyd", "nx-cli"]) {
    const slot = slotOf();
    const client = directClient(keystored, createKeystored(slot, scopedValues(keptState())), {
      sender,
    });
    deepEqual(await client.getDevicePrivkey({}), { status: "private_export_denied" });
  }
});

test("test_reject_sign_without_policy: a denied caller gets no signature and no key", async () => {
  const { client, asks } = clientOf(false);
  const message = new Uint8Array(1);
  const denied = { status: "denied" };
  deepEqual(await client.deviceSign({ payloadLength: 1, payload: message }), denied);
  deepEqual(await client.signPayload({ message }), denied);
  deepEqual(await client.signAnnounce({ message }), denied);
  const head = new Uint8Array(32);
  deepEqual(await client.signLogCheckpoint({ ring: 0, index: 1n, head, unixMs: 0n }), denied);
  deepEqual(await client.sessionProof({ role: 0 }), denied);
  deepEqual(await client.staticDh({ remote: new Uint8Array(32).fill(9) }), denied);
  deepEqual(await client.staticPublic({}), denied);
  deepEqual(await client.getDevicePubkey({}), denied);
  deepEqual(await client.deviceKeygen({}), denied);
  deepEqual(asks.map(({ capability }) => capability), [
    "crypto.sign",
    "identity.sign",
    "identity.announce",
    "identity.log",
    "identity.session",
    "identity.session",
    "device.pubkey.read",
    "device.pubkey.read",
    "device.keygen",
  ]);
});

test("test_reject_sign_oversized_payload: a message past its bound is too large", async () => {
  const exchange = directFrames([
    bind(keystored, createKeystored(slotOf(), scopedValues(keptState()))),
  ]);
  const message = Uint8Array.of(0x4b, 0x53, 1, 0x23, 0x41, 0x1f, ...new Uint8Array(8_001));
  deepEqual(await exchange(message), Uint8Array.of(0x4b, 0x53, 1, 0xa3, 3, 0, 0));
});

/** Every value of every field of every operation, and each frame cut and lengthened. */
function* everyFrame(): Generator<Uint8Array> {
  for (const [opName, { request }] of Object.entries(keystored.ops)) {
    const sample = sampleOf(request) as Readonly<Record<string, unknown>>;
    const fields = Object.entries(request) as readonly [string, Field<unknown>][];
    const values = [
      sample,
      ...fields.flatMap(([name, field]) =>
        field.samples.map((value) => ({ ...sample, [name]: value }))
      ),
    ];
    for (const value of values) {
      const frame = encodeRequest(keystored, { opName, nonce: undefined, values: value });
      yield frame;
      yield frame.slice(0, -1);
      if (frame.length < 8_000) yield Uint8Array.of(...frame, 0);
    }
  }
  for (let code = 0; code < 256; code++) yield Uint8Array.of(0x4b, 0x53, 1, code);
}

test("test_reject_key_extraction: no reply, log line or text of keystored holds a secret", async () => {
  // A seed in which every byte differs: no secret looks like a sample.
  const seed = Uint8Array.from({ length: 32 }, (_, index) => 0x21 + 7 * index);
  const told: string[] = [];
  const log = directClient(logdV2, {
    append(record) {
      told.push(JSON.stringify(record));
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
    stats: () => ({ status: "denied" }),
  });
  const call = { entropy: seedEntropy(() => seed.slice()), log, state: keptState() };
  const given = { args: {}, call, key: kek(), spawn() {} };
  const behaviour = await keystoredComponent.create(given as never);
  const exchange = directFrames([bind(keystored, behaviour.keystored)]);
  for (const frame of everyFrame()) told.push(toHex(await exchange(frame) ?? new Uint8Array(0)));
  told.push(inspected(behaviour));
  told.push(inspected(new Secret(seed.slice())), String(new Secret(seed.slice())));
  const secrets = secretsOf(seed);
  deepEqual(told.filter((text) => holdsSecret(text, secrets)), []);
  ok(told.length > 300 && told.some((text) => text.includes("device key drawn")));
  ok(
    holdsSecret(toHex(concatBytes(new Uint8Array(3), sha256(seed))), secrets),
    "the search finds one",
  );
});
