import type { Clock } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";

/** Gives one piece of work at a time a limit of time, all on one timer. */
export class Expiry {
  readonly #clock: Clock;
  readonly #timer: Timer;
  #deadlineNs = 0;
  #expire: (() => void) | undefined;

  constructor(clock: Clock, timer: Timer) {
    this.#clock = clock;
    this.#timer = timer;
  }

  /** The loop that hears the timer; it runs as long as the task. */
  async run(): Promise<void> {
    for (;;) {
      await this.#timer.wait();
      if (this.#clock.nowNs() >= this.#deadlineNs) this.#expire?.();
    }
  }

  /** Runs `work` with a promise that resolves when its time is up. */
  async within<T>(limitMs: number, work: (expiry: Promise<void>) => Promise<T>): Promise<T> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#deadlineNs = this.#clock.nowNs() + limitMs * 1e6;
    this.#expire = resolve;
    this.#timer.set(this.#deadlineNs);
    try {
      return await work(promise);
    } finally {
      this.#timer.set(undefined);
      this.#expire = undefined;
    }
  }
}
