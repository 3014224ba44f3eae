/**
 * The header before every frame, as far as it is about checksums.
 *
 * Source: VIRTIO 1.2, "Packet Transmission" and "Processing of Incoming Packets".
 *
 * @module
 */

import type { PartialChecksum } from "@runtime/core/ports.ts";
import {
  CHECKSUM_SIZE,
  ETHERNET_HEADER_SIZE,
  NET_FLAG_DATA_VALID,
  NET_FLAG_NEEDS_CSUM,
  NET_FLAG_RSC_INFO,
  NET_HEADER_BUFFERS,
  NET_HEADER_CSUM_OFFSET,
  NET_HEADER_CSUM_START,
  NET_HEADER_FLAGS,
  NET_HEADER_GSO_SIZE,
} from "./network.ts";

/** Bits that mean something here; others "MUST" be ignored. */
const FLAGS_KNOWN = NET_FLAG_NEEDS_CSUM | NET_FLAG_DATA_VALID | NET_FLAG_RSC_INFO;

/** The frame behind a header, and what its sender may say of it. */
export interface NetHeaderRules {
  /** Bytes of the frame. */
  readonly length: number;
  /** Flags that were agreed on. */
  readonly flags: number;
}

/**
 * Reads the header at `at`, each field once: whoever shares the memory may change it meanwhile.
 *
 * @param into Gets the partial checksum, inside the frame and behind its Ethernet header; `start` 0
 *   when there is none.
 * @returns false for a header that asks for what was not agreed on, or points outside the frame.
 */
export function readNetHeader(
  view: DataView,
  at: number,
  rules: NetHeaderRules,
  into: PartialChecksum,
): boolean {
  const asked = view.getUint16(at + NET_HEADER_FLAGS, true);
  into.start = 0;
  if (asked === 0) return true;
  // The high byte is `gso_type`: no segmentation is ever agreed on.
  if (asked >>> 8 !== 0 || (asked & FLAGS_KNOWN & ~rules.flags) !== 0) return false;
  if ((asked & NET_FLAG_NEEDS_CSUM) === 0) return true;
  const start = view.getUint16(at + NET_HEADER_CSUM_START, true);
  const offset = view.getUint16(at + NET_HEADER_CSUM_OFFSET, true);
  if (start < ETHERNET_HEADER_SIZE || start + offset + CHECKSUM_SIZE > rules.length) return false;
  into.start = start;
  into.offset = offset;
  return true;
}

/**
 * Writes a whole header at `at`.
 *
 * @param header `buffers` is 1 from a device and 0 from a driver.
 */
export function writeNetHeader(
  view: DataView,
  at: number,
  header: { readonly buffers: number; readonly checksum: Readonly<PartialChecksum> | undefined },
): void {
  const start = header.checksum?.start ?? 0;
  const offset = start === 0 ? 0 : header.checksum?.offset ?? 0;
  // Two fields that stay 0 are written with the ones before them: `gso_type` and `hdr_len`.
  view.setUint32(at + NET_HEADER_FLAGS, start === 0 ? 0 : NET_FLAG_NEEDS_CSUM, true);
  view.setUint16(at + NET_HEADER_GSO_SIZE, 0, true);
  view.setUint16(at + NET_HEADER_CSUM_START, start, true);
  view.setUint16(at + NET_HEADER_CSUM_OFFSET, offset, true);
  view.setUint16(at + NET_HEADER_BUFFERS, header.buffers, true);
}
