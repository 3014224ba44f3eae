/** Appends that one sender may make in one window. Source: Open Nexus OS, logd, "security". */
export const APPENDS_PER_WINDOW_MAX = 24;
/** Length of a window. */
export const RATE_WINDOW_NS = 1_000_000_000;
/** Senders whose windows are kept at a time. */
export const SENDERS_MAX = 64;

interface Window {
  readonly startNs: number;
  used: number;
}

/**
 * Counts appends by sender, a second at a time.
 *
 * The table is bounded. A window that has ended makes room; when all run, a further sender is over
 * its rate, so that nobody gets around the bound with many names.
 */
export class RateLimit {
  /** In order of their starts: the first is the oldest. */
  readonly #windows = new Map<bigint, Window>();

  /** Takes one append into account; `false` when the sender has none left. */
  admit(sid: bigint, nowNs: number): boolean {
    const window = this.#windows.get(sid);
    if (window !== undefined && !ended(window, nowNs)) {
      if (window.used === APPENDS_PER_WINDOW_MAX) return false;
      window.used += 1;
      return true;
    }
    this.#windows.delete(sid);
    if (this.#windows.size === SENDERS_MAX && !this.#dropEnded(nowNs)) return false;
    this.#windows.set(sid, { startNs: nowNs, used: 1 });
    return true;
  }

  #dropEnded(nowNs: number): boolean {
    for (const [sid, window] of this.#windows) {
      if (!ended(window, nowNs)) return false;
      this.#windows.delete(sid);
      return true;
    }
    return false;
  }
}

function ended(window: Window, nowNs: number): boolean {
  return nowNs - window.startNs >= RATE_WINDOW_NS;
}
