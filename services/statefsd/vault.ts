import { WireError } from "@runtime/core/error.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { decodeEnvelope, encodeEnvelope, type Envelope } from "./envelope.ts";
import { decodeImageId } from "./image_id.ts";
import { IMAGE_ID_PATH, storedInClear } from "./path.ts";
import {
  imageKey,
  type LegacyKey,
  openLegacyValue,
  openValue,
  sealOf,
  sealValue,
} from "./sealed.ts";

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
    try {
      return this.#opened(path, stored);
    } catch (error) {
      if (error instanceof WireError) return undefined;
      throw error;
    }
  }

  wipe(): void {
    this.#key.wipe();
  }

  #opened(path: string, stored: Uint8Array): OpenedValue {
    if (path === IMAGE_ID_PATH) return bare(decodeImageId(stored).imageId);
    if (storedInClear(path)) return decodeEnvelope(stored);
    if (sealOf(stored) === "nxr1") return this.#openedLegacy(path, stored);
    const plain = openValue(stored, { key: this.#key, path });
    return plain === undefined ? undefined : decodeEnvelope(plain);
  }

  #openedLegacy(path: string, stored: Uint8Array): OpenedValue {
    if (this.#legacy === undefined || !path.startsWith(LEGACY_FOLDER)) return undefined;
    const plain = openLegacyValue(stored, { ...this.#legacy, path });
    return plain === undefined ? undefined : bare(plain);
  }
}

/** A value without an envelope: before every sequence. */
function bare(payload: Uint8Array): Envelope {
  return { sequence: 0n, timestamp: 0n, subject: "", purpose: "", payload };
}
