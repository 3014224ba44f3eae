import type { RamRegion } from "../bus/memory.ts";
import type { Chain } from "./chain.ts";

/**
 * Views of guest memory, kept from request to request: drivers use a buffer again under the same
 * descriptor, and making a view costs more than handing one on. One entry a descriptor head.
 */
export class ViewCache {
  readonly #views: (Uint8Array | undefined)[];
  readonly #regions: (RamRegion | undefined)[];
  readonly #starts: Uint32Array;

  constructor(size: number) {
    this.#views = Array.from({ length: size }, () => undefined);
    this.#regions = Array.from({ length: size }, () => undefined);
    this.#starts = new Uint32Array(size);
  }

  /** Forgets every view. */
  clear(): void {
    this.#views.fill(undefined);
    this.#regions.fill(undefined);
  }

  /** Bytes of one part of a chain from `skip` on. */
  view(chain: Chain, at: { readonly part: number; readonly skip: number }): Uint8Array {
    const { head } = chain;
    const region = chain.regionOf(at.part);
    const start = chain.offsetOf(at.part) + at.skip;
    const length = chain.lengthOf(at.part) - at.skip;
    const cached = this.#views[head];
    const same = this.#regions[head] === region && this.#starts[head] === start;
    if (cached !== undefined && same && cached.length === length) return cached;
    const fresh = chain.view(at.part, at.skip);
    this.#views[head] = fresh;
    this.#regions[head] = region;
    this.#starts[head] = start;
    return fresh;
  }
}
