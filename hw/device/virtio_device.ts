import type { SplitQueue } from "./queue.ts";

/** What a virtio device may ask of the transport that it sits behind. */
export interface DeviceHost {
  /** A queue that may run now: the driver is ready, the queue is, and nothing is broken. */
  queue(index: number): SplitQueue | undefined;
  /** Whether the driver accepted a feature. */
  negotiated(feature: bigint): boolean;
  /** Publishes what `queue` has staged, and interrupts if its driver wants that. */
  publish(queue: SplitQueue): void;
  /** The configuration's bytes have changed. */
  configChanged(): void;
  /**
   * Runs work on the queues that no register write has started. What a hostile driver provokes
   * there breaks this device and nothing else.
   */
  run(work: () => void): void;
  /** As {@linkcode run}, in a later turn; dropped when the device was reset in between. */
  later(work: () => void): void;
}

/** A virtio device without its transport. */
export interface VirtioDevice {
  readonly deviceId: number;
  /** What it offers of its own; the transport adds what belongs to queues. */
  readonly features: bigint;
  /** Largest size of each queue; its length is the number of queues. */
  readonly queueSizesMax: readonly number[];
  /** The configuration, read-only to drivers. */
  readonly config: Uint8Array;
  /** Hands over the transport, once, before anything else. */
  attach(host: DeviceHost): void;
  /** The driver is ready. */
  start(): void;
  /**
   * The driver has offered buffers in a live queue.
   *
   * @throws {QueueError} The device needs a reset.
   */
  kick(queueIndex: number): void;
  /** The device was reset or broke: requests in flight are forgotten. */
  stop(): void;
}
