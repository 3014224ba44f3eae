import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import { ed25519Signer, ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { deviceIdOf } from "../noise/proof.ts";
import {
  type Announce,
  type AnnounceEnvelope,
  decodeAnnounce,
  type DecodedAnnounce,
  encodeAnnounce,
  encodeEnvelopeUnsigned,
} from "./announce.ts";
import { type AnnounceVerdict, HEARD_KEYS_MAX, HeardAnnounces } from "./peer_table.ts";

const NOW_MS = 1_700_000_000_000;
const BOOT = new Uint8Array(16).fill(7);
const SIGNER = ed25519Signer(new Uint8Array(32).fill(9));
const DEVICE = deviceIdOf(SIGNER.publicKey);

interface Changes {
  readonly announce?: Partial<Announce>;
  readonly envelope?: Partial<AnnounceEnvelope>;
}

/** An announce of {@linkcode DEVICE}, signed for real. */
function announced({ announce, envelope }: Changes = {}): Uint8Array {
  const v1 = encodeAnnounce({
    deviceId: DEVICE,
    port: 7401,
    noiseStatic: new Uint8Array(32).fill(1),
    services: ["samgrd"],
    ...announce,
  });
  const unsigned = encodeEnvelopeUnsigned(v1, {
    key: SIGNER.publicKey,
    epoch: 1,
    bootId: BOOT,
    sequence: 5n,
    notAfterMs: BigInt(NOW_MS + 1),
    ...envelope,
  });
  return concatBytes(unsigned, SIGNER.sign(unsigned));
}

const STRANGER = { deviceId: "ab".repeat(32), bootId: new Uint8Array(16).fill(8) };

function judged(
  bytes: Uint8Array,
  { heard = new HeardAnnounces(), own = STRANGER, nowUnixMs = NOW_MS } = {},
): AnnounceVerdict {
  return heard.judge(decodeAnnounce(bytes), { own, nowUnixMs, verify: ed25519Verify });
}

test("judge finds a signed, fresh announce valid once, and a later one valid again", () => {
  const heard = new HeardAnnounces();
  const later = announced({ envelope: { sequence: 6n } });
  deepEqual(
    [announced(), announced(), later, announced(), later].map((bytes) => judged(bytes, { heard })),
    ["valid", "replayed", "valid", "replayed", "replayed"],
  );
});

test("judge counts sequences of each epoch apart", () => {
  const heard = new HeardAnnounces();
  equal(judged(announced({ envelope: { sequence: 9n } }), { heard }), "valid");
  equal(judged(announced({ envelope: { epoch: 2, sequence: 1n } }), { heard }), "valid");
  equal(judged(announced({ envelope: { sequence: 8n } }), { heard }), "replayed");
});

test("judge finds an announce expired from the millisecond it names on", () => {
  equal(judged(announced(), { nowUnixMs: NOW_MS }), "valid");
  equal(judged(announced(), { nowUnixMs: NOW_MS + 1 }), "expired");
});

test("judge lets an expired or forged announce raise no sequence", () => {
  const heard = new HeardAnnounces();
  const ahead = announced({ envelope: { sequence: 1n << 63n } });
  equal(judged(ahead, { heard, nowUnixMs: NOW_MS + 1 }), "expired");
  const last = ahead.length - 1;
  equal(judged(ahead.with(last, (ahead[last] ?? 0) ^ 1), { heard }), "bad_signature");
  equal(judged(announced(), { heard }), "valid");
});

test("judge tells a dial to oneself from a clone by the boot id", () => {
  equal(judged(announced(), { own: { deviceId: DEVICE, bootId: BOOT } }), "self");
  const otherBoot = { deviceId: DEVICE, bootId: STRANGER.bootId };
  equal(judged(announced(), { own: otherBoot }), "clone");
});

test("judge takes a v1 announce for a hint, whatever it claims", () => {
  const decoded = decodeAnnounce(announced());
  const v1: DecodedAnnounce = { ...decoded, envelope: undefined };
  const verify = () => true;
  const context = { nowUnixMs: NOW_MS, verify };
  equal(new HeardAnnounces().judge(v1, { ...context, own: STRANGER }), "hint");
});

test("judge refuses a key that is not the device id's, before its signature", () => {
  equal(judged(announced({ announce: { deviceId: "cd".repeat(32) } })), "key_mismatch");
  equal(judged(announced({ announce: { deviceId: "node9" } })), "key_mismatch");
});

test("judge finds no announce valid of which one bit was changed at any byte", () => {
  const whole = announced();
  for (let at = 0; at < whole.length; at++) {
    const verdict = tampered(whole.with(at, (whole[at] ?? 0) ^ 0x01));
    ok(verdict !== "valid", `byte ${at}`);
  }
});

/** Without its envelope's magic what is left is a v1 peer's: a hint, which grants nothing. */
function tampered(bytes: Uint8Array): AnnounceVerdict | "unreadable" {
  try {
    return judged(bytes);
  } catch (error) {
    if (error instanceof WireError) return "unreadable";
    throw error;
  }
}

test("HeardAnnounces remembers a bounded number of keys and forgets the one heard longest ago", () => {
  const heard = new HeardAnnounces();
  const verify = () => true;
  const context = { own: STRANGER, nowUnixMs: NOW_MS, verify };
  const from = (index: number): DecodedAnnounce => {
    const key = new Uint8Array(32);
    new DataView(key.buffer).setUint32(0, index);
    const decoded = decodeAnnounce(announced({
      announce: { deviceId: deviceIdOf(key) },
      envelope: { key },
    }));
    return decoded;
  };
  const first = from(0);
  equal(heard.judge(first, context), "valid");
  for (let index = 1; index < HEARD_KEYS_MAX; index++) heard.judge(from(index), context);
  equal(heard.judge(first, context), "replayed");
  equal(heard.judge(from(HEARD_KEYS_MAX), context), "valid");
  equal(heard.judge(first, context), "valid");
});
