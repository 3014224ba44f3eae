import type { Clock } from "@runtime/core/ports.ts";

/**
 * The time by which keys live: the host's, but it never goes back below what was seen of it, in this
 * boot or in what was kept. A key whose time is over does not come back because somebody set a clock.
 */
export class KeyClock {
  readonly #clock: Pick<Clock, "unixMs">;
  #latestMs = 0n;

  constructor(clock: Pick<Clock, "unixMs">) {
    this.#clock = clock;
  }

  /** Milliseconds since the Unix epoch. */
  nowMs(): bigint {
    this.seen(BigInt(Math.max(0, Math.trunc(this.#clock.unixMs()))));
    return this.#latestMs;
  }

  /** Takes note of a time that was written: it is no later than now. */
  seen(ms: bigint): void {
    if (ms > this.#latestMs) this.#latestMs = ms;
  }
}
