import { fromHex } from "@runtime/core/hex.ts";
import { ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { encodeCapnpRequest } from "@runtime/idl/capnp_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { directClient, directFrames, watchedGate } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { keystored } from "../keystored/protocol.ts";
import { identityd } from "./protocol.ts";
import { createIdentityd } from "./service.ts";

const UTF8 = new TextEncoder();

/** Upstream's client A, seed 32 times 1. Source: vector page A.1. */
const A = {
  deviceId: "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
  verifyingKey: fromHex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"),
  noiseStatic: fromHex("621fe29e21042a1849a5118d5cfad40ac7ee003aacdf6b6b1e875c9daef6f90b"),
  signature: fromHex(
    "ab5b7b9f7d98e63500fab3e8a77836ec583ba9883b5db9e968a6af01aedad577" +
      "7df43ba00a75973ece183e1f6f9aa434c2fba2acea9c862f0618dab98ed26808",
  ),
} as const;
/** Upstream's server B, seed 32 times 2. */
const B_KEY = fromHex("8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394");
const B_ID = "6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827";

/** keystored as identityd uses it; without a seed it has no key. */
function keysOf(seed: number | undefined) {
  const signer = seed === undefined ? undefined : ed25519Signer(new Uint8Array(32).fill(seed));
  const asked: string[] = [];
  const absent = () => ({ status: "key_not_found" }) as const;
  const keys = directClient(keystored, {
    ...{ put: absent, get: absent, del: absent },
    verify: absent,
    deviceKeygen: absent,
    deviceSign: absent,
    getDevicePrivkey: () => ({ status: "private_export_denied" }),
    staticPublic: absent,
    staticDh: absent,
    sessionProof: absent,
    signAnnounce: absent,
    signLogCheckpoint: absent,
    getDevicePubkey() {
      asked.push("getDevicePubkey");
      return signer === undefined ? absent() : { status: "ok", key: signer.publicKey };
    },
    signPayload({ message }) {
      asked.push("signPayload");
      if (signer === undefined) return absent();
      const purposed = Uint8Array.of(...UTF8.encode("nexus:payload\0"), ...message);
      return { status: "ok", signature: signer.sign(purposed) };
    },
  });
  return { keys, asked };
}

function clientOf(allowed = true) {
  const { keys, asked } = keysOf(1);
  const { gate, asks } = watchedGate(allowed);
  return { client: directClient(identityd, createIdentityd(keys), { gate }), asked, asks };
}

test("identityd's device id is the hash of the verifying key, in full", async () => {
  const { client } = clientOf();
  deepEqual(await client.getDeviceId({}), { status: "ok", deviceId: A.deviceId });
});

test("identityd verifies what it signed, and nothing that differs by a bit", async () => {
  const { client } = clientOf();
  const payload = UTF8.encode("abc");
  const signed = await client.sign({ payload });
  ok(signed.status === "ok" && signed.ok);
  const asked = { payload, signature: signed.signature, verifyingKey: A.verifyingKey };
  deepEqual(await client.verify(asked), { status: "ok", valid: true });
  const invalid = { status: "ok", valid: false };
  deepEqual(await client.verify({ ...asked, payload: UTF8.encode("abd") }), invalid);
  deepEqual(await client.verify({ ...asked, verifyingKey: B_KEY }), invalid);
  deepEqual(await client.verify({ ...asked, signature: new Uint8Array(63) }), invalid);
  deepEqual(await client.verify({ ...asked, verifyingKey: new Uint8Array(0) }), invalid);
});

test("identityd's Verify does not take a signature over the bare payload", async () => {
  const { client } = clientOf();
  const payload = UTF8.encode("abc");
  const signature = ed25519Signer(new Uint8Array(32).fill(1)).sign(payload);
  const reply = await client.verify({ payload, signature, verifyingKey: A.verifyingKey });
  deepEqual(reply, { status: "ok", valid: false });
});

test("verifyProof takes upstream's proof", async () => {
  const { client } = clientOf();
  deepEqual(await client.verifyProof({ role: "client", ...A }), { status: "ok", valid: true });
});

test("verifyProof refuses another role, static key, id, verifying key or signature", async () => {
  const { client } = clientOf();
  const flipped = A.signature.slice();
  flipped[63] = (flipped[63] ?? 0) ^ 1;
  const proof = { role: "client", ...A } as const;
  const wrong = [
    { ...proof, role: "server" as const },
    { ...proof, noiseStatic: B_KEY },
    { ...proof, noiseStatic: A.noiseStatic.subarray(0, 31) },
    { ...proof, deviceId: B_ID },
    { ...proof, deviceId: A.deviceId.toUpperCase() },
    { ...proof, deviceId: A.deviceId.slice(0, 32) },
    { ...proof, verifyingKey: B_KEY },
    { ...proof, verifyingKey: B_KEY, deviceId: B_ID },
    { ...proof, signature: flipped },
    { ...proof, signature: new Uint8Array(0) },
  ];
  for (const [index, asked] of wrong.entries()) {
    const reply = await client.verifyProof(asked);
    deepEqual({ index, reply }, { index, reply: { status: "ok", valid: false } });
  }
});

test("nobody gets a session proof through Sign", async () => {
  const { client } = clientOf();
  const digest = sha256(UTF8.encode("client-static"), A.noiseStatic);
  const signed = await client.sign({ payload: digest });
  ok(signed.status === "ok");
  const proof = { role: "client", ...A, signature: signed.signature } as const;
  deepEqual(await client.verifyProof(proof), { status: "ok", valid: false });
});

test("identityd without a key says so and signs nothing", async () => {
  const { keys } = keysOf(undefined);
  const client = directClient(identityd, createIdentityd(keys));
  deepEqual(await client.getDeviceId({}), { status: "unavailable" });
  const signed = await client.sign({ payload: new Uint8Array(1) });
  deepEqual(signed, { status: "ok", ok: false, signature: new Uint8Array(0) });
});

test("identityd asks policy for each operation before keystored hears of it", async () => {
  const { client, asked, asks } = clientOf(false);
  const denied = { status: "denied" };
  deepEqual(await client.getDeviceId({}), denied);
  deepEqual(await client.sign({ payload: new Uint8Array(1) }), denied);
  const { signature, verifyingKey } = A;
  deepEqual(await client.verify({ payload: new Uint8Array(1), signature, verifyingKey }), denied);
  deepEqual(await client.verifyProof({ role: "client", ...A }), denied);
  deepEqual(asked, []);
  const capabilities = asks.map(({ capability }) => capability);
  deepEqual(capabilities, ["identity.read", "identity.sign", "identity.verify", "identity.verify"]);
  equal(asks[3]?.target, A.deviceId);
});

test("identityd answers malformed frames and goes on", async () => {
  const { keys } = keysOf(1);
  const exchange = directFrames([bind(identityd, createIdentityd(keys))]);
  const sign = encodeCapnpRequest(identityd, {
    opName: "sign",
    values: { payload: UTF8.encode("abc") },
  });
  const frames: readonly (readonly [Uint8Array, readonly number[]])[] = [
    [new Uint8Array(0), [0x80, 1]],
    [Uint8Array.of(0x7f), [0xff, 2]],
    [Uint8Array.of(0x82), [0x82, 2]],
    [sign.subarray(0, 9), [0x82, 1]],
    [Uint8Array.of(2, ...new Uint8Array(4).fill(0xff)), [0x82, 1]],
    [Uint8Array.of(3, ...new Uint8Array(64).fill(0xff)), [0x83, 1]],
  ];
  for (const [frame, reply] of frames) deepEqual(await exchange(frame), Uint8Array.from(reply));
  equal((await exchange(sign))?.[0], 2);
});
