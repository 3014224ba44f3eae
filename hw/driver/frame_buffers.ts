import type { DmaRegion } from "@runtime/core/ports.ts";
import { ETHERNET_HEADER_SIZE, NET_HEADER_SIZE } from "../virtio/network.ts";
import type { DriverQueue } from "./queue.ts";

/** Views of the frames in a queue's buffers, made once: a view per frame would be garbage per frame. */
export class FrameBuffers {
  readonly #whole: readonly Uint8Array[];
  readonly #front: Uint8Array[];
  readonly #headers: readonly Uint8Array[];

  constructor(
    dma: DmaRegion,
    parts: { readonly queue: DriverQueue; readonly mtu: number },
  ) {
    const { queue, mtu } = parts;
    this.#whole = Array.from({ length: queue.size }, (_, id) => {
      const start = queue.bufferOffset(id) + NET_HEADER_SIZE;
      return dma.bytes.subarray(start, start + ETHERNET_HEADER_SIZE + mtu);
    });
    this.#front = [...this.#whole];
    this.#headers = Array.from({ length: queue.size }, (_, id) => {
      const start = queue.bufferOffset(id);
      return dma.bytes.subarray(start, start + NET_HEADER_SIZE);
    });
  }

  /** Makes every header say that its frame wants no offload: once, because nothing else may. */
  clearHeaders(): void {
    for (const header of this.#headers) header.fill(0);
  }

  /** All of a buffer behind the virtio header. */
  whole(id: number): Uint8Array {
    return this.#whole[id] ?? EMPTY;
  }

  /** The first `length` bytes behind the virtio header. */
  front(id: number, length: number): Uint8Array {
    const last = this.#front[id] ?? EMPTY;
    if (last.length === length) return last;
    const fresh = this.whole(id).subarray(0, length);
    this.#front[id] = fresh;
    return fresh;
  }
}

const EMPTY = new Uint8Array(0);
