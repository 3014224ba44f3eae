import { finishWithStatic, Handshake } from "@net/noise/handshake.ts";
import { XK } from "@net/noise/pattern.ts";
import type { Transport } from "@net/noise/transport.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";

import {
  type NoiseC,
  type NoiseCCipher,
  type NoiseCHandshake,
  openNoiseC,
} from "./bench/noise_c.ts";
import { deepEqual, equal, throws } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";

// Loaded outside of the tests: the package leaves its loading to the event loop.
const noiseC: NoiseC = await openNoiseC();

/** Sessions in each role, and messages each way in every session. */
const SESSIONS = 25;
const MESSAGES = 6;

const NOTHING = new Uint8Array(0);

/** xorshift32 of a fixed seed: the same keys, prologues and payloads in every run. */
function fixedRandom(seed: number): (length: number) => Uint8Array {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return (length) => Uint8Array.from({ length }, () => next() >>> 11);
}

type Random = (length: number) => Uint8Array;

interface Ours {
  readonly handshake: Handshake;
  readonly secret: X25519Secret;
}

function theirs(
  role: number,
  keys: {
    readonly prologue: Uint8Array;
    readonly secret: Uint8Array;
    readonly remote?: Uint8Array;
  },
): NoiseCHandshake {
  const handshake = new noiseC.HandshakeState(XK.protocol, role);
  handshake.Initialize(keys.prologue, keys.secret, keys.remote ?? null);
  return handshake;
}

function sends(from: Ours, to: NoiseCHandshake, payload: Uint8Array): void {
  const message = finishWithStatic(from.handshake, from.secret, from.handshake.write(payload));
  deepEqual(new Uint8Array(to.ReadMessage(message, true)), payload);
}

function receives(to: Ours, from: NoiseCHandshake, payload: Uint8Array): void {
  const message = new Uint8Array(from.WriteMessage(payload));
  deepEqual(finishWithStatic(to.handshake, to.secret, to.handshake.read(message)), payload);
}

/** Transport messages both ways, among them the longest, then one that was changed. */
function exchanges(
  ours: Transport,
  [send, receive]: readonly [NoiseCCipher, NoiseCCipher],
  random: Random,
): void {
  for (let round = 0; round < MESSAGES; round++) {
    const plain = random(round === MESSAGES - 1 ? 65519 : round * 131);
    const sealed = new Uint8Array(plain.length + 16);
    ours.seal(plain, sealed);
    deepEqual(new Uint8Array(receive.DecryptWithAd(NOTHING, sealed)), plain);
    const theirSealed = new Uint8Array(send.EncryptWithAd(NOTHING, plain));
    const opened = new Uint8Array(plain.length);
    equal(ours.open(theirSealed, opened), plain.length);
    deepEqual(opened, plain);
  }
  const changed = new Uint8Array(17);
  ours.seal(Uint8Array.of(1), changed);
  changed[0] = (changed[0] ?? 0) ^ 1;
  throws(() => receive.DecryptWithAd(NOTHING, changed));
  send.free();
  receive.free();
}

function asInitiator(random: Random): void {
  const [prologue, theirSecret] = [random(random(1)[0] ?? 0), random(32)];
  const secret = x25519Secret(random(32));
  const ours: Ours = {
    secret,
    handshake: new Handshake({
      role: "initiator",
      localStatic: secret.publicKey,
      remoteStatic: x25519Secret(theirSecret).publicKey,
      ephemeralSecret: random(32),
      prologue,
    }),
  };
  const other = theirs(noiseC.constants.NOISE_ROLE_RESPONDER, { prologue, secret: theirSecret });
  sends(ours, other, random((random(1)[0] ?? 0) * 3));
  receives(ours, other, random((random(1)[0] ?? 0) * 3));
  sends(ours, other, random((random(1)[0] ?? 0) * 3));
  deepEqual(ours.handshake.hash, new Uint8Array(other.GetHandshakeHash()));
  exchanges(ours.handshake.split(), other.Split(), random);
}

function asResponder(random: Random): void {
  const [prologue, theirSecret] = [random(random(1)[0] ?? 0), random(32)];
  const secret = x25519Secret(random(32));
  const ours: Ours = {
    secret,
    handshake: new Handshake({
      role: "responder",
      localStatic: secret.publicKey,
      ephemeralSecret: random(32),
      prologue,
    }),
  };
  const other = theirs(noiseC.constants.NOISE_ROLE_INITIATOR, {
    prologue,
    secret: theirSecret,
    remote: secret.publicKey,
  });
  receives(ours, other, random((random(1)[0] ?? 0) * 3));
  sends(ours, other, random((random(1)[0] ?? 0) * 3));
  receives(ours, other, random((random(1)[0] ?? 0) * 3));
  deepEqual(ours.handshake.remoteStatic, x25519Secret(theirSecret).publicKey);
  deepEqual(ours.handshake.hash, new Uint8Array(other.GetHandshakeHash()));
  exchanges(ours.handshake.split(), other.Split(), random);
}

test("Handshake as initiator holds sessions with noise-c.wasm as responder", () => {
  const random = fixedRandom(0x9e3779b9);
  for (let session = 0; session < SESSIONS; session++) asInitiator(random);
});

test("Handshake as responder holds sessions with noise-c.wasm as initiator", () => {
  const random = fixedRandom(0x7f4a7c15);
  for (let session = 0; session < SESSIONS; session++) asResponder(random);
});
