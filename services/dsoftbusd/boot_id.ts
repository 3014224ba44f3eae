import type { Clock } from "@runtime/core/ports.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";

/** Names one boot of a device, so that it can tell itself from a clone. 16 bytes. */
export const BOOT_ID_LENGTH = 16;

/**
 * Makes the id of this boot from fresh entropy and the time: a node whose keys come from a seed
 * draws the same bytes each time, and two of them must not take each other for themselves.
 */
export function bootIdOf(drawn: Uint8Array, clock: Clock): Uint8Array {
  const times = new DataView(new ArrayBuffer(16));
  times.setFloat64(0, clock.unixMs());
  times.setFloat64(8, clock.nowNs());
  return sha256(drawn, new Uint8Array(times.buffer)).subarray(0, BOOT_ID_LENGTH);
}
