const OFFSET_BASIS = 0xcbf29ce484222325n;
const PRIME = 0x100000001b3n;
const MASK = (1n << 64n) - 1n;
const UTF8 = new TextEncoder();

/**
 * FNV-1a, 64 bit, over the UTF-8 bytes of a name: the display form of a principal's identity.
 *
 * Not collision-resistant: the kernel's registry of principals is what keeps two names apart.
 *
 * Source: Open Nexus OS, kernel service ids; draft-eastlake-fnv, "FNV-1a".
 */
export function fnv1a64(name: string): bigint {
  let hash = OFFSET_BASIS;
  for (const byte of UTF8.encode(name)) hash = ((hash ^ BigInt(byte)) * PRIME) & MASK;
  return hash;
}
