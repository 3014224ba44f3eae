import { assert } from "@runtime/core/assert.ts";
import type { DmaRegion, Irq } from "@runtime/core/ports.ts";
import { FEATURE_EVENT_IDX } from "../virtio/features.ts";
import { DEVICE_ID_RNG } from "../virtio/ids.ts";
import { DriverError } from "./error.ts";
import type { DriverParts } from "./parts.ts";
import { DriverQueue, queueFootprint } from "./queue.ts";
import { DriverTransport } from "./transport.ts";

/** Most bytes of one {@linkcode EntropyDevice.read}. */
export const ENTROPY_LENGTH_MAX = 256;

const QUEUE = 0;
/** One request at a time: nothing that belongs to one caller lies about while another waits. */
const QUEUE_SIZE = 1;
const BUFFER = 0;

/** A source of raw entropy. */
export interface EntropyDevice {
  /**
   * Draws fresh bytes. Reads that overlap are served one after the other.
   *
   * @param length 1..{@linkcode ENTROPY_LENGTH_MAX}.
   * @param expiry Ends the wait when it resolves. Without one a read waits for ever.
   * @returns exactly `length` bytes that only this caller has; `undefined` when time is up or the
   *   device gave none.
   * @throws {DriverError} The device broke the rules or says that it cannot go on. No later read
   *   succeeds.
   */
  read(length: number, expiry?: Promise<unknown>): Promise<Uint8Array | undefined>;
}

/**
 * Takes a virtio-rng device into use.
 *
 * @throws {DriverError} The device is another one, or refuses; `region_too_small`.
 *
 * Source: VIRTIO 1.2, "Entropy Device".
 */
export function openVirtioRng(parts: DriverParts): EntropyDevice {
  const transport = new DriverTransport(parts.window);
  transport.begin(DEVICE_ID_RNG);
  transport.negotiate(FEATURE_EVENT_IDX);
  transport.queueSizeMax(QUEUE);
  const footprint = queueFootprint(QUEUE_SIZE, ENTROPY_LENGTH_MAX);
  if (footprint > parts.dma.bytes.length) transport.fail("region_too_small", footprint);
  const queue = new DriverQueue(parts.dma, {
    offset: 0,
    size: QUEUE_SIZE,
    bufferLength: ENTROPY_LENGTH_MAX,
    bufferShift: 0,
    writable: true,
    eventIndex: transport.has(FEATURE_EVENT_IDX),
  });
  transport.setQueue(QUEUE, queue.place);
  transport.finish();
  return new VirtioRngDriver(transport, { queue, dma: parts.dma, irq: parts.irq });
}

const EXPIRED = Symbol("expired");

class VirtioRngDriver implements EntropyDevice {
  readonly #transport: DriverTransport;
  readonly #queue: DriverQueue;
  readonly #irq: Irq;
  readonly #buffer: Uint8Array;
  /** Ends when the read before has. */
  #turn: Promise<void> = Promise.resolve();
  /** An interrupt that a read which ran out of time was waiting for. */
  #interrupt: Promise<void> | undefined;
  #broken: DriverError | undefined;

  constructor(
    transport: DriverTransport,
    parts: { readonly queue: DriverQueue; readonly dma: DmaRegion; readonly irq: Irq },
  ) {
    this.#transport = transport;
    this.#queue = parts.queue;
    this.#irq = parts.irq;
    const start = parts.queue.bufferOffset(BUFFER);
    this.#buffer = parts.dma.bytes.subarray(start, start + ENTROPY_LENGTH_MAX);
  }

  async read(length: number, expiry?: Promise<unknown>): Promise<Uint8Array | undefined> {
    const valid = Number.isInteger(length) && length >= 1 && length <= ENTROPY_LENGTH_MAX;
    assert(valid, "a read draws 1..256 bytes");
    const expired: Expiry = expiry?.then((): typeof EXPIRED => EXPIRED);
    const before = this.#turn;
    const mine = Promise.withResolvers<void>();
    this.#turn = mine.promise;
    try {
      if (await race(before, expired) === EXPIRED) return undefined;
      return await this.#draw(length, expired);
    } catch (error) {
      if (error instanceof DriverError) this.#broken ??= error;
      throw error;
    } finally {
      // The next read's turn comes when this one and all before it are over.
      before.then(mine.resolve);
    }
  }

  async #draw(length: number, expired: Expiry): Promise<Uint8Array | undefined> {
    if (this.#broken !== undefined) throw this.#broken;
    // What a read before this one left behind when its time was up belongs to nobody: wait, drop.
    if (this.#queue.inFlight > 0) {
      this.#transport.notify(QUEUE);
      if (await this.#await(expired) === EXPIRED) return undefined;
      this.#buffer.fill(0);
    }
    const drawn = new Uint8Array(length);
    let filled = 0;
    while (filled < length) {
      this.#request(length - filled);
      const outcome = await this.#await(expired);
      if (outcome === EXPIRED || outcome === 0) {
        drawn.fill(0);
        return undefined;
      }
      drawn.set(this.#buffer.subarray(0, outcome), filled);
      this.#buffer.fill(0);
      filled += outcome;
    }
    return drawn;
  }

  #request(length: number): void {
    this.#buffer.fill(0);
    this.#queue.offer(BUFFER, length);
    if (this.#queue.publish()) this.#transport.notify(QUEUE);
  }

  /** @returns bytes that the device has written into the buffer. */
  async #await(expired: Expiry): Promise<number | typeof EXPIRED> {
    for (;;) {
      if (this.#queue.wantInterrupt()) {
        this.#queue.take();
        return this.#queue.takenLength;
      }
      this.#interrupt ??= this.#irq.wait();
      if (await race(this.#interrupt, expired) === EXPIRED) return EXPIRED;
      this.#interrupt = undefined;
      this.#handleInterrupt();
    }
  }

  #handleInterrupt(): void {
    try {
      this.#transport.takeInterrupt();
    } finally {
      this.#irq.complete();
    }
  }
}

type Expiry = Promise<typeof EXPIRED> | undefined;

function race(
  event: Promise<void>,
  expired: Expiry,
): Promise<void | typeof EXPIRED> {
  return expired === undefined ? event : Promise.race([event, expired]);
}
