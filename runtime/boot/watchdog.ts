/**
 * Whether isolates still run: each is asked at intervals and must answer. Pure but for its ports.
 *
 * @module
 */

import type { Clock } from "../core/ports.ts";

/** Between two questions to one isolate, in milliseconds. */
export const HEARTBEAT_INTERVAL_MS = 1_000;
/** Questions without an answer after which an isolate is out of control. */
export const HEARTBEAT_MISSED_MAX = 5;

/** An isolate that owes an answer. */
export interface Suspicion {
  /** The daemon, or the isolate of several. */
  readonly task: string;
  /** When it was asked first what it has not answered. */
  readonly sinceNs: number;
}

/** What the watchdog stands on. */
export interface WatchdogPorts {
  readonly clock: Clock;
  readonly sleepUntil: (atNs: number) => Promise<void>;
  readonly ping: (isolate: string) => void;
  /** It has not answered so often that nothing more is expected of it. Said once. */
  readonly runaway: (isolate: string) => void;
  /** Who has owed an answer for the longest; `undefined` when nobody does any more. */
  readonly suspect?: ((suspicion: Suspicion | undefined) => void) | undefined;
}

/** Asks isolates, and counts what they owe. */
export class Watchdog {
  readonly #ports: WatchdogPorts;
  /** Questions that wait for an answer, by isolate. */
  readonly #unanswered = new Map<string, number>();
  #suspicion: Suspicion | undefined;
  #stopped = false;

  constructor(ports: WatchdogPorts) {
    this.#ports = ports;
  }

  /** Asks these from now on, until each has run away. */
  begin(isolates: Iterable<string>): void {
    for (const isolate of isolates) this.#unanswered.set(isolate, 0);
    if (this.#unanswered.size > 0) this.#run();
  }

  /** An isolate has answered: it owes nothing. */
  answered(isolate: string): void {
    if (this.#unanswered.has(isolate)) this.#unanswered.set(isolate, 0);
    if (this.#suspicion?.task === isolate) this.#suspect(undefined);
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    const { clock, sleepUntil } = this.#ports;
    while (!this.#stopped && this.#unanswered.size > 0) {
      const dueNs = clock.nowNs() + HEARTBEAT_INTERVAL_MS * 1e6;
      this.#ask();
      await sleepUntil(dueNs);
      // A beat that is late itself was held up here: answers may lie behind it, so none is missed yet.
      const lateNs = clock.nowNs() - dueNs;
      if (lateNs >= HEARTBEAT_INTERVAL_MS * 1e6) this.#excuse();
    }
  }

  #ask(): void {
    for (const [isolate, unanswered] of this.#unanswered) {
      if (unanswered >= HEARTBEAT_MISSED_MAX) {
        this.#unanswered.delete(isolate);
        this.#ports.runaway(isolate);
        continue;
      }
      if (unanswered === 1 && this.#suspicion === undefined) {
        const sinceNs = this.#ports.clock.nowNs() - HEARTBEAT_INTERVAL_MS * 1e6;
        this.#suspect({ task: isolate, sinceNs });
      }
      this.#unanswered.set(isolate, unanswered + 1);
      this.#ports.ping(isolate);
    }
  }

  #suspect(suspicion: Suspicion | undefined): void {
    this.#suspicion = suspicion;
    this.#ports.suspect?.(suspicion);
  }

  #excuse(): void {
    for (const isolate of this.#unanswered.keys()) this.#unanswered.set(isolate, 0);
  }
}
