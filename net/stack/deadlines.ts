/** What a {@linkcode Deadlines} queue keeps in the things it holds. */
export interface Timed {
  /** When it wants to be run, or `Infinity`. */
  readonly deadlineMs: number;
  /** Its place in the queue, -1 when it is not in it. Written by the queue alone. */
  queueIndex: number;
  /** The time under which it is queued: no later than `deadlineMs`. Written by the queue alone. */
  queuedMs: number;
}

/**
 * A binary heap of things with deadlines.
 *
 * A deadline that moves later, as a retransmission timer does with every acknowledgement, costs
 * nothing: the entry stays where it is and is put right when it comes to the front.
 */
export class Deadlines<T extends Timed> {
  readonly #heap: T[] = [];

  get size(): number {
    return this.#heap.length;
  }

  /** The item's deadline changed. */
  update(item: T): void {
    if (item.queueIndex >= 0) {
      if (item.deadlineMs < item.queuedMs) this.#rise(item, item.deadlineMs);
    } else if (item.deadlineMs < Infinity) {
      this.#heap.push(item);
      item.queueIndex = this.#heap.length - 1;
      this.#rise(item, item.deadlineMs);
    }
  }

  remove(item: T): void {
    const index = item.queueIndex;
    if (index < 0) return;
    item.queueIndex = -1;
    const last = this.#heap.pop();
    if (last === undefined || last === item) return;
    this.#heap[index] = last;
    last.queueIndex = index;
    this.#rise(last, last.queuedMs);
    this.#sink(last);
  }

  /** The earliest deadline, or `undefined` when there is none. */
  next(): number | undefined {
    return this.#front()?.queuedMs;
  }

  /** Takes out the earliest item that is due at `nowMs`. */
  take(nowMs: number): T | undefined {
    const front = this.#front();
    if (front === undefined || front.queuedMs > nowMs) return undefined;
    this.remove(front);
    return front;
  }

  /** The earliest item, after entries whose deadline has moved were put right. */
  #front(): T | undefined {
    for (;;) {
      const front = this.#heap[0];
      if (front === undefined || front.deadlineMs <= front.queuedMs) return front;
      if (front.deadlineMs === Infinity) {
        this.remove(front);
      } else {
        front.queuedMs = front.deadlineMs;
        this.#sink(front);
      }
    }
  }

  #rise(item: T, timeMs: number): void {
    item.queuedMs = timeMs;
    let index = item.queueIndex;
    while (index > 0) {
      const above = this.#heap[(index - 1) >>> 1];
      if (above === undefined || above.queuedMs <= timeMs) break;
      this.#put(above, index);
      index = (index - 1) >>> 1;
    }
    this.#put(item, index);
  }

  #sink(item: T): void {
    let index = item.queueIndex;
    for (;;) {
      const left = this.#heap[2 * index + 1];
      const right = this.#heap[2 * index + 2];
      const child = right !== undefined && left !== undefined && right.queuedMs < left.queuedMs
        ? right
        : left;
      if (child === undefined || child.queuedMs >= item.queuedMs) break;
      const below = child.queueIndex;
      this.#put(child, index);
      index = below;
    }
    this.#put(item, index);
  }

  #put(item: T, index: number): void {
    this.#heap[index] = item;
    item.queueIndex = index;
  }
}
