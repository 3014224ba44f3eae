import { CipherState } from "./cipher_state.ts";
import { NoiseError } from "./error.ts";
import {
  NOISE_MESSAGE_LENGTH_MAX,
  NOISE_PLAINTEXT_LENGTH_MAX,
  NOISE_TAG_LENGTH,
} from "./pattern.ts";

const NOTHING = new Uint8Array(0);

/** What a transport starts from. */
export interface TransportKeys {
  /** 32 bytes each; copied, so the caller wipes its own. */
  readonly send: Uint8Array;
  readonly receive: Uint8Array;
  /** Counters of the next message each way; 0 when left out. */
  readonly sendCounter?: bigint;
  readonly receiveCounter?: bigint;
}

/**
 * An authenticated channel: sealed messages in order, both ways. No associated data, the nonce is
 * counted and never sent. Buffers are the caller's; input and output may overlap.
 *
 * Source: Noise Protocol Framework rev. 34, "Message format" and "The CipherState object".
 */
export class Transport {
  readonly #send: CipherState;
  readonly #receive: CipherState;
  #failed = false;

  constructor(keys: TransportKeys) {
    this.#send = new CipherState(keys.send, keys.sendCounter);
    this.#receive = new CipherState(keys.receive, keys.receiveCounter);
  }

  /** Messages sealed so far, counted from the first key on. */
  get sendCounter(): bigint {
    return this.#send.counter;
  }

  /** Messages opened so far, counted from the first key on. */
  get receiveCounter(): bigint {
    return this.#receive.counter;
  }

  /** Whether a message was refused, or the keys were wiped. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Seals one message to `out` at `offset`, where 16 bytes more than its length must fit.
   *
   * @param plain 0..65519 bytes.
   * @returns bytes written.
   * @throws {NoiseError} `message_too_long`, nothing happened; `nonce_exhausted`; `failed`.
   */
  seal(plain: Uint8Array, out: Uint8Array, offset = 0): number {
    if (this.#failed) throw new NoiseError("failed");
    if (plain.length > NOISE_PLAINTEXT_LENGTH_MAX) throw new NoiseError("message_too_long");
    return this.#send.seal(NOTHING, plain, out, offset);
  }

  /**
   * Opens the peer's next message to `out` at `offset`, where 16 bytes less than its length must fit.
   *
   * @returns bytes written.
   * @throws {NoiseError} `decrypt_failed` or `message_length`: lost, changed, repeated or out of
   *   order. The transport is unusable from then on, both ways. `nonce_exhausted`; `failed`.
   */
  open(sealed: Uint8Array, out: Uint8Array, offset = 0): number {
    if (this.#failed) throw new NoiseError("failed");
    if (sealed.length < NOISE_TAG_LENGTH || sealed.length > NOISE_MESSAGE_LENGTH_MAX) {
      throw this.#fail(new NoiseError("message_length"));
    }
    try {
      return this.#receive.open(NOTHING, sealed, out, offset);
    } catch (error) {
      throw this.#fail(error);
    }
  }

  /** Renews the sending key; the peer must renew its receiving key at the same message. */
  rekeySend(): void {
    this.#send.rekey();
  }

  /** Renews the receiving key; see {@linkcode Transport.rekeySend}. */
  rekeyReceive(): void {
    this.#receive.rekey();
  }

  /** Overwrites both keys. */
  wipe(): void {
    this.#failed = true;
    this.#send.wipe();
    this.#receive.wipe();
  }

  #fail(error: unknown): unknown {
    this.wipe();
    return error;
  }
}
