import { CAPABILITY_SLOTS, type Slot } from "../core/syscalls.ts";
import type { Capability } from "./capability.ts";

/** A task's capabilities by slot. Free slots are handed out from the bottom. */
export class CapTable {
  readonly #slots: (Capability | undefined)[] = new Array(CAPABILITY_SLOTS).fill(undefined);
  #used = 0;

  /** Slots in use. */
  get used(): number {
    return this.#used;
  }

  get full(): boolean {
    return this.#used === CAPABILITY_SLOTS;
  }

  get(slot: Slot): Capability | undefined {
    return this.#slots[slot];
  }

  /** Puts a capability into the lowest free slot; `undefined` when the table is full. */
  allocate(capability: Capability): Slot | undefined {
    if (this.full) return undefined;
    const slot = this.#slots.indexOf(undefined);
    this.#slots[slot] = capability;
    this.#used += 1;
    return slot;
  }

  /** Puts a capability into one slot if that is free and exists. Returns whether it did. */
  setIfEmpty(slot: Slot, capability: Capability): boolean {
    if (!inTable(slot) || this.#slots[slot] !== undefined) return false;
    this.#slots[slot] = capability;
    this.#used += 1;
    return true;
  }

  /** Empties a slot and returns what was in it. */
  take(slot: Slot): Capability | undefined {
    const capability = this.#slots[slot];
    if (capability === undefined) return undefined;
    this.#slots[slot] = undefined;
    this.#used -= 1;
    return capability;
  }

  /** Empties the table and returns everything that was in it. */
  drain(): Capability[] {
    const held = this.#slots.filter((capability) => capability !== undefined);
    this.#slots.fill(undefined);
    this.#used = 0;
    return held;
  }
}

function inTable(slot: Slot): boolean {
  return Number.isInteger(slot) && slot >= 0 && slot < CAPABILITY_SLOTS;
}
