/**
 * What the client library takes.
 *
 * @module
 */

import type { AlgorithmName, KeyUse } from "./algorithm.ts";
import type { KeyOperation } from "./lifecycle.ts";

/** Names a key: an application, and a purpose or the id of a version. */
export interface KeyRef {
  readonly app: string;
  /** A purpose, or a key id. */
  readonly key: string;
}

/** What a new key is to be. */
export interface NewKey {
  readonly app: string;
  readonly purpose: string;
  readonly algorithm: AlgorithmName;
  /** All that the algorithm has, unless said. */
  readonly uses?: readonly KeyUse[];
  readonly label?: string;
  /** When it stops to sign and to seal, in milliseconds since the Unix epoch; never unless said. */
  readonly expiresMs?: number;
  readonly maxUses?: bigint;
}

/** What may be changed of a key. What is left out stays; `null` takes an end or a limit away. */
export interface KeyChange {
  readonly label?: string;
  readonly expiresMs?: number | null;
  readonly maxUses?: bigint | null;
  readonly minimum?: {
    readonly sign?: number;
    readonly open?: number;
    readonly verify?: number;
  };
}

/** What made something: a version of a key. */
export interface MadeBy {
  readonly version: number;
  readonly keyId: string;
}

/** A value and what is bound to it. */
export interface SealInput {
  readonly plain: Uint8Array;
  /** Must be given again to open it. */
  readonly aad?: Uint8Array;
  /** Stands in front of it in the clear, and cannot be changed. */
  readonly label?: string;
}

/** Sealed bytes and what is bound to them. */
export interface OpenInput {
  readonly sealed: Uint8Array;
  readonly aad?: Uint8Array;
}

/** What was opened. */
export interface Opened extends MadeBy {
  readonly plain: Uint8Array;
  readonly label: string;
}

/** A use that a change would end. */
export interface EndedUse {
  readonly operation: KeyOperation;
  readonly version: number;
}
