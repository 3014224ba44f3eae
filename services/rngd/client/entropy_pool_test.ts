import type { Client } from "@runtime/idl/client.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import type { rngd } from "../protocol.ts";
import { EntropyPool } from "./entropy_pool.ts";

/** rngd that counts upward, and the frames that it gave. */
function counting(lengths: readonly (number | undefined)[] = []) {
  const frames: Uint8Array[] = [];
  let next = 0;
  const entropy: Pick<Client<typeof rngd>, "getEntropy"> = {
    getEntropy({ length }) {
      const given = frames.length < lengths.length ? lengths[frames.length] : length;
      const frame = Uint8Array.from({ length: given ?? 0 }, () => next++ & 0xff);
      frames.push(frame);
      const reply = { status: "ok", entropy: frame } as const;
      return Promise.resolve(given === undefined ? { status: "unavailable" } : reply);
    },
  };
  return { entropy, frames };
}

test("EntropyPool gives each byte once, over replies and to callers that come together", async () => {
  const { entropy, frames } = counting();
  const pool = new EntropyPool(entropy);
  const first = await pool.draw(200);
  deepEqual(first, Uint8Array.from({ length: 200 }, (_, index) => index));
  const drawn = await Promise.all([pool.draw(56), pool.draw(100), pool.draw(300), pool.draw(0)]);
  deepEqual(drawn.map((bytes) => bytes?.length), [56, 100, 300, 0]);
  deepEqual(drawn[0], Uint8Array.from({ length: 56 }, (_, index) => 200 + index));
  ok(frames.every((frame) => frame.every((byte) => byte === 0)), "frames are overwritten");
});

test("EntropyPool overwrites what it gave out", async () => {
  const held: Uint8Array[] = [];
  const slice = Uint8Array.prototype.slice;
  const { entropy } = counting();
  const pool = new EntropyPool(entropy);
  Uint8Array.prototype.slice = function (from?: number, to?: number) {
    const copy = slice.call(this, from, to);
    held.push(copy);
    return copy;
  };
  try {
    await pool.draw(256);
  } finally {
    Uint8Array.prototype.slice = slice;
  }
  ok(held.length >= 1);
  ok(held.every((copy) => copy.every((byte) => byte === 0)));
});

test("EntropyPool gives nothing when rngd gives none, or another length", async () => {
  for (const length of [undefined, 0, 255, 257]) {
    equal(await new EntropyPool(counting([length]).entropy).draw(32), undefined);
  }
  const again = new EntropyPool(counting([undefined]).entropy);
  equal(await again.draw(32), undefined);
  equal((await again.draw(32))?.length, 32);
});

test("EntropyPool has callers that come together share a draw, and no byte", async () => {
  const { entropy, frames } = counting();
  const pool = new EntropyPool(entropy);
  const drawn = await Promise.all(Array.from({ length: 20 }, () => pool.draw(32)));
  equal(frames.length, 3);
  const bytes = drawn.flatMap((each) => [...each ?? []]).toSorted((left, right) => left - right);
  deepEqual(bytes, Array.from({ length: 640 }, (_, at) => at & 0xff).toSorted((a, b) => a - b));
});

test("EntropyPool gives each byte in order, over as many draws as it takes", async () => {
  const { entropy, frames } = counting();
  const pool = new EntropyPool(entropy);
  const bytes: number[] = [];
  for (const length of [24, 0, 200, 300, 1]) bytes.push(...await pool.draw(length) ?? []);
  deepEqual(bytes, Array.from({ length: 525 }, (_, index) => index & 0xff));
  equal(frames.length, 3);
});
