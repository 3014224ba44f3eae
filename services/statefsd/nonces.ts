import type { Client } from "@runtime/idl/client.ts";
import { ENTROPY_LENGTH_MAX, type rngd } from "../rngd/protocol.ts";
import type { RandomSource } from "./random_source.ts";

/** Bytes that rngd gave and nobody got yet. Each is given out once. */
export class Nonces implements RandomSource {
  readonly #entropy: Pick<Client<typeof rngd>, "getEntropy">;
  #left = new Uint8Array(0);

  constructor(entropy: Pick<Client<typeof rngd>, "getEntropy">) {
    this.#entropy = entropy;
  }

  /** One draw at a time: the store's writes are in a queue. */
  async draw(length: number): Promise<Uint8Array | undefined> {
    const drawn = new Uint8Array(length);
    for (let filled = 0; filled < length;) {
      if (this.#left.length === 0 && !await this.#refill()) return undefined;
      const part = this.#left.subarray(0, length - filled);
      drawn.set(part, filled);
      this.#left = this.#left.subarray(part.length);
      filled += part.length;
    }
    return drawn;
  }

  async #refill(): Promise<boolean> {
    const reply = await this.#entropy.getEntropy({ length: ENTROPY_LENGTH_MAX });
    if (reply.status !== "ok" || reply.entropy.length !== ENTROPY_LENGTH_MAX) return false;
    this.#left = reply.entropy.slice();
    return true;
  }
}
