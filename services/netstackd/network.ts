import type { NetworkCard } from "@hw/driver/virtio_net.ts";
import type { Stack } from "@net/stack/stack.ts";
import type { Clock, PartialChecksum } from "@runtime/core/ports.ts";
import type { Timer } from "@runtime/core/syscalls.ts";

/** Frames taken from the card before readers and other tasks get their turn. */
export const RECEIVE_BATCH = 256;

const NS_PER_MS = 1e6;

/** What the loops join. */
export interface NetworkPorts {
  readonly card: NetworkCard;
  readonly stack: Pick<Stack, "receive" | "transmit" | "pending" | "poll" | "nextTimerMs">;
  readonly clock: Clock;
  readonly timer: Timer;
  /** Runs a loop; what it throws ends the daemon. */
  readonly spawn: (loop: () => Promise<void>) => void;
}

/** Who is served after frames came or time passed. */
export interface Served {
  /** Answers what can be answered now, and gives up what is overdue. */
  settle(nowMs: number): void;
  /** When {@linkcode settle} must run next; `Infinity` when nothing is waited for. */
  readonly nextMs: number;
}

/**
 * Moves frames between the card and the stack: one loop on the card's interrupt, one timer, and a
 * flush after requests. Nothing is polled, and a batch costs one kick however many frames it has.
 */
export class Network {
  readonly #ports: NetworkPorts;
  #served: Served | undefined;
  #flushing = false;
  #armedMs = Infinity;
  #workMs = 0;
  #filled = 0;

  constructor(ports: NetworkPorts) {
    this.#ports = ports;
  }

  /** Milliseconds on the stack's clock. */
  nowMs(): number {
    return Math.floor(this.#ports.clock.nowNs() / NS_PER_MS);
  }

  /** Starts the loops. */
  begin(served: Served): void {
    this.#served = served;
    this.#ports.spawn(() => this.#receiveLoop());
    this.#ports.spawn(() => this.#timerLoop());
  }

  /** Something may have to be sent or timed: once for all requests of the same moment. */
  touch(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    this.#ports.spawn(() => this.#flush());
  }

  /** The first wait is over at the next microtask: requests that run before it share one kick. */
  async #flush(): Promise<void> {
    await undefined;
    this.#flushing = false;
    this.#workMs = this.nowMs();
    this.#send();
  }

  async #receiveLoop(): Promise<void> {
    const { card, stack } = this.#ports;
    const take = (frame: Uint8Array, checksum: Readonly<PartialChecksum>) =>
      stack.receive(frame, this.#workMs, checksum);
    for (;;) {
      await card.wait();
      this.#workMs = this.nowMs();
      card.receive(take, RECEIVE_BATCH);
      this.#finish();
    }
  }

  async #timerLoop(): Promise<void> {
    const { stack, timer } = this.#ports;
    for (;;) {
      await timer.wait();
      this.#armedMs = Infinity;
      this.#workMs = this.nowMs();
      stack.poll(this.#workMs);
      this.#finish();
    }
  }

  #finish(): void {
    this.#served?.settle(this.#workMs);
    this.#send();
  }

  #send(): void {
    const { card, stack } = this.#ports;
    let sent = false;
    while (stack.pending && card.transmit(this.#fill) && this.#filled > 0) sent = true;
    if (sent) card.flush();
    this.#arm();
  }

  /** Kept as a function: making one for each frame would be garbage for each frame. */
  readonly #fill = (into: Uint8Array, checksum?: PartialChecksum): number => {
    this.#filled = this.#ports.stack.transmit(into, this.#workMs, checksum);
    return this.#filled;
  };

  /** Only ever moves the timer nearer: a deadline that went away costs one idle wake-up. */
  #arm(): void {
    const stackMs = this.#ports.stack.nextTimerMs() ?? Infinity;
    const nextMs = Math.ceil(Math.min(stackMs, this.#served?.nextMs ?? Infinity));
    if (nextMs >= this.#armedMs) return;
    this.#armedMs = nextMs;
    this.#ports.timer.set(nextMs * NS_PER_MS);
  }
}
