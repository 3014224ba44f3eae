import { createStack, type Stack, type StackOptions } from "@net/stack/stack.ts";

/** A seeded source of numbers: the same seed, the same test. */
export interface Dice {
  /** A u32. */
  next(): number;
  /** Whether something with this probability (0..1) happens now. */
  happens(probability: number): boolean;
  /** An integer 0..`count` - 1. */
  below(count: number): number;
  fill(bytes: Uint8Array): Uint8Array;
}

/** xorshift32, warmed up; for tests only. */
export function dice(seed: number): Dice {
  let state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  for (let round = 0; round < 8; round++) next();
  return {
    next,
    happens: (probability) => next() / 0x1_0000_0000 < probability,
    below: (count) => next() % count,
    fill(bytes) {
      for (let index = 0; index < bytes.length; index++) bytes[index] = next() >>> 8;
      return bytes;
    },
  };
}

/** 10.0.0.`host`, the address of {@linkcode testStack}. */
export function testAddress(host: number): number {
  return 0x0a000000 + host;
}

/** A stack at 10.0.0.`host`/24 with MAC 02:00:00:00:00:`host` and seeded randomness. */
export function testStack(host: number, options: Partial<StackOptions> = {}): Stack {
  const numbers = dice(host);
  return createStack({
    mac: Uint8Array.of(2, 0, 0, 0, 0, host),
    mtu: 1500,
    addresses: [testAddress(host)],
    prefixLength: 24,
    random32: () => numbers.next(),
    ...options,
  });
}

/** What a link does to frames. Probabilities 0..1 per frame, times in milliseconds. */
export interface LinkFaults {
  readonly drop: number;
  readonly duplicate: number;
  readonly corrupt: number;
  /** A frame that is reordered waits up to `reorderMs` longer than its delay. */
  readonly reorder: number;
  readonly reorderMs: number;
  readonly delayMs: number;
}

export const NO_FAULTS: LinkFaults = {
  drop: 0,
  duplicate: 0,
  corrupt: 0,
  reorder: 0,
  reorderMs: 0,
  delayMs: 1,
};

/** Frames in flight at once, each way: what does not fit is lost, as in a full queue. */
const FLIGHT_MAX = 4096;

interface Flying {
  readonly frame: Uint8Array;
  readonly to: number;
  readonly atMs: number;
  readonly order: number;
}

/** Sees every frame at the moment it is sent; `false` loses it. `from` is 0 or 1. */
export type FrameFilter = (frame: Uint8Array, from: number, nowMs: number) => boolean;

/**
 * Two stacks and a wire with a fault in it, in simulated time.
 *
 * Each round moves time to the next event, delivers what is due, runs timers, and takes what the
 * stacks want to send. Everything follows from the seed.
 */
export class LossyLink {
  readonly stacks: readonly [Stack, Stack];
  readonly dice: Dice;
  faults: LinkFaults;
  filter: FrameFilter | undefined = undefined;
  nowMs = 0;
  framesSent = 0;
  readonly #into: Uint8Array;
  #flying: Flying[] = [];
  #order = 0;

  constructor(
    stacks: readonly [Stack, Stack],
    options: {
      readonly seed?: number;
      readonly mtu?: number;
      readonly faults?: Partial<LinkFaults>;
    },
  ) {
    this.stacks = stacks;
    this.dice = dice(options.seed ?? 1);
    this.faults = { ...NO_FAULTS, ...options.faults };
    this.#into = new Uint8Array((options.mtu ?? 65535) + 14);
  }

  /** Whether nothing flies, nothing is to be sent and no timer is set. */
  get idle(): boolean {
    return this.#flying.length === 0 &&
      this.stacks.every((stack) => !stack.pending && stack.nextTimerMs() === undefined);
  }

  /** One round. Returns `false`, and does nothing, when no event is left. */
  step(untilMs = Infinity): boolean {
    this.#collect();
    const nextMs = this.#nextMs();
    if (nextMs === Infinity || nextMs > untilMs) return false;
    this.nowMs = Math.max(this.nowMs, nextMs);
    this.#deliver();
    for (const stack of this.stacks) {
      const timerMs = stack.nextTimerMs();
      if (timerMs !== undefined && timerMs <= this.nowMs) stack.poll(this.nowMs);
    }
    this.#collect();
    return true;
  }

  /**
   * Runs rounds until `done` holds.
   *
   * @returns whether it came to hold within `roundsMax` rounds and before events ran out.
   */
  run(done: () => boolean, roundsMax = 200_000): boolean {
    for (let round = 0; round < roundsMax; round++) {
      if (done()) return true;
      if (!this.step()) return done();
    }
    return done();
  }

  /** Lets `ms` of simulated time pass. */
  advance(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.step(untilMs));
    this.nowMs = untilMs;
  }

  /** Runs until no event is left. Returns whether that came true. */
  settle(roundsMax = 200_000): boolean {
    for (let round = 0; round < roundsMax; round++) {
      if (!this.step()) return this.idle;
    }
    return false;
  }

  /** Puts a frame on the wire by hand, towards stack `to`. */
  inject(frame: Uint8Array, to: number): void {
    this.stacks[to]?.receive(frame, this.nowMs);
  }

  #nextMs(): number {
    let nextMs = Infinity;
    for (const flying of this.#flying) nextMs = Math.min(nextMs, flying.atMs);
    for (const stack of this.stacks) nextMs = Math.min(nextMs, stack.nextTimerMs() ?? Infinity);
    return nextMs;
  }

  #deliver(): void {
    const due = this.#flying.filter((flying) => flying.atMs <= this.nowMs);
    this.#flying = this.#flying.filter((flying) => flying.atMs > this.nowMs);
    due.sort((left, right) => left.atMs - right.atMs || left.order - right.order);
    for (const { frame, to } of due) this.stacks[to]?.receive(frame, this.nowMs);
  }

  #collect(): void {
    for (const [from, stack] of this.stacks.entries()) {
      while (stack.pending) {
        const length = stack.transmit(this.#into, this.nowMs);
        if (length === 0) break;
        this.framesSent++;
        const frame = this.#into.slice(0, length);
        if (this.filter?.(frame, from, this.nowMs) !== false) this.#fly(frame, 1 - from);
      }
    }
  }

  #fly(frame: Uint8Array, to: number): void {
    const { faults } = this;
    if (this.dice.happens(faults.drop)) return;
    const copies = this.dice.happens(faults.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (this.#flying.length >= 2 * FLIGHT_MAX) return;
      const late = this.dice.happens(faults.reorder) ? this.dice.below(1000) / 1000 : 0;
      const atMs = this.nowMs + faults.delayMs + late * faults.reorderMs;
      const bytes = this.dice.happens(faults.corrupt) ? this.#corrupted(frame) : frame;
      this.#flying.push({ frame: bytes, to, atMs, order: this.#order++ });
    }
  }

  /**
   * A copy with one bit flipped where a checksum of the stack's guards it: in an IPv4 packet. (A
   * flipped bit elsewhere is what the Ethernet check sequence catches: the frame just stays out.)
   */
  #corrupted(frame: Uint8Array): Uint8Array {
    const bytes = frame.slice();
    if (bytes[12] !== 8 || bytes[13] !== 0) return new Uint8Array(0);
    const at = 14 + this.dice.below(bytes.length - 14);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.dice.below(8));
    return bytes;
  }
}
