/** Entries that the registry holds. */
export const ENTRIES_MAX = 256;
/** Entries that one principal may hold; the boot is one of them. */
export const ENTRIES_PER_OWNER_MAX = 64;

/** Where a service is reached, as numbers that mean something to its registrar. */
export interface Place {
  readonly send: number;
  readonly receive: number;
}

interface Entry {
  readonly owner: bigint;
  place: Place;
}

/**
 * Names by who registered them.
 *
 * A caller finds its own names, then the boot's: nobody can put a name in front of another caller.
 */
export class Registry {
  readonly #entries = new Map<string, Entry>();
  readonly #heldBy = new Map<bigint, number>();
  /** How many owners registered a name. */
  readonly #named = new Map<string, number>();
  readonly #boot: bigint;

  /** @param boot Principal whose entries everyone finds. */
  constructor(boot: bigint) {
    this.#boot = boot;
  }

  /** Registers or moves a name of the owner's; `false` when there is no room. */
  register(owner: bigint, name: string, place: Place): boolean {
    const key = keyOf(owner, name);
    const entry = this.#entries.get(key);
    if (entry !== undefined) {
      entry.place = place;
      return true;
    }
    const held = this.#heldBy.get(owner) ?? 0;
    if (this.#entries.size === ENTRIES_MAX || held === ENTRIES_PER_OWNER_MAX) return false;
    this.#entries.set(key, { owner, place });
    this.#heldBy.set(owner, held + 1);
    this.#named.set(name, (this.#named.get(name) ?? 0) + 1);
    return true;
  }

  /** The owner has ended: what it registered leads nowhere. */
  drop(owner: bigint): void {
    const prefix = keyOf(owner, "");
    for (const key of this.#entries.keys()) {
      if (!key.startsWith(prefix)) continue;
      this.#entries.delete(key);
      const name = key.slice(prefix.length);
      const others = (this.#named.get(name) ?? 1) - 1;
      if (others === 0) this.#named.delete(name);
      else this.#named.set(name, others);
    }
    this.#heldBy.delete(owner);
  }

  /** Finds a name for a caller. */
  lookup(caller: bigint, name: string): Place | undefined {
    return (this.#entries.get(keyOf(caller, name)) ?? this.#entries.get(keyOf(this.#boot, name)))
      ?.place;
  }

  /** Whether anybody registered the name. */
  known(name: string): boolean {
    return this.#named.has(name);
  }

  /** Whether the owner registered a service that is reached at `send`. */
  reaches(owner: bigint, send: number): boolean {
    for (const entry of this.#entries.values()) {
      if (entry.owner === owner && entry.place.send === send) return true;
    }
    return false;
  }
}

function keyOf(owner: bigint, name: string): string {
  return `${owner.toString(16)}/${name}`;
}
