/**
 * Who may hold a connection: caps in total and per address, applied before any work is done.
 *
 * @module
 */

/**
 * Connections at a time, handshaking and authenticated together. Each may have a read and a write
 * under way at netstackd: with those of the dials they stay below what one caller may have there.
 */
export const CONNECTIONS_MAX = 256;
/** Connections of one address unless the node says otherwise: all local peers share one. */
export const CONNECTIONS_PER_ADDRESS = 64;

/** A connection as the caps see it. */
export interface Admitted {
  readonly address: number;
  /** The handshake is done: this connection is never given up for a newcomer. */
  authenticated: boolean;
  /** Closes it: it was given up for a newcomer. */
  readonly evict: () => void;
}

/** What became of a newcomer. */
export type Admission =
  | { readonly status: "admitted"; readonly entry: Admitted }
  | { readonly status: "limit_address" | "limit_total" };

/**
 * The table of connections. At a cap the oldest connection without a finished handshake is closed;
 * when all are authenticated the newcomer is refused before any crypto.
 */
export class AdmissionTable {
  readonly #perAddressMax: number;
  readonly #max: number;
  /** In order of arrival. */
  readonly #entries = new Set<Admitted>();
  readonly #perAddress = new Map<number, number>();

  constructor(perAddressMax = CONNECTIONS_PER_ADDRESS, max = CONNECTIONS_MAX) {
    this.#perAddressMax = perAddressMax;
    this.#max = max;
  }

  get size(): number {
    return this.#entries.size;
  }

  admit(address: number, evict: () => void): Admission {
    if ((this.#perAddress.get(address) ?? 0) >= this.#perAddressMax) {
      if (!this.#giveUp((entry) => entry.address === address)) return { status: "limit_address" };
    }
    if (this.#entries.size >= this.#max && !this.#giveUp(() => true)) {
      return { status: "limit_total" };
    }
    const entry: Admitted = { address, authenticated: false, evict };
    this.#entries.add(entry);
    this.#perAddress.set(address, (this.#perAddress.get(address) ?? 0) + 1);
    return { status: "admitted", entry };
  }

  /** The connection is over. Safe to call twice. */
  release(entry: Admitted): void {
    if (!this.#entries.delete(entry)) return;
    const left = (this.#perAddress.get(entry.address) ?? 1) - 1;
    if (left > 0) this.#perAddress.set(entry.address, left);
    else this.#perAddress.delete(entry.address);
  }

  #giveUp(among: (entry: Admitted) => boolean): boolean {
    for (const entry of this.#entries) {
      if (entry.authenticated || !among(entry)) continue;
      this.release(entry);
      entry.evict();
      return true;
    }
    return false;
  }
}
