import { WireError } from "@runtime/core/error.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "./envelope.ts";
import { decodeImageId } from "./image_id.ts";
import { STORED_LENGTH_MAX } from "./limits.ts";
import { IMAGE_ID_PATH, storedInClear } from "./path.ts";
import {
  imageKey,
  type LegacyKey,
  openLegacyValue,
  openValueInto,
  sealOf,
  sealValue,
} from "./sealed.ts";

/** Plaintext that is only looked at: a replay opens every value of a journal. Zeros in between. */
const SCRATCH = new Uint8Array(STORED_LENGTH_MAX);

const LEGACY_FOLDER = "/state/app/";

/** A value as it was before it was stored; `undefined` when it is not what its path asks for. */
export type OpenedValue = Envelope | undefined;

/** Turns values into what is stored under their paths, and back. */
export class Vault {
  readonly #key: Secret;
  readonly #legacy: LegacyKey | undefined;

  /** @param legacy Opens upstream's sealed values; without it they are refused. */
  constructor(recordKey: Secret, imageId: Uint8Array, legacy?: LegacyKey) {
    this.#key = imageKey(recordKey, imageId);
    this.#legacy = legacy;
  }

  /** @param nonce 24 bytes drawn for this value; unused for a path that is stored in the clear. */
  store(path: string, envelope: Envelope, nonce: Uint8Array): Uint8Array {
    const plain = encodeEnvelope(envelope);
    return storedInClear(path) ? plain : sealValue(plain, { key: this.#key, path, nonce });
  }

  /** A value in the clear where a sealed one belongs is refused: nobody may take a seal away. */
  open(path: string, stored: Uint8Array): OpenedValue {
    return valueOrNone(() => this.#opened(path, stored, new Uint8Array(stored.length)));
  }

  /**
   * Opens a value as {@linkcode open} does, only to look at it: its payload is gone afterwards.
   *
   * @param look Must keep nothing of the payload.
   */
  inspect<T>(path: string, stored: Uint8Array, look: (envelope: Envelope) => T): T | undefined {
    const plain = SCRATCH.subarray(0, stored.length);
    try {
      const envelope = valueOrNone(() => this.#opened(path, stored, plain));
      return envelope === undefined ? undefined : look(envelope);
    } finally {
      plain.fill(0);
    }
  }

  wipe(): void {
    this.#key.wipe();
  }

  /** @param into Where a sealed value's plaintext goes; as long as `stored`. */
  #opened(path: string, stored: Uint8Array, into: Uint8Array): OpenedValue {
    if (path === IMAGE_ID_PATH) return bare(decodeImageId(stored).imageId);
    if (storedInClear(path)) return decodeEnvelope(stored);
    if (sealOf(stored) === "nxr1") return this.#openedLegacy(path, stored);
    const length = openValueInto(stored, { key: this.#key, path }, into);
    return length === undefined ? undefined : decodeEnvelope(into.subarray(0, length));
  }

  #openedLegacy(path: string, stored: Uint8Array): OpenedValue {
    if (this.#legacy === undefined || !path.startsWith(LEGACY_FOLDER)) return undefined;
    const plain = openLegacyValue(stored, { ...this.#legacy, path });
    return plain === undefined ? undefined : bare(plain);
  }
}

/** What does not parse is no value. */
function valueOrNone(work: () => OpenedValue): OpenedValue {
  try {
    return work();
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}

/** A value without an envelope: before every sequence. */
function bare(payload: Uint8Array): Envelope {
  return { sequence: 0n, timestamp: 0n, subject: "", purpose: "", payload };
}
