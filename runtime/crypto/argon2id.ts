import { argon2id as noble } from "@noble/hashes/argon2.js";
import { assert } from "../core/assert.ts";

/** Shortest salt, in bytes. Source: RFC 9106, "Argon2 Inputs and Outputs", for passwords. */
export const ARGON2_SALT_LENGTH = 16;
/** Most memory of one derivation, in KiB. */
export const ARGON2_MEMORY_KIB_MAX = 256 * 1024;
/** Most blocks of 1 KiB that one derivation fills: about 8 s on a slow machine. */
export const ARGON2_WORK_KIB_MAX = 1024 * 1024;
const PASSES_MAX = 64;
const LANES_MAX = 16;
/** Least memory of a lane, in KiB. Source: RFC 9106, "Argon2 Inputs and Outputs". */
const LANE_KIB_MIN = 8;

/** How much a guess costs. */
export interface Argon2Cost {
  readonly memoryKiB: number;
  readonly passes: number;
  readonly lanes: number;
}

/** What a key is derived from. */
export interface Argon2Input extends Argon2Cost {
  /** {@linkcode ARGON2_SALT_LENGTH} bytes. */
  readonly salt: Uint8Array;
  /** Told how much is done, from 0 to 1. */
  readonly progress?: ((done: number) => void) | undefined;
  /** Keyed hashing; nothing unless said. */
  readonly key?: Uint8Array;
  /** Associated data; nothing unless said. */
  readonly ad?: Uint8Array;
}

/** Source: RFC 9106, "Parameter Choice", the second recommended option. */
export const ARGON2_COST: Argon2Cost = { memoryKiB: 64 * 1024, passes: 3, lanes: 4 };

/** Whether a cost is one of Argon2's, and one that neither hangs this program nor eats its memory. */
export function argon2Fits({ memoryKiB, passes, lanes }: Argon2Cost): boolean {
  return within(lanes, 1, LANES_MAX) && within(passes, 1, PASSES_MAX) &&
    within(memoryKiB, LANE_KIB_MIN * lanes, ARGON2_MEMORY_KIB_MAX) &&
    memoryKiB * passes <= ARGON2_WORK_KIB_MAX;
}

function within(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

/**
 * Argon2id, version 0x13: a key of 32 bytes from a passphrase. It takes 1.2 s at
 * {@linkcode ARGON2_COST}, in which nothing else of this thread runs.
 *
 * Source: RFC 9106, "Argon2 Memory-Hard Function for Password Hashing and Proof-of-Work
 * Applications".
 */
export function argon2id(passphrase: Uint8Array, input: Argon2Input): Uint8Array {
  const { memoryKiB, passes, lanes, salt, progress, key, ad } = input;
  assert(argon2Fits(input), "Argon2's cost is within its bounds");
  assert(salt.length === ARGON2_SALT_LENGTH, "a salt has 16 bytes");
  return noble(passphrase, salt, {
    ...{ m: memoryKiB, t: passes, p: lanes, dkLen: 32, maxmem: ARGON2_MEMORY_KIB_MAX * 1024 },
    ...progress === undefined ? {} : { onProgress: progress },
    ...key === undefined ? {} : { key },
    ...ad === undefined ? {} : { personalization: ad },
  });
}
