import { CAPABILITY_SLOTS, type Slot } from "../core/syscalls.ts";
import type { Capability } from "./capability.ts";

/** Marks the slot of a capability that is on its way with a message. */
const LENT = Symbol("lent");

/** A task's capabilities by slot. Free slots are handed out from the bottom. */
export class CapTable {
  readonly #slots: (Capability | typeof LENT | undefined)[] = new Array(CAPABILITY_SLOTS).fill(
    undefined,
  );
  #used = 0;

  /** Slots in use, those that are kept for a capability on its way among them. */
  get used(): number {
    return this.#used;
  }

  get full(): boolean {
    return this.#used === CAPABILITY_SLOTS;
  }

  get(slot: Slot): Capability | undefined {
    // A daemon may hand over anything: `"length"` names something of the array's too.
    if (!(Number.isInteger(slot) && slot >= 0 && slot < CAPABILITY_SLOTS)) return undefined;
    const capability = this.#slots[slot];
    return capability === LENT ? undefined : capability;
  }

  /** Puts a capability into the lowest free slot; `undefined` when the table is full. */
  allocate(capability: Capability): Slot | undefined {
    if (this.full) return undefined;
    const slot = this.#slots.indexOf(undefined);
    this.#slots[slot] = capability;
    this.#used += 1;
    return slot;
  }

  /** Takes the capability out and keeps its slot for its return. */
  lend(slot: Slot): Capability | undefined {
    const capability = this.get(slot);
    if (capability !== undefined) this.#slots[slot] = LENT;
    return capability;
  }

  /** Puts a lent capability back into its slot. Returns whether the slot was still kept for it. */
  giveBack(slot: Slot, capability: Capability): boolean {
    if (this.#slots[slot] !== LENT) return false;
    this.#slots[slot] = capability;
    return true;
  }

  /** Frees the slot of a lent capability that does not come back. */
  release(slot: Slot): void {
    if (this.#slots[slot] !== LENT) return;
    this.#slots[slot] = undefined;
    this.#used -= 1;
  }

  /** Empties a slot and returns what was in it. */
  take(slot: Slot): Capability | undefined {
    const capability = this.get(slot);
    if (capability === undefined) return undefined;
    this.#slots[slot] = undefined;
    this.#used -= 1;
    return capability;
  }

  /** Everything that is in it, but for what is on its way. */
  held(): Capability[] {
    return this.#slots.filter((slot) => slot !== undefined && slot !== LENT);
  }

  /** Empties the table and returns everything that was in it. */
  drain(): Capability[] {
    const held = this.held();
    this.#slots.fill(undefined);
    this.#used = 0;
    return held;
  }
}
