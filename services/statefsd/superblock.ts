/**
 * Block 0 says which region holds the log.
 *
 * Source: Open Nexus OS, statefs journal v2, "superblock".
 *
 * @module
 */

import { crc32c } from "@runtime/core/crc32c.ts";
import { WireError } from "@runtime/core/error.ts";
import { Reader } from "@runtime/core/reader.ts";
import { Writer } from "@runtime/core/writer.ts";
import { BLOCK_SIZE } from "./limits.ts";

/** `NXS2`, little-endian. */
const MAGIC = 0x3253584e;
const VERSION = 1;
const SUM_OFFSET = 16;

export type RegionName = "a" | "b";

export interface Superblock {
  readonly active: RegionName;
  readonly generation: number;
  /** Values of the snapshot at the head of the active region. */
  readonly entries: number;
}

/** Where a region lies. */
export interface Region {
  readonly firstBlock: number;
  readonly blockCount: number;
}

/**
 * Reads a superblock from the head of block 0.
 *
 * @throws {WireError} `truncated`, `bad_magic`, `bad_checksum`, `bad_version`, `value_out_of_range`.
 */
export function decodeSuperblock(block: Uint8Array): Superblock {
  const reader = new Reader(block);
  if (reader.u32() !== MAGIC) throw new WireError("bad_magic", 0);
  const version = reader.u8();
  const active = reader.u8();
  const pad = reader.u16();
  const generation = reader.u32();
  const entries = reader.u32();
  if (reader.u32() !== crc32c(block.subarray(0, SUM_OFFSET))) {
    throw new WireError("bad_checksum", SUM_OFFSET);
  }
  if (version !== VERSION) throw new WireError("bad_version", 4);
  if (active > 1) throw new WireError("value_out_of_range", 5);
  if (pad !== 0) throw new WireError("value_out_of_range", 6);
  return { active: active === 0 ? "a" : "b", generation, entries };
}

/** Block 0: the superblock and zeros. */
export function encodeSuperblock({ active, generation, entries }: Superblock): Uint8Array {
  const writer = new Writer(BLOCK_SIZE).u32(MAGIC).u8(VERSION).u8(active === "a" ? 0 : 1).u16(0)
    .u32(generation).u32(entries);
  const sum = crc32c(writer.finish());
  return writer.u32(sum).bytes(new Uint8Array(BLOCK_SIZE - SUM_OFFSET - 4)).finish();
}

/** The two halves of what follows block 0; an odd block at the end stays unused. */
export function regionOf(name: RegionName, blockCount: number): Region {
  const half = Math.floor((blockCount - 1) / 2);
  return { firstBlock: name === "a" ? 1 : 1 + half, blockCount: half };
}

export function otherRegion(name: RegionName): RegionName {
  return name === "a" ? "b" : "a";
}
