/**
 * What a node left in its state directory, for whoever asks about one that does not run, or sets what
 * its owners may take.
 *
 * @module
 */

import { toHex } from "@runtime/core/hex.ts";
import type { Secret } from "@runtime/core/secret.ts";
import type { StatePorts } from "@runtime/core/state_ports.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { DEVICE_PUBLIC_PATH } from "../../keystored/protocol.ts";
import { defaultLimits } from "../default_limits.ts";
import { journalOver } from "../host_journal.ts";
import { segmentPiece, storedCheckpoint } from "../log_reading.ts";
import { logValuesOf } from "../log_values.ts";
import { openStore } from "../open_store.ts";
import { LOG_CHUNK_LENGTH_MAX } from "../protocol.ts";
import { NO_QUOTAS } from "../quota.ts";
import type { Store } from "../store.ts";
import { FAULTS, openState, randomOver } from "./open_state.ts";
import { StateFailure } from "./state_failure.ts";
import { noteWitness } from "./state_witness.ts";
import { type StoredQuotas, storedQuotas } from "./stored_quotas.ts";

const KEY_LENGTH = 32;

/** Who a node is. */
export interface StoredIdentity {
  /** SHA-256 of the verifying key, 64 hex digits. */
  readonly deviceId: string;
  readonly verifyingKey: Uint8Array;
  readonly noiseStatic: Uint8Array;
}

/** A node that does not run. Its log answers as one that runs does. */
export interface StoredNode extends StoredQuotas {
  /** `undefined` where no node ever booted. */
  readonly identity: StoredIdentity | undefined;
  logSegment(ask: {
    readonly ring: number;
    readonly from: bigint;
    readonly offset: number;
  }): Promise<
    | {
      readonly status: "ok";
      readonly first: bigint;
      readonly length: number;
      readonly chunk: Uint8Array;
    }
    | { readonly status: "not_found" }
  >;
  logCheckpoint(ask: { readonly ring: number }): Promise<
    { readonly status: "ok"; readonly checkpoint: Uint8Array } | { readonly status: "not_found" }
  >;
}

/**
 * Opens a state directory on which no node runs, and does `work` with what is in it. Opening does to
 * the image what a boot would: it ends what a cut left open.
 *
 * @throws {StateFailure}
 */
export async function withStoredNode<T>(
  ports: StatePorts,
  path: string,
  { passphrase, unixMs, work }: {
    readonly passphrase: Secret | undefined;
    /** Milliseconds since the Unix epoch, for what is written. */
    readonly unixMs: () => number;
    readonly work: (node: StoredNode) => Promise<T>;
  },
): Promise<T> {
  const state = await openState(ports, path, { passphrase });
  try {
    const { recordKey, imageId, witness: { sequence: sequenceMin } } = state;
    const random = randomOver(ports.entropy);
    const disk = journalOver(state.disk);
    const quotas = { ...NO_QUOTAS, ...defaultLimits(disk.blockCount) };
    const opened = await openStore({ disk, random, recordKey, imageId, sequenceMin, quotas });
    if (opened.status !== "ok") throw new StateFailure(FAULTS[opened.status], path);
    const { store } = opened;
    const before = store.stats.sequence;
    try {
      return await work(nodeIn(store, unixMs));
    } finally {
      // What was written here must not be put back either.
      const { sequence } = store.stats;
      store.wipe();
      if (sequence > before) noteWitness(state.folder, { ...state.witness, sequence });
    }
  } finally {
    await state.close();
  }
}

function nodeIn(store: Store, unixMs: () => number): StoredNode {
  const values = logValuesOf(store, { unixMs });
  return {
    ...storedQuotas(store, unixMs),
    identity: identityIn(store),
    logSegment(ask) {
      const piece = segmentPiece(values, { ...ask, lengthMax: LOG_CHUNK_LENGTH_MAX });
      return Promise.resolve(
        piece === undefined ? { status: "not_found" } : { status: "ok", ...piece },
      );
    },
    logCheckpoint({ ring }) {
      const checkpoint = storedCheckpoint(values, ring);
      return Promise.resolve(
        checkpoint === undefined ? { status: "not_found" } : { status: "ok", checkpoint },
      );
    },
  };
}

function identityIn(store: Store): StoredIdentity | undefined {
  const kept = store.get(DEVICE_PUBLIC_PATH);
  if (kept.status !== "ok" || kept.payload.length !== 2 * KEY_LENGTH) return undefined;
  const verifyingKey = kept.payload.slice(0, KEY_LENGTH);
  const deviceId = toHex(sha256(verifyingKey));
  return { deviceId, verifyingKey, noiseStatic: kept.payload.slice(KEY_LENGTH) };
}
