import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { Secret } from "@runtime/core/secret.ts";
import { Writer } from "@runtime/core/writer.ts";
import { sealXchacha } from "@runtime/crypto/xchacha_poly.ts";
import { deepEqual, equal, notDeepEqual, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { decodeEnvelope, encodeEnvelope, envelopeHolds } from "./envelope.ts";
import { decodeSuperblock, encodeSuperblock, regionOf } from "./superblock.ts";
import { pathFault, sortedPaths } from "./path.ts";
import { openLegacyValue, openValue, sealOf, sealValue } from "./sealed.ts";
import { Vault } from "./vault.ts";

const ENVELOPE = {
  sequence: 7n,
  timestamp: 9n,
  subject: "keystored",
  purpose: "device-key",
  payload: Uint8Array.of(1, 2, 3),
};
const KEY = new Secret(new Uint8Array(32).fill(1));
const OTHER_KEY = new Secret(new Uint8Array(32).fill(2));
const PATH = "/state/app/a";
const NONCE = Uint8Array.from({ length: 24 }, (_, index) => index);
const UTF8 = new TextEncoder();

/** Every array that differs from `bytes` in one bit. */
function* flipped(bytes: Uint8Array): Generator<Uint8Array> {
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const changed = bytes.slice();
    changed[bit >>> 3] = (changed[bit >>> 3] ?? 0) ^ 1 << (bit & 7);
    yield changed;
  }
}

test("decodeEnvelope reads what encodeEnvelope wrote, and no other length", () => {
  for (const mac of [undefined, { key: KEY, path: PATH }]) {
    const bytes = encodeEnvelope(ENVELOPE, mac);
    const { mac: tag, ...envelope } = decodeEnvelope(bytes);
    deepEqual(envelope, ENVELOPE);
    equal(tag?.length, mac === undefined ? undefined : 32);
    for (let length = 0; length < bytes.length; length++) {
      throws(() => decodeEnvelope(bytes.subarray(0, length)), WireError);
    }
    throws(() => decodeEnvelope(Uint8Array.of(...bytes, 0)), WireError);
  }
});

test("envelopeHolds: every changed bit, another key, another path and no MAC are refused", () => {
  const mac = { key: KEY, path: PATH };
  const bytes = encodeEnvelope(ENVELOPE, mac);
  ok(envelopeHolds(decodeEnvelope(bytes), mac));
  equal(envelopeHolds(decodeEnvelope(bytes), { ...mac, key: OTHER_KEY }), false);
  equal(envelopeHolds(decodeEnvelope(bytes), { ...mac, path: "/state/app/b" }), false);
  equal(envelopeHolds(decodeEnvelope(encodeEnvelope(ENVELOPE)), mac), false);
  for (const changed of flipped(bytes)) {
    let holds = false;
    try {
      holds = envelopeHolds(decodeEnvelope(changed), mac);
    } catch (error) {
      ok(error instanceof WireError);
    }
    equal(holds, false);
  }
});

test("decodeEnvelope refuses a subject, a purpose and a payload beyond their bounds", () => {
  const bytes = encodeEnvelope({ ...ENVELOPE, payload: new Uint8Array(200) });
  for (const at of [22, 23]) {
    const changed = bytes.slice();
    changed[at] = 65;
    throws(() => decodeEnvelope(changed), /length_out_of_range/);
  }
  const changed = bytes.slice();
  changed[27] = 1;
  throws(() => decodeEnvelope(changed), /length_out_of_range/);
});

test("openValue refuses every changed bit, another key and another path", () => {
  const sealed = sealValue(UTF8.encode("secret"), { key: KEY, path: PATH, nonce: NONCE });
  deepEqual(openValue(sealed, { key: KEY, path: PATH }), UTF8.encode("secret"));
  equal(openValue(sealed, { key: OTHER_KEY, path: PATH }), undefined);
  equal(openValue(sealed, { key: KEY, path: "/state/app/b" }), undefined);
  for (const changed of flipped(sealed)) {
    let opened: Uint8Array | undefined;
    try {
      opened = openValue(changed, { key: KEY, path: PATH });
    } catch (error) {
      ok(error instanceof WireError);
    }
    equal(opened, undefined);
  }
});

test("openLegacyValue reads a value sealed by the definition of NXR1, under its path alone", () => {
  const salt = new Uint8Array(12).fill(5);
  const counters = new Writer(12).u64(3n).u32(0).finish();
  const header = concatBytes(UTF8.encode("NXR1"), Uint8Array.of(1, 0, 0, 0), counters);
  const sealed = KEY.use((key) =>
    sealXchacha(key, UTF8.encode("old"), {
      nonce: concatBytes(salt, counters),
      ad: concatBytes(header, UTF8.encode(PATH)),
    })
  );
  const stored = concatBytes(header, sealed);
  equal(sealOf(stored), "nxr1");
  deepEqual(openLegacyValue(stored, { key: KEY, salt, path: PATH }), UTF8.encode("old"));
  equal(openLegacyValue(stored, { key: KEY, salt, path: "/state/app/b" }), undefined);
  const otherClass = stored.with(5, 1);
  throws(() => openLegacyValue(otherClass, { key: KEY, salt, path: PATH }), /value_out_of_range/);
  const legacy = { key: KEY, salt };
  deepEqual(
    new Vault(OTHER_KEY, new Uint8Array(16), legacy).open(PATH, stored)?.payload,
    UTF8.encode("old"),
  );
  equal(new Vault(OTHER_KEY, new Uint8Array(16)).open(PATH, stored), undefined);
});

test("Vault binds a value to its image, its key and its path, and takes no seal off", () => {
  const vault = new Vault(KEY, new Uint8Array(16));
  const stored = vault.store(PATH, ENVELOPE, NONCE);
  deepEqual(vault.open(PATH, stored)?.payload, ENVELOPE.payload);
  equal(vault.open("/state/app/b", stored), undefined);
  equal(new Vault(KEY, new Uint8Array(16).fill(1)).open(PATH, stored), undefined);
  equal(new Vault(OTHER_KEY, new Uint8Array(16)).open(PATH, stored), undefined);
  equal(vault.open(PATH, encodeEnvelope(ENVELOPE)), undefined);
  equal(vault.open(PATH, UTF8.encode("raw")), undefined);
  const clear = vault.store("/state/boot/bootctl.v1", ENVELOPE, NONCE);
  deepEqual(clear, encodeEnvelope(ENVELOPE));
  equal(vault.open("/state/boot/bootctl.v1", stored), undefined);
});

test("decodeSuperblock reads what encodeSuperblock wrote and refuses each changed bit", () => {
  const superblock = { active: "b", generation: 3, entries: 17 } as const;
  const block = encodeSuperblock(superblock);
  equal(block.length, 512);
  deepEqual(decodeSuperblock(block), superblock);
  for (const changed of flipped(block.subarray(0, 20))) {
    throws(() => decodeSuperblock(changed), WireError);
  }
});

test("regionOf splits what follows block 0 in two equal halves", () => {
  deepEqual(regionOf("a", 12), { firstBlock: 1, blockCount: 5 });
  deepEqual(regionOf("b", 12), { firstBlock: 6, blockCount: 5 });
  notDeepEqual(regionOf("a", 13), regionOf("b", 13));
});

test("test_reject_invalid_key_path: pathFault names what is wrong with a path", () => {
  equal(pathFault("/state/a/b-c.v1"), undefined);
  equal(pathFault("/state/" + "k".repeat(248)), undefined);
  equal(pathFault("/state/" + "k".repeat(249)), "key_too_long");
  const invalid = ["", "/state", "/state/", "/other/a", "/state//a", "/state/a/", "/state/./a"];
  const worse = ["/state/../a", "/state/a\0", "/state/a\n", "/state/\u0085", "/state/\ud800"];
  for (const path of [...invalid, ...worse]) equal(pathFault(path), "invalid_key", path);
});

test("sortedPaths puts paths in the order of their bytes", () => {
  const units = ["\u{10000}", "\uffee", "\ud7ff", "\ue000", "\u{10ffff}", "a", "z", "aa", "\u00e9"];
  const paths = units.map((unit) => `/state/${unit}`);
  const hex = (path: string) => toHex(UTF8.encode(path));
  const right = paths.toSorted((left, right) => hex(left) < hex(right) ? -1 : 1);
  deepEqual(sortedPaths(paths), right);
  deepEqual(sortedPaths(["/state/b", "/state/\u{10000}", "/state/a"]), [
    "/state/a",
    "/state/b",
    "/state/\u{10000}",
  ]);
});
