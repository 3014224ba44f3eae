/**
 * What the client library takes.
 *
 * @module
 */

import type { AlgorithmName, KeyUse } from "./algorithm.ts";
import type { KeyOperation } from "./lifecycle.ts";

/** Names a key: an application, and a purpose or the id of a version. */
export interface KeyRef {
  /** The application whose key it is. */
  readonly app: string;
  /** A purpose, or a key id. */
  readonly key: string;
}

/** What a new key is to be. */
export interface NewKey {
  /** The application whose key it is to be. */
  readonly app: string;
  /** What it is for. */
  readonly purpose: string;
  /** What kind of key it is to be. */
  readonly algorithm: AlgorithmName;
  /** All that the algorithm has, unless said. */
  readonly uses?: readonly KeyUse[];
  /** What people call it. */
  readonly label?: string;
  /** When it stops to sign and to seal, in milliseconds since the Unix epoch; never unless said. */
  readonly expiresMs?: number;
  /** How often its secret may be used; without a limit unless said. */
  readonly maxUses?: bigint;
}

/** What may be changed of a key. What is left out stays; `null` takes an end or a limit away. */
export interface KeyChange {
  /** What people call it. */
  readonly label?: string;
  /** When it stops to sign and to seal, in milliseconds since the Unix epoch. */
  readonly expiresMs?: number | null;
  /** How often its secret may be used. */
  readonly maxUses?: bigint | null;
  /** Least versions that may sign or seal, unseal, and verify. */
  readonly minimum?: {
    readonly sign?: number;
    readonly open?: number;
    readonly verify?: number;
  };
}

/** What made something: a version of a key. */
export interface MadeBy {
  /** Its number, from 1. */
  readonly version: number;
  /** Its key id. */
  readonly keyId: string;
}

/** A value and what is bound to it. */
export interface SealInput {
  /** What is to be sealed. */
  readonly plain: Uint8Array;
  /** Must be given again to open it. */
  readonly aad?: Uint8Array;
  /** Stands in front of it in the clear, and cannot be changed. */
  readonly label?: string;
}

/** Sealed bytes and what is bound to them. */
export interface OpenInput {
  /** What was sealed. */
  readonly sealed: Uint8Array;
  /** The data that is bound to it. */
  readonly aad?: Uint8Array;
}

/** What was opened. */
export interface Opened extends MadeBy {
  /** What was sealed. */
  readonly plain: Uint8Array;
  /** What its maker called it. */
  readonly label: string;
}

/** A use that a change would end. */
export interface EndedUse {
  /** What could be done with the version. */
  readonly operation: KeyOperation;
  /** Its number. */
  readonly version: number;
}
