/** The Castagnoli polynomial, bits reflected. */
const POLYNOMIAL = 0x82f63b78;

/** How one byte changes the sum, with 0 to 3 bytes behind it: four bytes are added in one step. */
const TABLES = tables();

function tables(): readonly [Uint32Array, Uint32Array, Uint32Array, Uint32Array] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let sum = byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? sum >>> 1 ^ POLYNOMIAL : sum >>> 1;
    return sum >>> 0;
  });
  const behind = (table: Uint32Array) =>
    table.map((sum) => ((first[sum & 0xff] ?? 0) ^ sum >>> 8) >>> 0);
  const second = behind(first);
  const third = behind(second);
  return [first, second, third, behind(third)];
}

/**
 * CRC-32C of bytes: it finds accidents, not forgeries.
 *
 * @param before The sum of the bytes that come before these; 0 when there are none.
 * @returns 32 bits, unsigned.
 *
 * Source: RFC 3720, "Digests" and "CRC Examples".
 */
export function crc32c(bytes: Uint8Array, before = 0): number {
  const [t0, t1, t2, t3] = TABLES;
  const whole = bytes.length & ~3;
  let sum = ~before;
  for (let at = 0; at < whole; at += 4) {
    sum ^= (bytes[at] ?? 0) | (bytes[at + 1] ?? 0) << 8 | (bytes[at + 2] ?? 0) << 16 |
      (bytes[at + 3] ?? 0) << 24;
    sum = (t3[sum & 0xff] ?? 0) ^ (t2[sum >>> 8 & 0xff] ?? 0) ^ (t1[sum >>> 16 & 0xff] ?? 0) ^
      (t0[sum >>> 24] ?? 0);
  }
  for (let at = whole; at < bytes.length; at++) {
    sum = (t0[(sum ^ (bytes[at] ?? 0)) & 0xff] ?? 0) ^ sum >>> 8;
  }
  return ~sum >>> 0;
}
