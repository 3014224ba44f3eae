/**
 * What a driver asks of the block device, read once out of its memory, checked, and then only values.
 *
 * Source: VIRTIO 1.2, "Block Device", "Device Operation".
 *
 * @module
 */

import {
  BLK_HEADER_SECTOR,
  BLK_HEADER_SIZE,
  BLK_HEADER_TYPE,
  BLK_ID_SIZE,
  BLK_RANGE_COUNT,
  BLK_RANGE_FLAGS,
  BLK_RANGE_SECTOR,
  BLK_RANGE_SIZE,
  BLK_RANGE_UNMAP,
  BLK_STATUS_IOERR,
  BLK_STATUS_SIZE,
  BLK_STATUS_UNSUPP,
  BLK_TYPE_DISCARD,
  BLK_TYPE_FLUSH,
  BLK_TYPE_GET_ID,
  BLK_TYPE_IN,
  BLK_TYPE_OUT,
  BLK_TYPE_WRITE_ZEROES,
  readSector,
  SECTOR_SIZE,
} from "../virtio/block.ts";
import { type Chain, QueueError } from "./chain.ts";

/** Most buffers of a request's data, as the configuration says. */
export const SEGMENTS_MAX = 128;

/** Largest buffer of a request's data in bytes, as the configuration says. */
export const SEGMENT_LENGTH_MAX = 8192;

/** Most bytes of data in one request: what the two limits above come to. */
export const REQUEST_LENGTH_MAX = SEGMENTS_MAX * SEGMENT_LENGTH_MAX;

/** Buffers of a request besides its data: header and status. */
const SEGMENTS_BESIDES = 2;

/** Most sectors that one request discards. */
export const DISCARD_SECTORS_MAX = 0x3f_ffff;

/** Most sectors that one request zeroes: as many as one may write. */
export const ZEROES_SECTORS_MAX = REQUEST_LENGTH_MAX / SECTOR_SIZE;

/** Ranges of one DISCARD or WRITE_ZEROES. */
export const RANGES_MAX = 1;

/** The disk as far as a request is judged by it. */
export interface RequestRules {
  readonly sectorCount: number;
  readonly readOnly: boolean;
}

/** A request whose every value is in range, or the status that refuses it. */
export type BlkRequest =
  | { readonly kind: "read"; readonly sector: number; readonly length: number }
  | { readonly kind: "write"; readonly sector: number; readonly data: Uint8Array }
  | { readonly kind: "discard" | "zeroes"; readonly sector: number; readonly count: number }
  | { readonly kind: "flush" | "id" }
  | { readonly kind: "refused"; readonly status: number };

const IO_ERROR: BlkRequest = { kind: "refused", status: BLK_STATUS_IOERR };
const UNSUPPORTED: BlkRequest = { kind: "refused", status: BLK_STATUS_UNSUPP };

/**
 * Reads the request that a chain holds. How it is cut into buffers says nothing ("Message Framing").
 *
 * @throws {QueueError} `too_short`: no whole header, or no room for the status.
 */
export function readRequest(chain: Chain, rules: RequestRules): BlkRequest {
  if (chain.readableLength < BLK_HEADER_SIZE || chain.writableLength < BLK_STATUS_SIZE) {
    throw new QueueError("too_short", chain.head);
  }
  if (chain.count > SEGMENTS_MAX + SEGMENTS_BESIDES) return IO_ERROR;
  const view = copied(chain, { skip: 0, length: BLK_HEADER_SIZE });
  const sector = readSector(view, BLK_HEADER_SECTOR);
  switch (view.getUint32(BLK_HEADER_TYPE, true)) {
    case BLK_TYPE_IN:
      return readIn(chain, sector, rules);
    case BLK_TYPE_OUT:
      return readOut(chain, sector, rules);
    case BLK_TYPE_FLUSH:
      return { kind: "flush" };
    case BLK_TYPE_GET_ID:
      return chain.writableLength < BLK_ID_SIZE + BLK_STATUS_SIZE ? IO_ERROR : { kind: "id" };
    case BLK_TYPE_DISCARD:
      return readRange(chain, "discard", rules);
    case BLK_TYPE_WRITE_ZEROES:
      return readRange(chain, "zeroes", rules);
    default:
      return UNSUPPORTED;
  }
}

function readIn(chain: Chain, sector: number, rules: RequestRules): BlkRequest {
  const length = chain.writableLength - BLK_STATUS_SIZE;
  return transferable(sector, length, rules) ? { kind: "read", sector, length } : IO_ERROR;
}

function readOut(chain: Chain, sector: number, rules: RequestRules): BlkRequest {
  const length = chain.readableLength - BLK_HEADER_SIZE;
  if (rules.readOnly || !transferable(sector, length, rules)) return IO_ERROR;
  const data = new Uint8Array(copied(chain, { skip: BLK_HEADER_SIZE, length }).buffer);
  return { kind: "write", sector, data };
}

function transferable(sector: number, length: number, rules: RequestRules): boolean {
  return length <= REQUEST_LENGTH_MAX && length % SECTOR_SIZE === 0 &&
    inside({ sector, count: length / SECTOR_SIZE }, rules);
}

/** Nothing is added to the driver's sector number, so nothing can wrap. */
function inside(
  range: { readonly sector: number; readonly count: number },
  { sectorCount }: RequestRules,
): boolean {
  return range.count <= sectorCount - range.sector;
}

function readRange(chain: Chain, kind: "discard" | "zeroes", rules: RequestRules): BlkRequest {
  const length = chain.readableLength - BLK_HEADER_SIZE;
  if (rules.readOnly || length !== RANGES_MAX * BLK_RANGE_SIZE) return IO_ERROR;
  const view = copied(chain, { skip: BLK_HEADER_SIZE, length });
  const sector = readSector(view, BLK_RANGE_SECTOR);
  const count = view.getUint32(BLK_RANGE_COUNT, true);
  const flags = view.getUint32(BLK_RANGE_FLAGS, true);
  const flagsKnown = kind === "zeroes" ? BLK_RANGE_UNMAP : 0;
  if ((flags & ~flagsKnown) !== 0) return UNSUPPORTED;
  const countMax = kind === "zeroes" ? ZEROES_SECTORS_MAX : DISCARD_SECTORS_MAX;
  if (count > countMax || !inside({ sector, count }, rules)) return IO_ERROR;
  return { kind, sector, count };
}

/** The one look at the driver's memory. */
function copied(
  chain: Chain,
  piece: { readonly skip: number; readonly length: number },
): DataView<ArrayBuffer> {
  const bytes = new Uint8Array(piece.length);
  chain.gather(bytes, piece.skip);
  return new DataView(bytes.buffer);
}
