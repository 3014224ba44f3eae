// ChaCha20-Poly1305 over one linear memory, in AssemblyScript (not TypeScript: `v128` is its type).
// Built into chacha_poly.wasm by scripts/gen_wasm.ts; `--check` rebuilds it and compares the bytes.
// Source: RFC 8439, "ChaCha20 and Poly1305 for IETF Protocols".
//
// Four ChaCha20 blocks run side by side, one a lane. Poly1305 runs on the scalar unit meanwhile, in
// radix 2^32, so that the two overlap: see `cryptAndHash`.

/** The key, written by the caller; wiped before a call returns. 32 bytes. */
const KEY: usize = 0;
/** The computed tag, 16 bytes. */
const TAG: usize = 32;
/** Poly1305 accumulator (4 words of 64 bits), then its key (r0..r3, s1..s3, pad 0..3). */
const HASH: usize = 64;
/** Key stream of the four blocks that are not applied at once. */
const STREAM: usize = 256;
/**
 * Two shuffles that rotate words by whole bytes. They are read from memory because V8 would build
 * a constant anew at each use, for more than the shift it saves; with indices below 16 a relaxed
 * swizzle is one instruction and the same on every machine.
 */
const MASKS: usize = 512;
/** Associated data, padded here to whole blocks. */
const AD: usize = 1024;
/** The message, worked on in place; up to 256 bytes behind it may be overwritten. */
const DATA: usize = 4096;

export function keyAt(): usize { return KEY; }
export function adAt(): usize { return AD; }
export function dataAt(): usize { return DATA; }
/** Most bytes of associated data. */
export function adMax(): usize { return DATA - AD - 16; }
/** Most bytes of message, tag not counted. */
export function dataMax(): usize { return 65536; }

// @ts-ignore: decorator
@inline function rotate16(x: v128, mask: v128): v128 {
  return i8x16.relaxed_swizzle(x, mask);
}
// @ts-ignore: decorator
@inline function rotate12(x: v128): v128 {
  return v128.or(i32x4.shl(x, 12), i32x4.shr_u(x, 20));
}
// @ts-ignore: decorator
@inline function rotate8(x: v128, mask: v128): v128 {
  return i8x16.relaxed_swizzle(x, mask);
}
// @ts-ignore: decorator
@inline function rotate7(x: v128): v128 {
  return v128.or(i32x4.shl(x, 7), i32x4.shr_u(x, 25));
}

/** Writes the key stream of blocks `counter`..`counter` + 3 to `to`. */
function stream(to: usize, counter: u32, n0: u32, n1: u32, n2: u32): void {
  const by16 = v128.load(MASKS), by8 = v128.load(MASKS, 16);
  const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let x0 = i32x4.splat(0x61707865), x1 = i32x4.splat(0x3320646e);
  let x2 = i32x4.splat(0x79622d32), x3 = i32x4.splat(0x6b206574);
  let x4 = i32x4.splat(load<u32>(KEY, 0)), x5 = i32x4.splat(load<u32>(KEY, 4));
  let x6 = i32x4.splat(load<u32>(KEY, 8)), x7 = i32x4.splat(load<u32>(KEY, 12));
  let x8 = i32x4.splat(load<u32>(KEY, 16)), x9 = i32x4.splat(load<u32>(KEY, 20));
  let x10 = i32x4.splat(load<u32>(KEY, 24)), x11 = i32x4.splat(load<u32>(KEY, 28));
  let x12 = counters, x13 = i32x4.splat(n0), x14 = i32x4.splat(n1), x15 = i32x4.splat(n2);
  for (let round = 0; round < 10; round++) {
    x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
    x12 = rotate16(v128.xor(x12, x0), by16); x13 = rotate16(v128.xor(x13, x1), by16);
    x14 = rotate16(v128.xor(x14, x2), by16); x15 = rotate16(v128.xor(x15, x3), by16);
    x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
    x4 = rotate12(v128.xor(x4, x8)); x5 = rotate12(v128.xor(x5, x9));
    x6 = rotate12(v128.xor(x6, x10)); x7 = rotate12(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
    x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
    x12 = rotate8(v128.xor(x12, x0), by8); x13 = rotate8(v128.xor(x13, x1), by8);
    x14 = rotate8(v128.xor(x14, x2), by8); x15 = rotate8(v128.xor(x15, x3), by8);
    x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
    x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
    x4 = rotate7(v128.xor(x4, x8)); x5 = rotate7(v128.xor(x5, x9));
    x6 = rotate7(v128.xor(x6, x10)); x7 = rotate7(v128.xor(x7, x11));
    x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
    x15 = rotate16(v128.xor(x15, x0), by16); x12 = rotate16(v128.xor(x12, x1), by16);
    x13 = rotate16(v128.xor(x13, x2), by16); x14 = rotate16(v128.xor(x14, x3), by16);
    x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
    x5 = rotate12(v128.xor(x5, x10)); x6 = rotate12(v128.xor(x6, x11));
    x7 = rotate12(v128.xor(x7, x8)); x4 = rotate12(v128.xor(x4, x9));
    x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
    x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
    x15 = rotate8(v128.xor(x15, x0), by8); x12 = rotate8(v128.xor(x12, x1), by8);
    x13 = rotate8(v128.xor(x13, x2), by8); x14 = rotate8(v128.xor(x14, x3), by8);
    x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
    x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
    x5 = rotate7(v128.xor(x5, x10)); x6 = rotate7(v128.xor(x6, x11));
    x7 = rotate7(v128.xor(x7, x8)); x4 = rotate7(v128.xor(x4, x9));
  }
  x0 = i32x4.add(x0, i32x4.splat(0x61707865)); x1 = i32x4.add(x1, i32x4.splat(0x3320646e));
  x2 = i32x4.add(x2, i32x4.splat(0x79622d32)); x3 = i32x4.add(x3, i32x4.splat(0x6b206574));
  x4 = i32x4.add(x4, i32x4.splat(load<u32>(KEY, 0)));
  x5 = i32x4.add(x5, i32x4.splat(load<u32>(KEY, 4)));
  x6 = i32x4.add(x6, i32x4.splat(load<u32>(KEY, 8)));
  x7 = i32x4.add(x7, i32x4.splat(load<u32>(KEY, 12)));
  x8 = i32x4.add(x8, i32x4.splat(load<u32>(KEY, 16)));
  x9 = i32x4.add(x9, i32x4.splat(load<u32>(KEY, 20)));
  x10 = i32x4.add(x10, i32x4.splat(load<u32>(KEY, 24)));
  x11 = i32x4.add(x11, i32x4.splat(load<u32>(KEY, 28)));
  x12 = i32x4.add(x12, counters); x13 = i32x4.add(x13, i32x4.splat(n0));
  x14 = i32x4.add(x14, i32x4.splat(n1)); x15 = i32x4.add(x15, i32x4.splat(n2));
  let t0: v128, t1: v128, t2: v128, t3: v128;
  t0 = i8x16.shuffle(x0, x1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t1 = i8x16.shuffle(x2, x3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t2 = i8x16.shuffle(x0, x1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  t3 = i8x16.shuffle(x2, x3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 0);
  v128.store(to, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 64);
  v128.store(to, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 128);
  v128.store(to, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 192);
  t0 = i8x16.shuffle(x4, x5, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t1 = i8x16.shuffle(x6, x7, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t2 = i8x16.shuffle(x4, x5, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  t3 = i8x16.shuffle(x6, x7, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 16);
  v128.store(to, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 80);
  v128.store(to, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 144);
  v128.store(to, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 208);
  t0 = i8x16.shuffle(x8, x9, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t1 = i8x16.shuffle(x10, x11, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t2 = i8x16.shuffle(x8, x9, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  t3 = i8x16.shuffle(x10, x11, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 32);
  v128.store(to, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 96);
  v128.store(to, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 160);
  v128.store(to, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 224);
  t0 = i8x16.shuffle(x12, x13, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t1 = i8x16.shuffle(x14, x15, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
  t2 = i8x16.shuffle(x12, x13, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  t3 = i8x16.shuffle(x14, x15, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
  v128.store(to, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 48);
  v128.store(to, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 112);
  v128.store(to, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23), 176);
  v128.store(to, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31), 240);
}

const LOW: u64 = 0xffffffff;
const LOW34: u64 = 0x3ffffffff;
/** The bit that follows each block of 16 bytes, as the third limb has it. */
const TOP: u64 = 0x100000000;

/** Keys Poly1305 with the 32 bytes at `from` and clears the accumulator. */
function hashKey(from: usize): void {
  const r0 = load<u32>(from) & 0x0fffffff, r1 = load<u32>(from, 4) & 0x0ffffffc;
  const r2 = load<u32>(from, 8) & 0x0ffffffc, r3 = load<u32>(from, 12) & 0x0ffffffc;
  memory.fill(HASH, 0, 32);
  store<u64>(HASH, r0, 32); store<u64>(HASH, r1, 40);
  store<u64>(HASH, r2, 48); store<u64>(HASH, r3, 56);
  store<u64>(HASH, r1 + (r1 >> 2), 64); store<u64>(HASH, r2 + (r2 >> 2), 72);
  store<u64>(HASH, r3 + (r3 >> 2), 80);
  v128.store(HASH, v128.load(from, 16), 88);
}

/**
 * Absorbs `count` whole blocks. Three limbs hold 32 bits and the last 34; inputs are added without a
 * carry, and one carry chain follows the multiplication.
 *
 * It cannot overflow. In units of 2^32 the limbs, input added, are below a, 2, 2 and 6, where
 * a = 2 + 5/64 * (a + 10) < 3.1; r is below 2^28 and s below 1.25 * 2^28. The largest sum is d0, below
 * (a + 1.25 * (2 + 2 + 6)) * 2^60 < 15.6 * 2^60; d3 is below (a + 10) * 2^60.
 */
function hash(from: usize, count: u32): void {
  let h0 = load<u64>(HASH), h1 = load<u64>(HASH, 8), h2 = load<u64>(HASH, 16);
  let h3 = load<u64>(HASH, 24);
  const r0 = load<u64>(HASH, 32), r1 = load<u64>(HASH, 40), r2 = load<u64>(HASH, 48);
  const r3 = load<u64>(HASH, 56), s1 = load<u64>(HASH, 64), s2 = load<u64>(HASH, 72);
  const s3 = load<u64>(HASH, 80);
  let d0: u64, d1: u64, d2: u64, d3: u64;
  for (; count > 0; count--) {
    h0 += load<u32>(from); h1 += load<u32>(from, 4);
    h2 += load<u32>(from, 8); h3 += load<u32>(from, 12) + TOP;
    d0 = h0 * r0 + h1 * s3 + (h2 * s2 + h3 * s1);
    d1 = h0 * r1 + h1 * r0 + (h2 * s3 + h3 * s2);
    d2 = h0 * r2 + h1 * r1 + (h2 * r0 + h3 * s3);
    d3 = h0 * r3 + h1 * r2 + (h2 * r1 + h3 * r0);
    d1 += d0 >> 32; d2 += d1 >> 32; d3 += d2 >> 32;
    h0 = (d0 & LOW) + (d3 >> 34) * 5; h1 = d1 & LOW; h2 = d2 & LOW; h3 = d3 & LOW34;
    from += 16;
  }
  store<u64>(HASH, h0); store<u64>(HASH, h1, 8); store<u64>(HASH, h2, 16);
  store<u64>(HASH, h3, 24);
}

/** Finishes Poly1305 and writes the tag to `TAG`. */
function hashTag(): void {
  let h0 = load<u64>(HASH), h1 = load<u64>(HASH, 8), h2 = load<u64>(HASH, 16);
  let h3 = load<u64>(HASH, 24);
  h1 += h0 >> 32; h0 &= LOW; h2 += h1 >> 32; h1 &= LOW; h3 += h2 >> 32; h2 &= LOW;
  let h4 = h3 >> 32; h3 &= LOW;
  h0 += (h4 >> 2) * 5; h4 &= 3;
  h1 += h0 >> 32; h0 &= LOW; h2 += h1 >> 32; h1 &= LOW; h3 += h2 >> 32; h2 &= LOW;
  h4 += h3 >> 32; h3 &= LOW;
  let c = h0 + 5;
  const g0 = c & LOW; c = h1 + (c >> 32);
  const g1 = c & LOW; c = h2 + (c >> 32);
  const g2 = c & LOW; c = h3 + (c >> 32);
  const g3 = c & LOW;
  const mask: u64 = 0 - ((h4 + (c >> 32)) >> 2 & 1);
  h0 = (h0 & ~mask) | (g0 & mask); h1 = (h1 & ~mask) | (g1 & mask);
  h2 = (h2 & ~mask) | (g2 & mask); h3 = (h3 & ~mask) | (g3 & mask);
  h0 += load<u32>(HASH, 88);
  h1 += load<u32>(HASH, 92) + (h0 >> 32);
  h2 += load<u32>(HASH, 96) + (h1 >> 32);
  h3 += load<u32>(HASH, 100) + (h2 >> 32);
  store<u32>(TAG, <u32>h0); store<u32>(TAG, <u32>h1, 4);
  store<u32>(TAG, <u32>h2, 8); store<u32>(TAG, <u32>h3, 12);
}

// @ts-ignore: decorator
@inline function apply(to: usize, offset: usize, mask: v128): void {
  v128.store(to + offset, v128.xor(v128.load(to + offset), mask));
}

/**
 * Applies the key stream to `count` chunks of 256 bytes at `to`, and absorbs as many at `from`, a
 * block after each half round: the vector unit and the multiplier work at the same time. `from` is
 * read before `to` of the same turn is written, so `from` may be `to` (opening) or `to` - 256
 * (sealing).
 */
function cryptAndHash(to: usize, from: usize, count: u32, counter: u32, n0: u32, n1: u32, n2: u32): void {
  const by16 = v128.load(MASKS), by8 = v128.load(MASKS, 16);
  let h0 = load<u64>(HASH), h1 = load<u64>(HASH, 8), h2 = load<u64>(HASH, 16);
  let h3 = load<u64>(HASH, 24);
  const r0 = load<u64>(HASH, 32), r1 = load<u64>(HASH, 40), r2 = load<u64>(HASH, 48);
  const r3 = load<u64>(HASH, 56), s1 = load<u64>(HASH, 64), s2 = load<u64>(HASH, 72);
  const s3 = load<u64>(HASH, 80);
  let d0: u64, d1: u64, d2: u64, d3: u64;
  let t0: v128, t1: v128, t2: v128, t3: v128;
  for (; count > 0; count--) {
    const counters = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
    let x0 = i32x4.splat(0x61707865), x1 = i32x4.splat(0x3320646e);
    let x2 = i32x4.splat(0x79622d32), x3 = i32x4.splat(0x6b206574);
    let x4 = i32x4.splat(load<u32>(KEY, 0)), x5 = i32x4.splat(load<u32>(KEY, 4));
    let x6 = i32x4.splat(load<u32>(KEY, 8)), x7 = i32x4.splat(load<u32>(KEY, 12));
    let x8 = i32x4.splat(load<u32>(KEY, 16)), x9 = i32x4.splat(load<u32>(KEY, 20));
    let x10 = i32x4.splat(load<u32>(KEY, 24)), x11 = i32x4.splat(load<u32>(KEY, 28));
    let x12 = counters, x13 = i32x4.splat(n0), x14 = i32x4.splat(n1), x15 = i32x4.splat(n2);
    for (let round = 0; round < 8; round++) {
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
      x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate16(v128.xor(x12, x0), by16); x13 = rotate16(v128.xor(x13, x1), by16);
      x14 = rotate16(v128.xor(x14, x2), by16); x15 = rotate16(v128.xor(x15, x3), by16);
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
      x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate12(v128.xor(x4, x8)); x5 = rotate12(v128.xor(x5, x9));
      x6 = rotate12(v128.xor(x6, x10)); x7 = rotate12(v128.xor(x7, x11));
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
      x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate8(v128.xor(x12, x0), by8); x13 = rotate8(v128.xor(x13, x1), by8);
      x14 = rotate8(v128.xor(x14, x2), by8); x15 = rotate8(v128.xor(x15, x3), by8);
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
      x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate7(v128.xor(x4, x8)); x5 = rotate7(v128.xor(x5, x9));
      x6 = rotate7(v128.xor(x6, x10)); x7 = rotate7(v128.xor(x7, x11));
      h0 += load<u32>(from); h1 += load<u32>(from, 4);
      h2 += load<u32>(from, 8); h3 += load<u32>(from, 12) + TOP;
      d0 = h0 * r0 + h1 * s3 + (h2 * s2 + h3 * s1);
      d1 = h0 * r1 + h1 * r0 + (h2 * s3 + h3 * s2);
      d2 = h0 * r2 + h1 * r1 + (h2 * r0 + h3 * s3);
      d3 = h0 * r3 + h1 * r2 + (h2 * r1 + h3 * r0);
      d1 += d0 >> 32; d2 += d1 >> 32; d3 += d2 >> 32;
      h0 = (d0 & LOW) + (d3 >> 34) * 5; h1 = d1 & LOW; h2 = d2 & LOW; h3 = d3 & LOW34;
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
      x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate16(v128.xor(x15, x0), by16); x12 = rotate16(v128.xor(x12, x1), by16);
      x13 = rotate16(v128.xor(x13, x2), by16); x14 = rotate16(v128.xor(x14, x3), by16);
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
      x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate12(v128.xor(x5, x10)); x6 = rotate12(v128.xor(x6, x11));
      x7 = rotate12(v128.xor(x7, x8)); x4 = rotate12(v128.xor(x4, x9));
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
      x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate8(v128.xor(x15, x0), by8); x12 = rotate8(v128.xor(x12, x1), by8);
      x13 = rotate8(v128.xor(x13, x2), by8); x14 = rotate8(v128.xor(x14, x3), by8);
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
      x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate7(v128.xor(x5, x10)); x6 = rotate7(v128.xor(x6, x11));
      x7 = rotate7(v128.xor(x7, x8)); x4 = rotate7(v128.xor(x4, x9));
      from += 16;
      h0 += load<u32>(from); h1 += load<u32>(from, 4);
      h2 += load<u32>(from, 8); h3 += load<u32>(from, 12) + TOP;
      d0 = h0 * r0 + h1 * s3 + (h2 * s2 + h3 * s1);
      d1 = h0 * r1 + h1 * r0 + (h2 * s3 + h3 * s2);
      d2 = h0 * r2 + h1 * r1 + (h2 * r0 + h3 * s3);
      d3 = h0 * r3 + h1 * r2 + (h2 * r1 + h3 * r0);
      d1 += d0 >> 32; d2 += d1 >> 32; d3 += d2 >> 32;
      h0 = (d0 & LOW) + (d3 >> 34) * 5; h1 = d1 & LOW; h2 = d2 & LOW; h3 = d3 & LOW34;
      from += 16;
    }
    for (let round = 0; round < 2; round++) {
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
      x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate16(v128.xor(x12, x0), by16); x13 = rotate16(v128.xor(x13, x1), by16);
      x14 = rotate16(v128.xor(x14, x2), by16); x15 = rotate16(v128.xor(x15, x3), by16);
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
      x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate12(v128.xor(x4, x8)); x5 = rotate12(v128.xor(x5, x9));
      x6 = rotate12(v128.xor(x6, x10)); x7 = rotate12(v128.xor(x7, x11));
      x0 = i32x4.add(x0, x4); x1 = i32x4.add(x1, x5);
      x2 = i32x4.add(x2, x6); x3 = i32x4.add(x3, x7);
      x12 = rotate8(v128.xor(x12, x0), by8); x13 = rotate8(v128.xor(x13, x1), by8);
      x14 = rotate8(v128.xor(x14, x2), by8); x15 = rotate8(v128.xor(x15, x3), by8);
      x8 = i32x4.add(x8, x12); x9 = i32x4.add(x9, x13);
      x10 = i32x4.add(x10, x14); x11 = i32x4.add(x11, x15);
      x4 = rotate7(v128.xor(x4, x8)); x5 = rotate7(v128.xor(x5, x9));
      x6 = rotate7(v128.xor(x6, x10)); x7 = rotate7(v128.xor(x7, x11));
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
      x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate16(v128.xor(x15, x0), by16); x12 = rotate16(v128.xor(x12, x1), by16);
      x13 = rotate16(v128.xor(x13, x2), by16); x14 = rotate16(v128.xor(x14, x3), by16);
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
      x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate12(v128.xor(x5, x10)); x6 = rotate12(v128.xor(x6, x11));
      x7 = rotate12(v128.xor(x7, x8)); x4 = rotate12(v128.xor(x4, x9));
      x0 = i32x4.add(x0, x5); x1 = i32x4.add(x1, x6);
      x2 = i32x4.add(x2, x7); x3 = i32x4.add(x3, x4);
      x15 = rotate8(v128.xor(x15, x0), by8); x12 = rotate8(v128.xor(x12, x1), by8);
      x13 = rotate8(v128.xor(x13, x2), by8); x14 = rotate8(v128.xor(x14, x3), by8);
      x10 = i32x4.add(x10, x15); x11 = i32x4.add(x11, x12);
      x8 = i32x4.add(x8, x13); x9 = i32x4.add(x9, x14);
      x5 = rotate7(v128.xor(x5, x10)); x6 = rotate7(v128.xor(x6, x11));
      x7 = rotate7(v128.xor(x7, x8)); x4 = rotate7(v128.xor(x4, x9));
    }
    x0 = i32x4.add(x0, i32x4.splat(0x61707865)); x1 = i32x4.add(x1, i32x4.splat(0x3320646e));
    x2 = i32x4.add(x2, i32x4.splat(0x79622d32)); x3 = i32x4.add(x3, i32x4.splat(0x6b206574));
    x4 = i32x4.add(x4, i32x4.splat(load<u32>(KEY, 0)));
    x5 = i32x4.add(x5, i32x4.splat(load<u32>(KEY, 4)));
    x6 = i32x4.add(x6, i32x4.splat(load<u32>(KEY, 8)));
    x7 = i32x4.add(x7, i32x4.splat(load<u32>(KEY, 12)));
    x8 = i32x4.add(x8, i32x4.splat(load<u32>(KEY, 16)));
    x9 = i32x4.add(x9, i32x4.splat(load<u32>(KEY, 20)));
    x10 = i32x4.add(x10, i32x4.splat(load<u32>(KEY, 24)));
    x11 = i32x4.add(x11, i32x4.splat(load<u32>(KEY, 28)));
    x12 = i32x4.add(x12, counters); x13 = i32x4.add(x13, i32x4.splat(n0));
    x14 = i32x4.add(x14, i32x4.splat(n1)); x15 = i32x4.add(x15, i32x4.splat(n2));
    t0 = i8x16.shuffle(x0, x1, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t1 = i8x16.shuffle(x2, x3, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t2 = i8x16.shuffle(x0, x1, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    t3 = i8x16.shuffle(x2, x3, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    apply(to, 0, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 64, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    apply(to, 128, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 192, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    t0 = i8x16.shuffle(x4, x5, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t1 = i8x16.shuffle(x6, x7, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t2 = i8x16.shuffle(x4, x5, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    t3 = i8x16.shuffle(x6, x7, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    apply(to, 16, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 80, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    apply(to, 144, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 208, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    t0 = i8x16.shuffle(x8, x9, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t1 = i8x16.shuffle(x10, x11, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t2 = i8x16.shuffle(x8, x9, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    t3 = i8x16.shuffle(x10, x11, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    apply(to, 32, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 96, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    apply(to, 160, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 224, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    t0 = i8x16.shuffle(x12, x13, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t1 = i8x16.shuffle(x14, x15, 0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23);
    t2 = i8x16.shuffle(x12, x13, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    t3 = i8x16.shuffle(x14, x15, 8, 9, 10, 11, 24, 25, 26, 27, 12, 13, 14, 15, 28, 29, 30, 31);
    apply(to, 48, i8x16.shuffle(t0, t1, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 112, i8x16.shuffle(t0, t1, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    apply(to, 176, i8x16.shuffle(t2, t3, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23));
    apply(to, 240, i8x16.shuffle(t2, t3, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31));
    to += 256;
    counter += 4;
  }
  store<u64>(HASH, h0); store<u64>(HASH, h1, 8); store<u64>(HASH, h2, 16);
  store<u64>(HASH, h3, 24);
}

/** XORs `length` bytes, rounded up to 16, of the key stream at `from` into `to`. */
function applyStream(to: usize, from: usize, length: usize): void {
  for (let at: usize = 0; at < length; at += 16) {
    v128.store(to + at, v128.xor(v128.load(to + at), v128.load(from + at)));
  }
}

/** Absorbs `length` bytes at `from`, zero-padded in place to whole blocks. */
function hashPadded(from: usize, length: usize): void {
  memory.fill(from + length, 0, (0 - length) & 15);
  hash(from, <u32>((length + 15) >> 4));
}

/** Derives the Poly1305 key, absorbs the associated data; leaves blocks 1..3 at STREAM + 64. */
function start(adLength: usize, n0: u32, n1: u32, n2: u32): void {
  v128.store(MASKS, i8x16(2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13));
  v128.store(MASKS, i8x16(3, 0, 1, 2, 7, 4, 5, 6, 11, 8, 9, 10, 15, 12, 13, 14), 16);
  stream(STREAM, 0, n0, n1, n2);
  hashKey(STREAM);
  if (adLength > 0) hashPadded(AD, adLength);
}

/** Absorbs the lengths, writes the tag, and wipes everything that depends on the key. */
function finish(adLength: usize, length: usize): void {
  store<u64>(STREAM, adLength);
  store<u64>(STREAM, length, 8);
  hash(STREAM, 1);
  hashTag();
  memory.fill(KEY, 0, 32);
  memory.fill(HASH, 0, 104);
  memory.fill(STREAM, 0, 256);
}

/** Seals `length` bytes at DATA in place; the tag follows them. The nonce is three words, LE. */
export function seal(adLength: usize, length: usize, n0: u32, n1: u32, n2: u32): void {
  start(adLength, n0, n1, n2);
  const first = min<usize>(length, 192);
  applyStream(DATA, STREAM + 64, first);
  let at: usize = DATA + first, hashed: usize = DATA;
  let left = length - first, counter: u32 = 4;
  const chunks = <u32>(left >> 8);
  if (chunks > 0) {
    hash(DATA, 12);
    hashed = at;
    stream(STREAM, counter, n0, n1, n2);
    applyStream(at, STREAM, 256);
    cryptAndHash(at + 256, at, chunks - 1, counter + 4, n0, n1, n2);
    hashed += (chunks - 1) << 8;
    at += chunks << 8;
    left &= 255;
    counter += chunks << 2;
  }
  if (left > 0) {
    stream(STREAM, counter, n0, n1, n2);
    applyStream(at, STREAM, left);
  }
  hashPadded(hashed, DATA + length - hashed);
  finish(adLength, length);
  v128.store(DATA + length, v128.load(TAG));
}

/**
 * Opens `length` bytes (tag not counted) at DATA in place; the tag follows them.
 *
 * @returns 1, or 0 when the tag does not match: DATA is then zero.
 */
export function open(adLength: usize, length: usize, n0: u32, n1: u32, n2: u32): u32 {
  const tag = v128.load(DATA + length);
  start(adLength, n0, n1, n2);
  const first = min<usize>(length, 192);
  hashPadded(DATA, first);
  applyStream(DATA, STREAM + 64, first);
  let at: usize = DATA + first;
  let left = length - first, counter: u32 = 4;
  const chunks = <u32>(left >> 8);
  if (chunks > 0) {
    cryptAndHash(at, at, chunks, counter, n0, n1, n2);
    at += chunks << 8;
    left &= 255;
    counter += chunks << 2;
  }
  if (left > 0) {
    hashPadded(at, left);
    stream(STREAM, counter, n0, n1, n2);
    applyStream(at, STREAM, left);
  }
  finish(adLength, length);
  if (v128.any_true(v128.xor(tag, v128.load(TAG)))) {
    wipe(length + 16);
    return 0;
  }
  return 1;
}

/** Overwrites the first `length` bytes at DATA with zeros. */
export function wipe(length: usize): void {
  memory.fill(DATA, 0, length);
}
