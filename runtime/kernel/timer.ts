import { assert } from "../core/assert.ts";
import type { Clock, Turns } from "../core/ports.ts";

/** Deadlines that one kernel keeps at most. */
export const DEADLINES_MAX = 65_536;

/** A deadline that was set. */
export interface Deadline {
  readonly atNs: number;
  /** Breaks ties: deadlines of one time fire in the order in which they were set. */
  readonly order: number;
  /** Position in the heap; -1 once it fired or was cancelled. */
  index: number;
  readonly fire: () => void;
}

/**
 * Deadlines in a binary heap over one host timer, so that setting and cancelling costs no host call
 * unless the earliest deadline comes nearer.
 */
export class TimerQueue {
  readonly #clock: Clock;
  readonly #turns: Turns;
  readonly #heap: Deadline[] = [];
  #lastOrder = 0;
  #armedNs = Number.POSITIVE_INFINITY;
  #disarm: (() => void) | undefined;
  #closed = false;

  constructor(clock: Clock, turns: Turns) {
    this.#clock = clock;
    this.#turns = turns;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** `undefined` when {@linkcode DEADLINES_MAX} are set already. None fires once it is cleared. */
  set(atNs: number, fire: () => void): Deadline | undefined {
    // What compares with nothing would stand in the heap for ever, before those that are due.
    assert(typeof atNs === "number" && !Number.isNaN(atNs), "a deadline is a time");
    if (this.#closed) return { atNs, order: 0, index: -1, fire };
    if (this.#heap.length === DEADLINES_MAX) return undefined;
    const order = ++this.#lastOrder;
    const deadline: Deadline = { atNs, order, index: this.#heap.length, fire };
    this.#heap.push(deadline);
    this.#rise(deadline.index);
    if (atNs < this.#armedNs) this.#arm(atNs);
    return deadline;
  }

  /** Safe to call for a deadline that has fired. The host timer stays until it fires idly. */
  cancel(deadline: Deadline): void {
    const { index } = deadline;
    if (index < 0) return;
    deadline.index = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === deadline) return this.#disarmIfEmpty();
    this.#put(last, index);
    this.#rise(index);
    this.#sink(last.index);
  }

  /** Cancels everything, and what is set from now on: the node stops. */
  clear(): void {
    this.#closed = true;
    for (const deadline of this.#heap) deadline.index = -1;
    this.#heap.length = 0;
    this.#disarmIfEmpty();
  }

  #disarmIfEmpty(): void {
    if (this.#heap.length > 0) return;
    this.#disarm?.();
    this.#disarm = undefined;
    this.#armedNs = Number.POSITIVE_INFINITY;
  }

  #arm(atNs: number): void {
    this.#disarm?.();
    this.#armedNs = atNs;
    this.#disarm = this.#turns.at(atNs, () => this.#expire());
  }

  #expire(): void {
    this.#disarm = undefined;
    this.#armedNs = Number.POSITIVE_INFINITY;
    const now = this.#clock.nowNs();
    for (let first = this.#heap[0]; first !== undefined && first.atNs <= now;) {
      this.cancel(first);
      first.fire();
      first = this.#heap[0];
    }
    const next = this.#heap[0];
    if (next !== undefined && next.atNs < this.#armedNs) this.#arm(next.atNs);
  }

  #put(deadline: Deadline, index: number): void {
    this.#heap[index] = deadline;
    deadline.index = index;
  }

  #rise(from: number): void {
    let index = from;
    for (let deadline = this.#heap[index]; deadline !== undefined && index > 0;) {
      const above = (index - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || !before(deadline, parent)) return;
      this.#put(parent, index);
      this.#put(deadline, above);
      index = above;
      deadline = this.#heap[index];
    }
  }

  #sink(from: number): void {
    let index = from;
    for (let deadline = this.#heap[index]; deadline !== undefined;) {
      const least = this.#lesserChild(index);
      if (least === undefined || !before(least, deadline)) return;
      const below = least.index;
      this.#put(least, index);
      this.#put(deadline, below);
      index = below;
      deadline = this.#heap[index];
    }
  }

  #lesserChild(index: number): Deadline | undefined {
    const left = this.#heap[2 * index + 1];
    const right = this.#heap[2 * index + 2];
    if (left === undefined || right === undefined) return left;
    return before(right, left) ? right : left;
  }
}

function before(left: Deadline, right: Deadline): boolean {
  return left.atNs < right.atNs || (left.atNs === right.atNs && left.order < right.order);
}
