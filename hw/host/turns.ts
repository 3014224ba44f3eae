import { setImmediate } from "node:timers";
import type { Clock, Turns } from "@runtime/core/ports.ts";
import { denoAtLeast } from "./runtime_version.ts";

const NS_PER_MS = 1e6;
/** The longest delay that a host timer takes, in milliseconds; longer ones are set in steps. */
const TIMER_MS_MAX = 2 ** 31 - 1;
/** How long turns may follow each other before host I/O is let in for certain. */
const IO_INTERVAL_NS = 1_000_000;
/** A pause between turns that is long enough for the loop to have seen to the host. */
const PAUSE_NS = 100_000;
/** Before 2.9 an immediate is a timer of 1 ms; from then on it costs about 1 us. */
const fastImmediate = denoAtLeast(2, 9);

/**
 * The host's event loop.
 *
 * A run of immediates keeps the loop from its sockets (60 turns for one poll). Once turns have
 * followed each other for a millisecond, one goes through the thread pool, which makes the loop
 * wait for the host. Nothing is pending, and the process may end, when no timer is set and no work
 * is put off. It goes on where the names that it uses are taken away later.
 */
export function hostTurns(clock: Clock): Turns {
  const { setTimeout, clearTimeout, crypto: { subtle } } = globalThis;
  const timers: Timers = { set: setTimeout, clear: clearTimeout };
  let postponed: (() => void)[] = [];
  let runFromNs = 0;
  let lastTurnNs = -Infinity;
  const schedule = () => {
    const now = clock.nowNs();
    if (now - lastTurnNs > PAUSE_NS) runFromNs = now;
    if (fastImmediate && now - runFromNs < IO_INTERVAL_NS) {
      setImmediate(drain);
      return;
    }
    runFromNs = now;
    throughHost(subtle, drain);
  };
  const drain = () => {
    const works = postponed;
    postponed = [];
    lastTurnNs = clock.nowNs();
    runAll(works, (rest) => {
      if (postponed.length === 0) schedule();
      postponed.unshift(...rest);
    });
  };
  return {
    at: (atNs, work) => timer(clock, timers, { atNs, work }),
    later(work) {
      if (postponed.push(work) === 1) schedule();
    },
  };
}

/** Runs each in order. One that throws must not take the others' turn: they get the next. */
function runAll(works: readonly (() => void)[], keep: (rest: readonly (() => void)[]) => void) {
  let done = 0;
  try {
    for (const work of works) {
      done++;
      work();
    }
  } finally {
    if (done < works.length) keep(works.slice(done));
  }
}

const NOTHING = new Uint8Array(0);

/** Runs `work` after the loop has polled the host once: a round trip to the thread pool. */
function throughHost(subtle: SubtleCrypto, work: () => void): void {
  subtle.digest("SHA-256", NOTHING).then(work);
}

/** The host's own timers. */
interface Timers {
  readonly set: typeof setTimeout;
  readonly clear: typeof clearTimeout;
}

/** Something to do, and when. */
interface Appointment {
  readonly atNs: number;
  readonly work: () => void;
}

function timer(clock: Clock, { set, clear }: Timers, { atNs, work }: Appointment): () => void {
  let id: ReturnType<typeof setTimeout> | undefined;
  const arm = () => {
    const leftMs = Math.ceil((atNs - clock.nowNs()) / NS_PER_MS);
    id = set(fire, Math.min(Math.max(leftMs, 0), TIMER_MS_MAX));
  };
  const fire = () => {
    if (clock.nowNs() < atNs) arm();
    else work();
  };
  arm();
  return () => clear(id);
}
