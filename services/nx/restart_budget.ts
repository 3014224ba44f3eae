/** Restarts of a node within the window; whoever needs more has something that restarts do not cure. */
export const RESTARTS_MAX = 8;
/** How far back restarts count, in milliseconds: so long a quiet time gives the whole budget back. */
export const RESTART_WINDOW_MS = 600_000;
/** Wait before the first restart of a window, in milliseconds; each further one waits twice as long. */
export const RESTART_BACKOFF_MIN_MS = 250;
export const RESTART_BACKOFF_MAX_MS = 8_000;

const NS_PER_MS = 1e6;

/** One restart that the budget still gives. */
export interface Restart {
  /** Which of {@linkcode RESTARTS_MAX} it is, from 1. */
  readonly number: number;
  readonly delayMs: number;
}

/** How often, and how soon, a node that crashes is started again. */
export class RestartBudget {
  #takenNs: readonly number[] = [];

  /** Takes one restart; `undefined` when the window's are spent. */
  take(nowNs: number): Restart | undefined {
    const recent = this.#takenNs.filter((at) => nowNs - at < RESTART_WINDOW_MS * NS_PER_MS);
    if (recent.length >= RESTARTS_MAX) return undefined;
    this.#takenNs = [...recent, nowNs];
    return {
      number: recent.length + 1,
      delayMs: Math.min(RESTART_BACKOFF_MIN_MS * 2 ** recent.length, RESTART_BACKOFF_MAX_MS),
    };
  }
}
