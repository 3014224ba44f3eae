/** A bound on how often something may happen: so many at once, and so many in a second. */
export class Rate {
  readonly #burst: number;
  readonly #perSecond: number;
  readonly #nowNs: () => number;
  #left: number;
  #filledNs: number;

  constructor(
    { burst, perSecond }: { readonly burst: number; readonly perSecond: number },
    nowNs: () => number,
  ) {
    this.#burst = burst;
    this.#perSecond = perSecond;
    this.#nowNs = nowNs;
    this.#left = burst;
    this.#filledNs = nowNs();
  }

  /** @returns false when it may not happen now. */
  take(): boolean {
    const nowNs = this.#nowNs();
    const gained = (nowNs - this.#filledNs) / 1e9 * this.#perSecond;
    this.#left = Math.min(this.#burst, this.#left + gained);
    this.#filledNs = nowNs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
