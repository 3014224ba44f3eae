import type { Client } from "@runtime/idl/client.ts";
import { ENTROPY_LENGTH_MAX, type rngd } from "../protocol.ts";

/**
 * Bytes that rngd gave and nobody got yet, drawn in the largest pieces that it gives. Each is given out
 * once, and wiped here when it was.
 */
export class EntropyPool {
  readonly #entropy: Pick<Client<typeof rngd>, "getEntropy">;
  #left = new Uint8Array(0);
  #filling: Promise<boolean> | undefined;

  constructor(entropy: Pick<Client<typeof rngd>, "getEntropy">) {
    this.#entropy = entropy;
  }

  /** `length` bytes of the caller's own; `undefined` when rngd gives none. */
  async draw(length: number): Promise<Uint8Array | undefined> {
    const drawn = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#left.length === 0) {
        // Callers that come while it is being filled share that.
        this.#filling ??= this.#refill().finally(() => this.#filling = undefined);
        if (!await this.#filling) return undefined;
      }
      const part = this.#left.subarray(0, length - filled);
      drawn.set(part, filled);
      part.fill(0);
      this.#left = this.#left.subarray(part.length);
      filled += part.length;
    }
    return drawn;
  }

  async #refill(): Promise<boolean> {
    const reply = await this.#entropy.getEntropy({ length: ENTROPY_LENGTH_MAX });
    if (reply.status !== "ok" || reply.entropy.length !== ENTROPY_LENGTH_MAX) return false;
    this.#left = reply.entropy.slice();
    // The frame is this task's, and nobody reads it again.
    reply.entropy.fill(0);
    return true;
  }
}
