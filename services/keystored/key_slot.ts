import { Secret } from "@runtime/core/secret.ts";
import { ED25519_SEED_LENGTH } from "@runtime/crypto/ed25519.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { rngd } from "../rngd/protocol.ts";
import { DeviceKey } from "./device_key.ts";

/**
 * The place of the device key. It is drawn from rngd or not there: never made up, never replaced.
 */
export class KeySlot {
  readonly #entropy: Client<typeof rngd>;
  #key: DeviceKey | undefined;
  /** The draw that is under way: two callers make one key. */
  #drawing: Promise<DeviceKey | undefined> | undefined;

  constructor(entropy: Client<typeof rngd>) {
    this.#entropy = entropy;
  }

  get filled(): boolean {
    return this.#key !== undefined;
  }

  /** The key; where there is none yet, rngd is asked again. `undefined` when it has no entropy. */
  async key(): Promise<DeviceKey | undefined> {
    if (this.#key !== undefined) return this.#key;
    this.#drawing ??= this.#draw();
    const drawn = await this.#drawing;
    this.#drawing = undefined;
    return drawn;
  }

  async #draw(): Promise<DeviceKey | undefined> {
    const reply = await this.#entropy.getEntropy({ length: ED25519_SEED_LENGTH });
    if (reply.status !== "ok" || reply.entropy.length !== ED25519_SEED_LENGTH) return undefined;
    const seed = new Secret(reply.entropy.slice());
    reply.entropy.fill(0);
    this.#key = new DeviceKey(seed);
    return this.#key;
  }
}
