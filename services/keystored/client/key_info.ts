/**
 * What is told of a key, as programs read it.
 *
 * @module
 */

import type { ReplyValuesOf } from "@runtime/idl/service.ts";
import { type AlgorithmName, algorithmOf, type KeyUse, usesOf } from "./algorithm.ts";
import { keyIdText } from "./key_id.ts";
import type { keys } from "./keys_protocol.ts";
import { KEY_STATES, type KeyState } from "./lifecycle.ts";

/** One version of a key. */
export interface KeyVersionInfo {
  /** From 1. */
  readonly version: number;
  /** `nk1-` and 40 hexadecimal digits. */
  readonly keyId: string;
  /** 32 bytes: the public key, or what a symmetric key is committed to by. */
  readonly publicKey: Uint8Array;
  /** Milliseconds since the Unix epoch, as every time here. */
  readonly createdMs: number;
}

/** A key in a list. */
export interface KeySummary {
  /** The application whose key it is. */
  readonly app: string;
  /** What it is for: an application has one key for each purpose. */
  readonly purpose: string;
  /** What kind of key it is. */
  readonly algorithm: AlgorithmName;
  /** What it may be used for, as it was made. */
  readonly uses: readonly KeyUse[];
  /** Where it is in its life. */
  readonly state: KeyState;
  /** The newest version. */
  readonly version: number;
  /** Id of the newest version. */
  readonly keyId: string;
  /** What people call it; empty for nothing. */
  readonly label: string;
  /** When it was made. */
  readonly createdMs: number;
  /** When it stops to sign and to seal; `undefined` for never. */
  readonly expiresMs: number | undefined;
  /** Whether its first secret came from outside. */
  readonly imported: boolean;
  /** Whether it was drawn from a seed: for tests alone. */
  readonly test: boolean;
}

/** Everything that is told of a key. */
export interface KeyInfo extends KeySummary {
  /** The application's subject that made it. */
  readonly creator: string;
  /** When its record changed last, counters aside. */
  readonly changedMs: number;
  /** When its secrets go; `undefined` unless it waits for that. */
  readonly destroyMs: number | undefined;
  /** `undefined` for no limit. */
  readonly maxUses: bigint | undefined;
  /** How often its secret was used. */
  readonly used: bigint;
  /** When its secret was used last; `undefined` for never. */
  readonly lastUsedMs: number | undefined;
  /** Least versions that may sign or seal, unseal, and verify. */
  readonly minimum: { readonly sign: number; readonly open: number; readonly verify: number };
  /** In rising order; of a key that was destroyed the last one. */
  readonly versions: readonly KeyVersionInfo[];
}

type InfoValues = ReplyValuesOf<typeof keys, "get">;
type SummaryValues = Omit<InfoValues, Exclude<keyof InfoValues, keyof ListedValues>>;
type ListedValues = ReplyValuesOf<typeof keys, "list">["keys"][number];

const FLAG = { imported: 1, test: 2 } as const;

/** @returns `undefined` for values that no key has: the other end is of another version. */
export function summaryOf(values: SummaryValues): KeySummary | undefined {
  const algorithm = algorithmOf(values.algorithm);
  const state = KEY_STATES[values.state];
  if (algorithm === undefined || state === undefined) return undefined;
  return {
    app: values.app,
    purpose: values.purpose,
    algorithm: algorithm.name,
    uses: usesOf(values.uses),
    state,
    version: values.version,
    keyId: keyIdText(values.keyId),
    label: values.label,
    createdMs: Number(values.createdMs),
    expiresMs: timeOf(values.expiresMs),
    imported: (values.flags & FLAG.imported) !== 0,
    test: (values.flags & FLAG.test) !== 0,
  };
}

/** @returns `undefined` for values that no key has. */
export function infoOf(values: InfoValues): KeyInfo | undefined {
  const summary = summaryOf(values);
  return summary && {
    ...summary,
    creator: values.creator,
    changedMs: Number(values.changedMs),
    destroyMs: timeOf(values.destroyMs),
    maxUses: values.usesMax === 0n ? undefined : values.usesMax,
    used: values.used,
    lastUsedMs: timeOf(values.lastUsedMs),
    minimum: { sign: values.minSign, open: values.minOpen, verify: values.minVerify },
    versions: values.versions.map(({ version, keyId, publicKey, createdMs }) => ({
      version,
      keyId: keyIdText(keyId),
      publicKey: publicKey.slice(),
      createdMs: Number(createdMs),
    })),
  };
}

/** A time; `undefined` for 0, which stands for none. */
export function timeOf(ms: bigint): number | undefined {
  return ms === 0n ? undefined : Number(ms);
}
