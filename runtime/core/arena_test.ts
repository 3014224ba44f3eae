import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { Arena } from "./arena.ts";

const LENGTHS = [0, 1, 7, 8, 9, 1000, 1024, 1025, 9000, 3];

test("Arena gives zero bytes, each to one piece only, however many it gave before", () => {
  const arena = new Arena();
  const pieces: Uint8Array[] = [];
  for (let round = 1; round <= 25; round++) {
    for (const length of LENGTHS) {
      const piece = arena.take(length);
      equal(piece.length, length);
      deepEqual(piece, new Uint8Array(length));
      piece.fill(pieces.length % 255 + 1);
      pieces.push(piece);
    }
  }
  pieces.forEach((piece, index) => {
    deepEqual(piece, new Uint8Array(piece.length).fill(index % 255 + 1));
  });
});

test("Arena.copy is the caller's own", () => {
  for (const length of LENGTHS) {
    const original = new Uint8Array(length).fill(7);
    const copy = new Arena().copy(original);
    original.fill(9);
    deepEqual(copy, new Uint8Array(length).fill(7));
  }
});

test("Arena starts elsewhere once it was renewed", () => {
  const arena = new Arena();
  const before = arena.take(8);
  equal(arena.take(8).buffer, before.buffer);
  arena.renew();
  equal(arena.take(8).buffer === before.buffer, false);
});
