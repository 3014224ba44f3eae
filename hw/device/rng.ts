import type { EntropySource } from "@runtime/core/ports.ts";
import { DEVICE_ID_RNG } from "../virtio/ids.ts";
import type { Chain } from "./chain.ts";
import { QueueError } from "./chain.ts";
import type { DeviceHost, VirtioDevice } from "./virtio_device.ts";

/** Most bytes for one request. Overlapping buffers can make a chain larger than all of RAM. */
export const ENTROPY_PER_REQUEST_MAX = 65536;

/** Requests that one kick serves before others get their turn. */
export const REQUESTS_PER_TURN_MAX = 16;

const QUEUE_SIZE_MAX = 1024;
const EMPTY = new Uint8Array(0);

/**
 * virtio-rng over a source of entropy.
 *
 * Every request gets at least one byte: U-Boot asks again for ever when it gets none. While the
 * source gives nothing, requests stay in the ring, unanswered, until a later kick finds it alive;
 * whoever waits has the deadline. Bytes are wiped here as soon as the guest has them.
 *
 * Source: VIRTIO 1.2, "Entropy Device".
 */
export class VirtioRng implements VirtioDevice {
  readonly deviceId = DEVICE_ID_RNG;
  readonly features = 0n;
  readonly queueSizesMax = [QUEUE_SIZE_MAX];
  readonly config = EMPTY;
  readonly #source: EntropySource;
  // The source fills memory of the host's own: the guest sees the bytes only when they are final.
  readonly #scratch = new Uint8Array(ENTROPY_PER_REQUEST_MAX);
  #host: DeviceHost | undefined;
  #continues = false;

  constructor(source: EntropySource) {
    this.#source = source;
  }

  attach(host: DeviceHost): void {
    this.#host = host;
  }

  start(): void {}

  stop(): void {
    this.#continues = false;
  }

  kick(): void {
    const host = this.#host;
    const queue = host?.queue(0);
    // While a continuation stands, kicks change nothing: it will find what they announce.
    if (host === undefined || queue === undefined || this.#continues) return;
    let served = 0;
    do {
      for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
        const written = this.#serve(chain);
        if (written === 0) {
          queue.unpop();
          return host.publish(queue);
        }
        queue.complete(chain.head, written);
        if (++served === REQUESTS_PER_TURN_MAX) {
          host.publish(queue);
          return this.#continueLater(host);
        }
      }
      host.publish(queue);
    } while (queue.wantKick());
  }

  /** @returns how many bytes the source gave for the chain. Readable parts are ignored. */
  #serve(chain: Chain): number {
    if (chain.writableLength === 0) throw new QueueError("too_short", chain.head);
    const wanted = Math.min(chain.writableLength, ENTROPY_PER_REQUEST_MAX);
    const scratch = this.#scratch.subarray(0, wanted);
    const filled = this.#source.fill(scratch);
    const written = chain.scatter(scratch.subarray(0, filled));
    scratch.fill(0);
    return written;
  }

  #continueLater(host: DeviceHost): void {
    this.#continues = true;
    host.later(() => {
      this.#continues = false;
      this.kick();
    });
  }
}
