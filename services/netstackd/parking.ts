/**
 * Requests of one owner that may wait at a time: fewer than its channel lets it have in flight, and
 * than replies find room for that all come at once.
 */
export const PARKED_PER_OWNER_MAX = 640;
/** Requests that may wait at a time. Fewer than the daemon runs at a time, so that some always run. */
export const PARKED_MAX = 960;

/** Why a request that waited is answered without what it waited for. */
export type GiveUp = "timed_out" | "not_found" | "reset";

/** A request that may have to wait. */
export interface Waiting<A> {
  readonly owner: bigint;
  /** In milliseconds; 0 for ever. */
  readonly timeoutMs: number;
  /** The answer, or `undefined` to wait on. */
  attempt(): A | undefined;
  giveUp(reason: GiveUp): A;
}

/** One request that waits. */
interface Parked {
  readonly owner: bigint;
  readonly deadlineMs: number;
  /** Answers if it can. Returns whether it did. */
  attempt(): boolean;
  giveUp(reason: GiveUp): void;
}

/** Requests that wait for the same thing, first come first served. */
export class WaitQueue {
  readonly #lot: ParkingLot;
  readonly #parked: Parked[] = [];

  constructor(lot: ParkingLot) {
    this.#lot = lot;
  }

  get length(): number {
    return this.#parked.length;
  }

  /**
   * Answers now or when it can be answered; `undefined` when a bound is reached.
   *
   * A request never overtakes one that waits already.
   */
  ask<A>(waiting: Waiting<A>): A | Promise<A> | undefined {
    const answer = this.#parked.length === 0 ? waiting.attempt() : undefined;
    if (answer !== undefined) return answer;
    const { owner, timeoutMs } = waiting;
    if (!this.#lot.enter(owner)) return undefined;
    const deadlineMs = timeoutMs === 0 ? Infinity : this.#lot.nowMs() + timeoutMs;
    return new Promise((resolve) => {
      const parked: Parked = {
        owner,
        deadlineMs,
        attempt() {
          const late = waiting.attempt();
          if (late !== undefined) resolve(late);
          return late !== undefined;
        },
        giveUp: (reason) => resolve(waiting.giveUp(reason)),
      };
      this.#parked.push(parked);
      this.#lot.watch(parked, this);
    });
  }

  /** Answers from the front as long as there is an answer. */
  serve(): void {
    for (let first = this.#parked[0]; first !== undefined; first = this.#parked[0]) {
      if (!first.attempt()) return;
      this.#parked.shift();
      this.#lot.leave(first);
    }
  }

  /** Gives up every request: what they wait for is gone. */
  end(reason: GiveUp): void {
    for (const parked of this.#parked.splice(0)) {
      this.#lot.leave(parked);
      parked.giveUp(reason);
    }
  }

  /** Gives up one request whose time is over; the next one may be answerable at once. */
  expire(parked: Parked): void {
    const index = this.#parked.indexOf(parked);
    if (index < 0) return;
    this.#parked.splice(index, 1);
    this.#lot.leave(parked);
    parked.giveUp("timed_out");
    this.serve();
  }
}

/** Counts requests that wait, by owner, and knows their deadlines. */
export class ParkingLot {
  /** Milliseconds on the clock of the deadlines. */
  readonly nowMs: () => number;
  readonly #counts = new Map<bigint, number>();
  readonly #deadlines = new Map<Parked, WaitQueue>();
  readonly #nearer: () => void;
  #total = 0;
  #nextMs = Infinity;

  /** @param nearer Runs when {@linkcode nextMs} has come nearer. */
  constructor(nowMs: () => number, nearer: () => void) {
    this.nowMs = nowMs;
    this.#nearer = nearer;
  }

  /** Earliest deadline, or one that has gone away; `Infinity` when there is none. */
  get nextMs(): number {
    return this.#nextMs;
  }

  countOf(owner: bigint): number {
    return this.#counts.get(owner) ?? 0;
  }

  /** Counts one more for `owner`. Returns whether there was room; each that entered exits once. */
  enter(owner: bigint): boolean {
    const count = this.countOf(owner);
    if (count >= PARKED_PER_OWNER_MAX || this.#total >= PARKED_MAX) return false;
    this.#counts.set(owner, count + 1);
    this.#total++;
    return true;
  }

  exit(owner: bigint): void {
    const count = this.countOf(owner) - 1;
    if (count === 0) this.#counts.delete(owner);
    else this.#counts.set(owner, count);
    this.#total--;
  }

  leave(parked: Parked): void {
    this.#deadlines.delete(parked);
    this.exit(parked.owner);
  }

  watch(parked: Parked, queue: WaitQueue): void {
    if (parked.deadlineMs === Infinity) return;
    this.#deadlines.set(parked, queue);
    if (parked.deadlineMs >= this.#nextMs) return;
    this.#nextMs = parked.deadlineMs;
    this.#nearer();
  }

  /** Gives up what is overdue. Looks at every deadline, and only when one may have passed. */
  expire(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    const due = [...this.#deadlines].filter(([{ deadlineMs }]) => deadlineMs <= nowMs);
    for (const [parked, queue] of due) queue.expire(parked);
    this.#nextMs = Infinity;
    for (const { deadlineMs } of this.#deadlines.keys()) {
      this.#nextMs = Math.min(this.#nextMs, deadlineMs);
    }
  }
}
