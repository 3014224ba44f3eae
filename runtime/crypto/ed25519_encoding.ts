import { fromHex } from "../core/hex.ts";

/** Length of an encoded point and of an encoded scalar, in bytes. */
const LENGTH = 32;

/** The order of the base point, little-endian. Source: RFC 8032, "Ed25519". */
const ORDER = fromHex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");

/** The field's prime 2^255 - 19, little-endian. */
const PRIME = fromHex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");

/**
 * y of every point whose order divides 8, canonical: order 1, order 2, order 4, and the two of
 * order 8. The sign of x makes no difference.
 */
const SMALL_ORDER = [
  "0100000000000000000000000000000000000000000000000000000000000000",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "0000000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
].map(fromHex);

/** Whether the 32 bytes at `offset` are a scalar below the group order. */
export function canonicalScalar(bytes: Uint8Array, offset: number): boolean {
  return below(bytes, offset, ORDER, 0xff);
}

/**
 * Whether the 32 bytes at `offset` are the one encoding of a point that is not of small order. That
 * the point lies on the curve is left to the verifier. (x = 0 with its sign set is not canonical
 * either; those two points have small order.)
 */
export function canonicalPoint(bytes: Uint8Array, offset: number): boolean {
  if (!below(bytes, offset, PRIME, 0x7f)) return false;
  return !SMALL_ORDER.some((point) => sameY(bytes, offset, point));
}

/** Whether the little-endian number at `offset`, its top byte masked, is below `bound`. */
function below(bytes: Uint8Array, offset: number, bound: Uint8Array, topMask: number): boolean {
  for (let index = LENGTH - 1; index >= 0; index--) {
    const mask = index === LENGTH - 1 ? topMask : 0xff;
    const byte = (bytes[offset + index] ?? 0) & mask;
    const limit = bound[index] ?? 0;
    if (byte !== limit) return byte < limit;
  }
  return false;
}

function sameY(bytes: Uint8Array, offset: number, y: Uint8Array): boolean {
  for (let index = 0; index < LENGTH - 1; index++) {
    if (bytes[offset + index] !== y[index]) return false;
  }
  return ((bytes[offset + LENGTH - 1] ?? 0) & 0x7f) === y[LENGTH - 1];
}
