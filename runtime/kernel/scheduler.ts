import type { Turns } from "../core/ports.ts";

/** Taken when this module is loaded: an isolate takes the global away before any daemon runs. */
export const microtask: (work: () => void) => void = queueMicrotask;

/** Steps between two turns of the host's event loop, however much is ready. */
export const STEPS_PER_TURN_MAX = 512;

/**
 * The run queue: wake-ups in the order in which they were caused. Everything that a task waits for is
 * resolved here and nowhere else, so the order of steps is the order of this queue.
 */
export class Scheduler {
  readonly #turns: Turns;
  #ready: (() => void)[] = [];
  #scheduled = false;
  #stepsSinceTurn = 0;

  constructor(turns: Turns) {
    this.#turns = turns;
  }

  /** Runs `step` after everything that is ready already. */
  run(step: () => void): void {
    this.#ready.push(step);
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#stepsSinceTurn < STEPS_PER_TURN_MAX) {
      microtask(() => this.#pump());
      return;
    }
    this.#stepsSinceTurn = 0;
    this.#turns.later(() => this.#pump());
  }

  #pump(): void {
    const room = STEPS_PER_TURN_MAX - this.#stepsSinceTurn;
    const steps = this.#ready;
    this.#ready = steps.length > room ? steps.splice(room) : [];
    this.#stepsSinceTurn += steps.length;
    for (const step of steps) step();
    this.#scheduled = this.#ready.length > 0;
    if (this.#scheduled) this.#schedule();
  }
}
