import { atomicAdd, atomicLoad } from "../core/atomic.ts";
import type { Timer } from "../core/syscalls.ts";

/** How long a marker waits for one that was proven before it, in milliseconds. */
export const MARKER_GAP_MS = 1_000;

/** Markers that may wait. */
export const MARKERS_WAITING_MAX = 4096;

/**
 * Markers in the order in which they were proven. Each draws a number where it is proven, from a cell
 * that all isolates share, so what one isolate proved before it answered another comes first, on
 * whatever way it comes here. A number whose isolate ended before it told is passed over after a
 * while.
 */
export class MarkerOrder {
  readonly #cell: Int32Array;
  readonly #timer: Timer;
  readonly #nowNs: () => number;
  readonly #waiting = new Map<number, () => void>();
  #next = 1;

  /** @param order One cell, 0 at first. */
  constructor(order: Int32Array, { timer, nowNs }: { timer: Timer; nowNs: () => number }) {
    this.#cell = order;
    this.#timer = timer;
    this.#nowNs = nowNs;
    this.#watch();
  }

  draw(): number {
    return atomicAdd(this.#cell, 0, 1) + 1;
  }

  /** Prints now, or when everything before has been. @returns false for a number that nobody drew. */
  put(order: number, print: () => void): boolean {
    const drawn = order >= 1 && order <= atomicLoad(this.#cell, 0);
    if (!drawn || this.#waiting.has(order)) return false;
    if (order < this.#next || this.#waiting.size >= MARKERS_WAITING_MAX) {
      print();
      return true;
    }
    this.#waiting.set(order, print);
    this.#release();
    return true;
  }

  #release(): void {
    for (let print = this.#take(); print !== undefined; print = this.#take()) print();
    const waits = this.#waiting.size > 0;
    this.#timer.set(waits ? this.#nowNs() + MARKER_GAP_MS * 1e6 : undefined);
  }

  #take(): (() => void) | undefined {
    const print = this.#waiting.get(this.#next);
    if (print === undefined) return undefined;
    this.#waiting.delete(this.#next);
    this.#next += 1;
    return print;
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#timer.wait();
      this.#next = Math.min(...this.#waiting.keys(), atomicLoad(this.#cell, 0) + 1);
      this.#release();
    }
  }
}
