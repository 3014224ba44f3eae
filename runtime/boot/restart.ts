/**
 * When a daemon that hit a bug is started again, and when no more: a table of states, a budget and a
 * growing wait. Pure: time is a parameter.
 *
 * @module
 */

import { assert } from "../core/assert.ts";

/** Restarts of one daemon within {@linkcode RESTART_WINDOW_MS}; one more fault stops it for good. */
export const RESTARTS_MAX = 5;
/** What the budget covers. After so long without a fault the wait is the shortest again. */
export const RESTART_WINDOW_MS = 60_000;
/** The wait after a first fault, and the longest: it doubles from fault to fault. */
export const RESTART_BACKOFF_MIN_MS = 100;
export const RESTART_BACKOFF_MAX_MS = 5_000;

/**
 * `starting`: its task exists and its `create` runs. `serving`: it takes requests. `backing_off`: it
 * is down and will be started. `stopped`: it is down for good, and the node is degraded.
 */
export type RestartState = "starting" | "serving" | "backing_off" | "stopped";

/** What may happen to a daemon: `spent` is a fault beyond the budget, `lost` one without any. */
export type RestartEvent = "served" | "faulted" | "spent" | "lost" | "due";

/** Where an event leads. One that is not listed is none: a bug of the boot. */
const NEXT: Readonly<Record<RestartState, Readonly<Partial<Record<RestartEvent, RestartState>>>>> =
  {
    starting: { served: "serving", faulted: "backing_off", spent: "stopped", lost: "stopped" },
    serving: { faulted: "backing_off", spent: "stopped", lost: "stopped" },
    "backing_off": { due: "starting", lost: "stopped" },
    stopped: {},
  };

const NS_PER_MS = 1e6;

/** One daemon's way through the table. */
export class Restarts {
  /** When it was started again, within the window. */
  readonly #startsNs: number[] = [];
  #state: RestartState = "starting";
  #count = 0;
  #faultsInARow = 0;
  #lastFaultNs = Number.NEGATIVE_INFINITY;

  get state(): RestartState {
    return this.#state;
  }

  /** How often it was started again. */
  get count(): number {
    return this.#count;
  }

  /** Whether it holds a task: it was started and has not ended since. */
  get alive(): boolean {
    return this.#state === "starting" || this.#state === "serving";
  }

  served(): void {
    this.#enter("served");
  }

  /** @returns how long to wait before it starts again, in milliseconds; `undefined`: never. */
  faulted(nowNs: number): number | undefined {
    const within = nowNs - RESTART_WINDOW_MS * NS_PER_MS;
    while ((this.#startsNs[0] ?? nowNs) < within) this.#startsNs.shift();
    this.#enter(this.#startsNs.length < RESTARTS_MAX ? "faulted" : "spent");
    if (this.#state === "stopped") return undefined;
    this.#faultsInARow = this.#lastFaultNs < within ? 1 : this.#faultsInARow + 1;
    this.#lastFaultNs = nowNs;
    const waitMs = RESTART_BACKOFF_MIN_MS * 2 ** (this.#faultsInARow - 1);
    return Math.min(waitMs, RESTART_BACKOFF_MAX_MS);
  }

  /** It starts again. */
  due(nowNs: number): void {
    this.#enter("due");
    this.#startsNs.push(nowNs);
    this.#count += 1;
  }

  /** It will not be started again, whatever its budget. */
  lost(): void {
    this.#enter("lost");
  }

  #enter(event: RestartEvent): void {
    const next = NEXT[this.#state][event];
    assert(next !== undefined, `a daemon that is ${this.#state} is not ${event}`);
    this.#state = next;
  }
}
