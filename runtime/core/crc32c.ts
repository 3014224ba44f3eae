/** The Castagnoli polynomial, bits reflected. */
const POLYNOMIAL = 0x82f63b78;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let sum = byte;
  for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ POLYNOMIAL : sum >>> 1;
  return sum >>> 0;
});

/**
 * CRC-32C of bytes: it finds accidents, not forgeries.
 *
 * @param before The sum of the bytes that come before these; 0 when there are none.
 * @returns 32 bits, unsigned.
 *
 * Source: RFC 3720, "Digests" and "CRC Examples".
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  let sum = ~before;
  for (let index = 0; index < bytes.length; index++) {
    sum = (TABLE[(sum ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ sum >>> 8;
  }
  return ~sum >>> 0;
}
