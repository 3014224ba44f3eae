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

test("Arena.trim gives the rest of the last piece, and of no other, to the next one", () => {
  const arena = new Arena();
  const first = arena.trim(arena.take(128), 20);
  const second = arena.take(128);
  equal(second.byteOffset - first.byteOffset, 24);
  const third = arena.take(8);
  equal(arena.trim(second, 8).length, 8);
  equal(arena.take(8).byteOffset, third.byteOffset + 8);
  const large = arena.take(5000);
  deepEqual(arena.trim(large, 3), new Uint8Array(3));
  for (const piece of [first, second, third]) piece.fill(piece.byteOffset + 1);
  deepEqual([...new Set(first)], [1]);
  deepEqual([...new Set(second)], [25]);
});

test("Arena.trim takes nothing back of a chunk that is full, wherever its pieces end", () => {
  const arena = new Arena();
  const old = arena.take(128);
  for (let left = 7; left > 0; left--) arena.take(1024);
  arena.take(1024 - 128);
  const held = arena.take(128);
  equal(held.byteOffset + held.length, old.byteOffset + old.length);
  arena.trim(old, 8);
  held.fill(7);
  deepEqual(arena.take(64), new Uint8Array(64));
  deepEqual(held, new Uint8Array(128).fill(7));
});
