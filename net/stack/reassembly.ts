/**
 * Which bytes beyond the next expected one have arrived: a short sorted list of runs.
 *
 * Offsets count from the next expected byte. The bytes themselves already lie in the receive ring.
 */
export class Reassembly {
  readonly #countMax: number;
  /** Start and end of each run, alternating; sorted, apart from each other by at least a byte. */
  #edges: number[] = [];

  /** @param countMax Most runs kept. */
  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Whether nothing is kept. */
  get empty(): boolean {
    return this.#edges.length === 0;
  }

  /**
   * Notes the run `start..end` (`start` > 0), joined with those it touches.
   *
   * @returns `false` when it would be one run too many: its bytes count as not arrived.
   */
  add(start: number, end: number): boolean {
    const edges = this.#edges;
    let first = 0;
    while (first < edges.length && (edges[first + 1] ?? 0) < start) first += 2;
    let last = first;
    let joinedStart = start;
    let joinedEnd = end;
    while (last < edges.length && (edges[last] ?? 0) <= end) {
      joinedStart = Math.min(joinedStart, edges[last] ?? 0);
      joinedEnd = Math.max(joinedEnd, edges[last + 1] ?? 0);
      last += 2;
    }
    if (last === first && edges.length / 2 >= this.#countMax) return false;
    edges.splice(first, last - first, joinedStart, joinedEnd);
    return true;
  }

  /**
   * The next `count` bytes have arrived in order.
   *
   * @returns how many more bytes now follow them without a gap; they leave the list.
   */
  advance(count: number): number {
    const edges = this.#edges;
    if (edges.length === 0) return 0;
    let reached = count;
    let passed = 0;
    while (passed < edges.length && (edges[passed] ?? 0) <= reached) {
      reached = Math.max(reached, edges[passed + 1] ?? 0);
      passed += 2;
    }
    edges.splice(0, passed);
    for (let index = 0; index < edges.length; index++) edges[index] = (edges[index] ?? 0) - reached;
    return reached - count;
  }

  clear(): void {
    this.#edges = [];
  }
}
