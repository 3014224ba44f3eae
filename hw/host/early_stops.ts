/**
 * Stop signals from the program's first moment on: this file stands in front of all others, whose
 * loading takes most of a start.
 *
 * @module
 */

/** Exit codes of a program that nobody told what to do: as a shell names an end by the signal. */
const EXIT_CODES = [["SIGINT", 130], ["SIGTERM", 143]] as const;

type EarlyStop = typeof EXIT_CODES[number][0];

const stops = new Set<(signal: EarlyStop) => void>();

/**
 * Runs `stop` at SIGINT and at SIGTERM, also at those since the program's beginning when that is asked
 * for before the first turn of the event loop. While nobody asks, they end the process. Returns what
 * takes `stop` away.
 */
export function onEarlyStop(stop: (signal: EarlyStop) => void): () => void {
  stops.add(stop);
  return () => void stops.delete(stop);
}

/** A worker hears the process's signals too: they are for the thread that made it. */
const inWorker = "DedicatedWorkerGlobalScope" in globalThis;

for (const [signal, code] of inWorker ? [] : EXIT_CODES) {
  Deno.addSignalListener(signal, () => {
    if (stops.size === 0) Deno.exit(code);
    for (const stop of [...stops]) stop(signal);
  });
}
