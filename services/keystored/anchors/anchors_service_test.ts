import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { anchors } from "../protocol.ts";
import { anchorIdOf, createAnchors } from "./anchors_service.ts";
import type { Publisher } from "./built_in.ts";

/** RFC 8032, "Test Vectors for Ed25519", TEST 2. */
const KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
const MESSAGE = Uint8Array.of(0x72);
const SIGNATURE = fromHex(
  "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da" +
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
);
/** The head of SHA-256 of it, by `sha256sum`. */
const ANCHOR = "39f713d0a644253f04529421b9f51b9b";
const OTHER = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

const PUBLISHERS: readonly Publisher[] = [
  { id: "aa", enabled: true, algorithms: ["ed25519"], keys: [KEY] },
  { id: "bb", enabled: false, algorithms: ["ed25519"], keys: [OTHER] },
  { id: "cc", enabled: true, algorithms: ["rsa"], keys: [] },
];

function client(publishers = PUBLISHERS) {
  const slot = { key: () => Promise.resolve(undefined) };
  return directClient(anchors, createAnchors(publishers, slot));
}

test("anchors are the keys of publishers that are trusted, by the head of their hash", async () => {
  equal(anchorIdOf(fromHex(KEY)), ANCHOR);
  deepEqual(await client().getAnchors({}), { status: "ok", anchors: [ANCHOR] });
});

test("a signature is checked by the anchor that is named, and by no other", async () => {
  const ask = { anchorId: ANCHOR, payload: MESSAGE, signature: SIGNATURE };
  deepEqual(await client().verify(ask), { status: "ok", ok: true });
  const wrong = [
    { ...ask, payload: Uint8Array.of(0x73) },
    { ...ask, signature: SIGNATURE.subarray(1) },
    { ...ask, anchorId: anchorIdOf(fromHex(OTHER)) },
    { ...ask, anchorId: "" },
  ];
  for (const each of wrong) deepEqual(await client().verify(each), { status: "ok", ok: false });
});

test("is_key_allowed says why not, in upstream's words", async () => {
  const pubkey = fromHex(KEY);
  const judged = async (publisher: string, alg = "ed25519", key = pubkey) => {
    const { status, ...reply } = await client().isKeyAllowed({ publisher, alg, pubkey: key });
    equal(status, "ok");
    return reply;
  };
  deepEqual(await judged("aa"), { allowed: true, reason: "allow" });
  deepEqual(await judged("zz"), { allowed: false, reason: "publisher_unknown" });
  deepEqual(await judged("bb"), { allowed: false, reason: "disabled" });
  deepEqual(await judged("cc"), { allowed: false, reason: "alg_unsupported" });
  deepEqual(await judged("aa", "rsa"), { allowed: false, reason: "alg_unsupported" });
  deepEqual(await judged("aa", "ed25519", fromHex(OTHER)), {
    allowed: false,
    reason: "key_unknown",
  });
});

test("a device without a key has no id", async () => {
  deepEqual(await client().deviceId({}), { status: "unavailable" });
});
