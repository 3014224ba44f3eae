import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import { toHex } from "@runtime/core/hex.ts";
import { Secret } from "@runtime/core/secret.ts";
import { ED25519_SEED_LENGTH } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import { XCHACHA_NONCE_LENGTH } from "@runtime/crypto/xchacha_poly.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { rngd } from "../rngd/protocol.ts";
import type { statefsd } from "../statefsd/protocol.ts";
import { DeviceKey } from "./device_key.ts";
import { DEVICE_PUBLIC_PATH } from "./protocol.ts";
import { unwrapSeed, type Wrapping, wrapSeed } from "./wrapped_seed.ts";

/** Where the device key's seed is kept, wrapped. Source: Open Nexus OS, keystored, `/state`. */
export const DEVICE_KEY_PATH = "/state/keystore/device.signing";

/** What a slot is filled from. */
export interface KeySlotPorts {
  readonly entropy: Pick<Client<typeof rngd>, "getEntropy">;
  readonly state: Pick<Client<typeof statefsd>, "get" | "put">;
  /** 32 bytes that keystored alone was handed: what is kept is wrapped under it. */
  readonly kek: Secret;
  /** The device that was here before, as its id; a new one is drawn only where none was. */
  readonly deviceId?: string | undefined;
}

/** How the key came into its slot. */
export type KeyOrigin = "kept" | "drawn";

/**
 * The place of the device key. It is the one that is kept or, where none was ever kept, drawn from
 * rngd and kept before it is used; never made up, and never replaced: not by a key that cannot be
 * read.
 */
export class KeySlot {
  readonly #ports: KeySlotPorts;
  #key: DeviceKey | undefined;
  #origin: KeyOrigin | undefined;
  #fault: string | undefined;
  /** The filling that is under way: two callers get one key. */
  #filling: Promise<DeviceKey | undefined> | undefined;

  constructor(ports: KeySlotPorts) {
    this.#ports = ports;
  }

  /** How the key came; `undefined` where there is none yet. */
  get origin(): KeyOrigin | undefined {
    return this.#origin;
  }

  /** Why there is no key, in small letters and underscores; `undefined` while rngd may still give one. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The key; where there is none yet, everything is tried again. */
  async key(): Promise<DeviceKey | undefined> {
    if (this.#key !== undefined) return this.#key;
    this.#filling ??= this.#fill().finally(() => this.#filling = undefined);
    return await this.#filling;
  }

  async #fill(): Promise<DeviceKey | undefined> {
    const kept = await this.#ports.state.get({ key: DEVICE_KEY_PATH });
    if (kept.status === "not_found") {
      return this.#ports.deviceId === undefined
        ? await this.#draw()
        : this.#refuse("device_key_lost");
    }
    if (kept.status !== "ok") return this.#refuse(`device_key_unreadable_${kept.status}`);
    const seed = unwrapSeed(kept.value, this.#wrapping);
    if (seed === undefined) return this.#refuse("device_key_foreign");
    const key = this.#hold(seed, "kept");
    const { deviceId = deviceIdOf(key) } = this.#ports;
    if (deviceIdOf(key) === deviceId) return await this.#publish(key);
    this.#drop(key);
    return this.#refuse("device_key_other");
  }

  #drop(key: DeviceKey): void {
    key.wipe();
    this.#key = undefined;
    this.#origin = undefined;
  }

  async #draw(): Promise<DeviceKey | undefined> {
    const length = ED25519_SEED_LENGTH + XCHACHA_NONCE_LENGTH;
    const reply = await this.#ports.entropy.getEntropy({ length });
    if (reply.status !== "ok" || reply.entropy.length !== length) return undefined;
    const seed = new Secret(reply.entropy.slice(0, ED25519_SEED_LENGTH));
    const nonce = reply.entropy.slice(ED25519_SEED_LENGTH);
    reply.entropy.fill(0);
    const value = seed.use((bytes) => wrapSeed(bytes, this.#wrapping, nonce));
    const { status } = await this.#ports.state.put({ key: DEVICE_KEY_PATH, value });
    if (status === "ok") return await this.#publish(this.#hold(seed, "drawn"));
    seed.wipe();
    return this.#refuse(`device_key_not_kept_${status}`);
  }

  /** Nothing of the node hangs on it: what is missing is written at the next start. */
  async #publish(key: DeviceKey): Promise<DeviceKey> {
    const { state } = this.#ports;
    const value = concatBytes(key.verifyingKey, key.staticPublic);
    const kept = await state.get({ key: DEVICE_PUBLIC_PATH });
    if (kept.status === "ok" && equalBytes(kept.value, value)) return key;
    await state.put({ key: DEVICE_PUBLIC_PATH, value });
    return key;
  }

  get #wrapping(): Wrapping {
    return { key: this.#ports.kek, path: DEVICE_KEY_PATH };
  }

  #refuse(fault: string): undefined {
    this.#fault = fault;
  }

  #hold(seed: Secret, origin: KeyOrigin): DeviceKey {
    this.#key = new DeviceKey(seed);
    this.#origin = origin;
    this.#fault = undefined;
    return this.#key;
  }
}

function deviceIdOf({ verifyingKey }: DeviceKey): string {
  return toHex(sha256(verifyingKey));
}
