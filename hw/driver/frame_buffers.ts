import type { DmaRegion, PartialChecksum } from "@runtime/core/ports.ts";
import { type NetHeaderRules, readNetHeader, writeNetHeader } from "../virtio/net_header.ts";
import { ETHERNET_HEADER_SIZE, NET_HEADER_SIZE } from "../virtio/network.ts";
import type { DriverQueue } from "./queue.ts";

/** Views of the frames in a queue's buffers, made once: a view per frame would be garbage per frame. */
export class FrameBuffers {
  readonly #whole: readonly Uint8Array[];
  readonly #front: Uint8Array[];
  readonly #view: DataView;
  readonly #queue: DriverQueue;

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
    this.#view = new DataView(dma.bytes.buffer, dma.bytes.byteOffset);
    this.#queue = queue;
  }

  /** Makes every header say that its frame wants no offload. */
  clearHeaders(): void {
    for (let id = 0; id < this.#queue.size; id++) this.writeHeader(id, undefined);
  }

  /** Makes a header say what is left of its frame's checksum. */
  writeHeader(id: number, checksum: Readonly<PartialChecksum> | undefined): void {
    writeNetHeader(this.#view, this.#queue.bufferOffset(id), { buffers: 0, checksum });
  }

  /** Reads what a header says; see {@linkcode readNetHeader}. */
  readHeader(id: number, rules: NetHeaderRules, into: PartialChecksum): boolean {
    return readNetHeader(this.#view, this.#queue.bufferOffset(id), rules, into);
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
