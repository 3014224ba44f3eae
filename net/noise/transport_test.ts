import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { createAead } from "@runtime/crypto/chacha_poly.ts";
import { deepEqual, equal, notDeepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

import { CipherState, NONCE_MAX } from "./cipher_state.ts";
import { NoiseError, type NoiseErrorCode } from "./error.ts";
import { SymmetricState } from "./symmetric_state.ts";
import { Transport } from "./transport.ts";

const [KEY_1, KEY_2] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

interface Pair {
  readonly left: Transport;
  readonly right: Transport;
}

function pair(counter = 0n): Pair {
  return {
    left: new Transport({ send: KEY_1, receive: KEY_2, sendCounter: counter }),
    right: new Transport({ send: KEY_2, receive: KEY_1, receiveCounter: counter }),
  };
}

function codeOf(work: () => unknown): NoiseErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof NoiseError) return error.code;
    throw error;
  }
}

function seal(transport: Transport, plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + 16);
  equal(transport.seal(plain, out), out.length);
  return out;
}

function open(transport: Transport, sealed: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.max(0, sealed.length - 16));
  equal(transport.open(sealed, out), out.length);
  return out;
}

test("Transport carries messages both ways, in order, at an offset", () => {
  const { left, right } = pair();
  for (let round = 0; round < 300; round++) {
    const plain = new Uint8Array(round * 3).fill(round);
    deepEqual(open(right, seal(left, plain)), plain);
    deepEqual(open(left, seal(right, plain)), plain);
  }
  deepEqual([left.sendCounter, left.receiveCounter], [300n, 300n]);
  const out = new Uint8Array(40);
  equal(left.seal(Uint8Array.of(7), out, 4), 17);
  equal(right.open(out.subarray(4, 21), out, 30), 1);
  equal(out[30], 7);
});

test("Transport's directions have keys of their own", () => {
  const { left, right } = pair();
  notDeepEqual(seal(left, Uint8Array.of(1)), seal(right, Uint8Array.of(1)));
});

/** A transport that refused a message does nothing more, in either direction. */
function unusable(transport: Transport): void {
  ok(transport.failed);
  equal(codeOf(() => transport.seal(Uint8Array.of(1), new Uint8Array(17))), "failed");
  equal(codeOf(() => transport.open(new Uint8Array(17), new Uint8Array(1))), "failed");
  equal(codeOf(() => transport.rekeySend()), "failed");
  equal(codeOf(() => transport.rekeyReceive()), "failed");
}

test("Transport is unusable after a changed, replayed, lost, reflected or short message", () => {
  const cases: readonly [string, (pair: Pair) => Uint8Array, NoiseErrorCode][] = [
    [
      "changed",
      ({ left }) => seal(left, Uint8Array.of(1)).map((byte, at) => at === 0 ? byte ^ 1 : byte),
      "decrypt_failed",
    ],
    [
      "lost",
      ({ left }) => (seal(left, Uint8Array.of(1)), seal(left, Uint8Array.of(2))),
      "decrypt_failed",
    ],
    ["reflected", ({ right }) => seal(right, Uint8Array.of(1)), "decrypt_failed"],
    ["short", () => new Uint8Array(15), "message_length"],
    ["long", () => new Uint8Array(65536), "message_length"],
    ["replayed", ({ left, right }) => {
      const sealed = seal(left, Uint8Array.of(1));
      open(right, sealed);
      return sealed;
    }, "decrypt_failed"],
  ];
  for (const [name, make, code] of cases) {
    const both = pair();
    const sealed = make(both);
    const out = new Uint8Array(65536).fill(0xa5);
    equal(codeOf(() => both.right.open(sealed, out)), code, name);
    ok(out.every((byte) => byte === 0xa5), name);
    unusable(both.right);
  }
});

test("Transport seals up to 65519 bytes and refuses one more unharmed", () => {
  const { left, right } = pair();
  const out = new Uint8Array(70_000);
  equal(codeOf(() => left.seal(new Uint8Array(65520), out)), "message_too_long");
  equal(left.sendCounter, 0n);
  equal(open(right, seal(left, new Uint8Array(65519))).length, 65519);
});

test("Transport refuses the counter that is never used, both ways", () => {
  const { left, right } = pair(NONCE_MAX - 1n);
  deepEqual(open(right, seal(left, Uint8Array.of(9))), Uint8Array.of(9));
  deepEqual([left.sendCounter, right.receiveCounter], [NONCE_MAX, NONCE_MAX]);
  equal(codeOf(() => left.seal(Uint8Array.of(9), new Uint8Array(17))), "nonce_exhausted");
  equal(codeOf(() => right.open(new Uint8Array(17), new Uint8Array(1))), "nonce_exhausted");
});

test("CipherState counts across 32 bits, little-endian behind four zero bytes", () => {
  for (
    const counter of [0n, 1n, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n, 0x1234_5678_9abc_deffn]
  ) {
    const cipher = new CipherState(KEY_1, counter);
    for (const expected of [counter, counter + 1n, counter + 2n]) {
      equal(cipher.counter, expected);
      const [got, wanted] = [new Uint8Array(18), new Uint8Array(18)];
      cipher.seal(KEY_2, Uint8Array.of(5, 6), got, 0);
      const nonce = fromHex(`00000000${littleEndian(expected)}`);
      createAead(KEY_1).sealInto(nonce, KEY_2, Uint8Array.of(5, 6), wanted);
      deepEqual(got, wanted);
    }
  }
});

function littleEndian(counter: bigint): string {
  return toHex(fromHex(counter.toString(16).padStart(16, "0")).reverse());
}

test("CipherState keeps its counter when a tag does not match", () => {
  const cipher = new CipherState(KEY_1, 7n);
  const work = () => cipher.open(KEY_2, new Uint8Array(20), new Uint8Array(4), 0);
  equal(codeOf(work), "decrypt_failed");
  equal(cipher.counter, 7n);
});

test("rekey makes the key that the specification says, and the counter goes on", () => {
  const zeros = new Uint8Array(48);
  createAead(KEY_1).sealInto(
    fromHex("00000000ffffffffffffffff"),
    new Uint8Array(0),
    new Uint8Array(32),
    zeros,
  );
  const next = new CipherState(zeros.subarray(0, 32), 1n);
  const { left, right } = pair();
  open(right, seal(left, Uint8Array.of(1)));
  left.rekeySend();
  const sealed = seal(left, Uint8Array.of(2));
  const expected = new Uint8Array(17);
  next.seal(new Uint8Array(0), Uint8Array.of(2), expected, 0);
  deepEqual(sealed, expected);
  right.rekeyReceive();
  deepEqual(open(right, sealed), Uint8Array.of(2));
});

test("Transport wiped by its owner is unusable", () => {
  const { left } = pair();
  left.wipe();
  unusable(left);
});

test("SymmetricState is in the clear until a key is mixed in, and a copy goes its own way", () => {
  const [state, other] = [new SymmetricState(), new SymmetricState()];
  state.begin("short name");
  equal(
    toHex(state.hash),
    toHex(concatBytes(new TextEncoder().encode("short name"), new Uint8Array(22))),
  );
  const out = new Uint8Array(20);
  equal(state.encryptAndHash(Uint8Array.of(1, 2), out, 1), 2);
  deepEqual([...out.subarray(0, 4)], [0, 1, 2, 0]);
  other.begin("short name");
  deepEqual(other.decryptAndHash(Uint8Array.of(1, 2)), Uint8Array.of(1, 2));
  deepEqual(other.hash, state.hash);
  other.copy(state);
  other.mixKey(KEY_1);
  notDeepEqual(other.split(), state.split());
  other.wipe();
  deepEqual(other.hash, new Uint8Array(32));
  equal(state.encryptAndHash(Uint8Array.of(1, 2), out, 0), 2);
});
