/**
 * Bounds of the store. The first group is upstream's and part of the format; the second is ours.
 *
 * Source: Open Nexus OS, RFC-0018, "limits"; statefs journal v2.
 *
 * @module
 */

/** Longest key path, in bytes of UTF-8. */
export const KEY_LENGTH_MAX = 255;
/** Most bytes of a value as it is stored, seal and envelope included. */
export const STORED_LENGTH_MAX = 64 * 1024;
/** Most bytes of a transaction's chunk. */
export const CHUNK_LENGTH_MAX = 8192;
export const TRANSACTIONS_MAX = 8;
export const TRANSACTION_KEYS_MAX = 32;
export const TRANSACTION_BYTES_MAX = 128 * 1024;
/** Most bytes of all open transactions together. */
export const TRANSACTIONS_BYTES_MAX = 256 * 1024;
/** Most bytes of an envelope's subject, and of its purpose. */
export const ENVELOPE_TEXT_MAX = 64;
/** A log shorter than this is not compacted. */
export const COMPACTION_BYTES_MIN = 8 * 1024;
/** Name lists of one reply. */
export const LIST_NAMES_MAX = 256;

/** Keys that exist or whose sequence is remembered. */
export const KEYS_MAX = 65_536;
/** Records that a replay reads. */
export const RECORDS_MAX = 1 << 20;
/** Bytes of values, as stored, that memory holds. */
export const INDEX_BYTES_MAX = 32 * 1024 * 1024;
/** Writes that share a flush. */
export const BATCH_WRITES_MAX = 256;
/** Writes that wait for their turn. */
export const QUEUE_WRITES_MAX = 4096;
/** Bytes at the end of a region that only deletes may use. */
export const RESERVE_BYTES = 4096;

/** Bytes of a block. Source: VIRTIO 1.2, "Block Device". */
export const BLOCK_SIZE = 512;
/** Fewest blocks of an image: a superblock and two regions of four. */
export const BLOCK_COUNT_MIN = 9;
