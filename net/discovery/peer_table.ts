import { equalBytes } from "@runtime/core/bytes.ts";
import { toHex } from "@runtime/core/hex.ts";
import { deviceIdOf } from "../noise/proof.ts";
import type { DecodedAnnounce } from "./announce.ts";

/** Keys whose sequence is remembered; the one heard of longest ago leaves first. */
export const HEARD_KEYS_MAX = 1024;

/** What an announce is worth. Nothing of it grants trust: only a session's proof does. */
export type AnnounceVerdict =
  /** Signed, fresh and newer than any before. */
  | "valid"
  /** Without an envelope, as a v1 peer's: a hint where to dial. */
  | "hint"
  /** Our own device and our own boot: a dial to ourselves. */
  | "self"
  /** Our own device id in another boot: somebody runs a copy of this device. */
  | "clone"
  | "key_mismatch"
  | "bad_signature"
  | "expired"
  | "replayed";

/** Who we are, for telling ourselves and clones of us from others. */
export interface OwnIdentity {
  readonly deviceId: string;
  readonly bootId: Uint8Array;
}

/** Highest sequence heard of each key and epoch, against replayed announces. */
export class HeardAnnounces {
  readonly #heard = new Map<string, bigint>();

  /**
   * Judges an announce.
   *
   * @param verify Checks the envelope's signature over `signed` (purpose `announce`).
   */
  judge(
    decoded: DecodedAnnounce,
    context: {
      readonly own: OwnIdentity;
      readonly nowUnixMs: number;
      readonly verify: (key: Uint8Array, signed: Uint8Array, signature: Uint8Array) => boolean;
    },
  ): AnnounceVerdict {
    const { envelope, announce, signed } = decoded;
    if (envelope === undefined) return announce.deviceId === context.own.deviceId ? "self" : "hint";
    if (deviceIdOf(envelope.key) !== announce.deviceId) return "key_mismatch";
    if (!context.verify(envelope.key, signed, envelope.signature)) return "bad_signature";
    if (announce.deviceId === context.own.deviceId) {
      return equalBytes(envelope.bootId, context.own.bootId) ? "self" : "clone";
    }
    if (envelope.notAfterMs <= BigInt(context.nowUnixMs)) return "expired";
    const key = `${toHex(envelope.key)}:${envelope.epoch}`;
    return this.#fresh(key, envelope.sequence) ? "valid" : "replayed";
  }

  #fresh(key: string, sequence: bigint): boolean {
    const last = this.#heard.get(key);
    if (last !== undefined && sequence <= last) return false;
    this.#heard.delete(key);
    this.#heard.set(key, sequence);
    const oldest = this.#heard.keys().next();
    if (this.#heard.size > HEARD_KEYS_MAX && oldest.done !== true) this.#heard.delete(oldest.value);
    return true;
  }
}
