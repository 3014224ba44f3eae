import type { Endpoint } from "./interface.ts";

/** What a table holds: it stands for a pair of ends. */
export interface Joined<T> {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  /** The next entry with the same hash. Written by the table alone. */
  hashNext: T | undefined;
}

/** Chains at first; doubled whenever there are as many entries. A power of two. */
const CHAIN_COUNT_MIN = 64;

/**
 * Connections, or what asks for one, by both ends.
 *
 * Keyed by a seeded hash of the four numbers, so that a look-up allocates nothing and nobody can
 * choose ends that meet in one chain.
 */
export class ConnectionTable<T extends Joined<T>> {
  readonly #seed: number;
  #chains: (T | undefined)[] = emptyChains(CHAIN_COUNT_MIN);
  #count = 0;
  /** The connection found last: segments come in trains. */
  #latest: T | undefined;

  constructor(seed: number) {
    this.#seed = seed;
  }

  get count(): number {
    return this.#count;
  }

  find(local: Endpoint, remote: Endpoint): T | undefined {
    const latest = this.#latest;
    if (latest !== undefined && joins(latest, local, remote)) return latest;
    let held = this.#chains[this.#place(local, remote)];
    while (held !== undefined && !joins(held, local, remote)) held = held.hashNext;
    if (held !== undefined) this.#latest = held;
    return held;
  }

  add(held: T): void {
    if (this.#count === this.#chains.length) this.#grow();
    this.#link(held);
    this.#count++;
  }

  remove(held: T): void {
    if (this.#latest === held) this.#latest = undefined;
    const place = this.#place(held.local, held.remote);
    let before: T | undefined;
    let current = this.#chains[place];
    while (current !== undefined && current !== held) {
      before = current;
      current = current.hashNext;
    }
    if (current === undefined) return;
    if (before === undefined) this.#chains[place] = current.hashNext;
    else before.hashNext = current.hashNext;
    current.hashNext = undefined;
    this.#count--;
  }

  #link(held: T): void {
    const place = this.#place(held.local, held.remote);
    held.hashNext = this.#chains[place];
    this.#chains[place] = held;
  }

  #grow(): void {
    const chains = this.#chains;
    this.#chains = emptyChains(2 * chains.length);
    for (const first of chains) {
      for (let held = first; held !== undefined;) {
        const next = held.hashNext;
        this.#link(held);
        held = next;
      }
    }
  }

  #place(local: Endpoint, remote: Endpoint): number {
    let hash = Math.imul(this.#seed ^ remote.address, 0x9e3779b1);
    hash = Math.imul(hash ^ (hash >>> 15) ^ local.address, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13) ^ (remote.port << 16) ^ local.port, 0xc2b2ae35);
    return (hash ^ (hash >>> 16)) & (this.#chains.length - 1);
  }
}

function emptyChains<T>(count: number): (T | undefined)[] {
  return Array.from({ length: count }, () => undefined);
}

function joins(held: Joined<unknown>, local: Endpoint, remote: Endpoint): boolean {
  return held.remote.port === remote.port && held.local.port === local.port &&
    held.remote.address === remote.address && held.local.address === local.address;
}
