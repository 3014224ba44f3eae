/** Who holds how many: finds a largest holder without looking at the others. */
export class Holders {
  /** Names by how many they hold; index 0 stays empty. */
  readonly #byCount: Set<string>[] = [];
  #largest = 0;

  /** Moves a name from one count to another. */
  move(name: string, from: number, to: number): void {
    this.#byCount[from]?.delete(name);
    if (to > 0) this.#at(to).add(name);
    this.#largest = Math.max(this.#largest, to);
    while (this.#largest > 0 && (this.#byCount[this.#largest]?.size ?? 0) === 0) {
      this.#largest -= 1;
    }
  }

  /** One that holds at least as many as anybody; `undefined` when nobody holds any. */
  largest(): string | undefined {
    return this.#byCount[this.#largest]?.values().next().value;
  }

  #at(count: number): Set<string> {
    while (this.#byCount.length <= count) this.#byCount.push(new Set());
    return this.#byCount[count] ?? new Set();
  }
}
