/** What one task was asked, and how long it was at it. Costs two looks at the clock for each frame. */
export class Load {
  #frames = 0;
  #running = 0;
  #busyNs = 0;
  #sinceNs = 0;

  /** Requests that came. */
  get frames(): number {
    return this.#frames;
  }

  /** Time in which at least one request was between its delivery and its reply. */
  busyNs(nowNs: number): number {
    return this.#running === 0 ? this.#busyNs : this.#busyNs + nowNs - this.#sinceNs;
  }

  /** A request was delivered. */
  begin(nowNs: number): void {
    this.#frames += 1;
    if (this.#running === 0) this.#sinceNs = nowNs;
    this.#running += 1;
  }

  /** Its reply went out, or there is none. */
  end(nowNs: number): void {
    this.#running -= 1;
    if (this.#running === 0) this.#busyNs += nowNs - this.#sinceNs;
  }
}
