import { advanced, distance } from "./sequence.ts";

/**
 * Congestion control: slow start, congestion avoidance, fast retransmit, and fast recovery as
 * NewReno does it.
 *
 * Source: RFC 5681, "Congestion Control Algorithms"; RFC 6582, "The NewReno Modification to TCP's
 * Fast Recovery Algorithm"; RFC 3042 (limited transmit); RFC 6928 (initial window).
 *
 * @module
 */

const DUPLICATE_ACKS = 3;
const INITIAL_SEGMENTS = 10;
const INITIAL_BYTES = 14_600;

/** What the sender has to do after an acknowledgement. */
export type CongestionMove = "none" | "retransmit";

export class NewReno {
  readonly #segment: number;
  readonly #windowMax: number;
  #window: number;
  #threshold: number;
  /** Bytes acknowledged since the window last grew, in congestion avoidance. */
  #acked = 0;
  #duplicates = 0;
  #recovering = false;
  /** Everything up to here was in flight when the last recovery or timeout began. */
  #recover: number;

  /**
   * @param segment Largest payload of a segment, in bytes.
   * @param options `windowMax`: the window never passes it (more cannot be in flight anyway).
   *   `initial`: the initial send sequence number.
   */
  constructor(
    segment: number,
    options: { readonly windowMax: number; readonly initial: number },
  ) {
    this.#segment = segment;
    this.#windowMax = Math.max(options.windowMax, 2 * segment);
    this.#window = this.#initialWindow();
    this.#threshold = this.#windowMax;
    this.#recover = options.initial;
  }

  /** Bytes that may be in flight. */
  get window(): number {
    const early = this.#recovering ? 0 : Math.min(this.#duplicates, DUPLICATE_ACKS - 1);
    return this.#window + early * this.#segment;
  }

  get recovering(): boolean {
    return this.#recovering;
  }

  /** A duplicate acknowledgement. `una` and `max`: oldest and next sequence numbers in flight. */
  onDuplicate(una: number, max: number): CongestionMove {
    this.#duplicates++;
    if (this.#recovering) {
      this.#window = Math.min(this.#windowMax, this.#window + this.#segment);
      return "none";
    }
    if (this.#duplicates !== DUPLICATE_ACKS || distance(this.#recover, una) <= 0) return "none";
    this.#threshold = Math.max(distance(una, max) >>> 1, 2 * this.#segment);
    this.#window = this.#threshold + DUPLICATE_ACKS * this.#segment;
    this.#recover = max;
    this.#recovering = true;
    return "retransmit";
  }

  /** `acked` bytes of new data were acknowledged, up to `una`; up to `max` was sent. */
  onAcknowledged(acked: number, una: number, max: number): CongestionMove {
    this.#duplicates = 0;
    if (!this.#recovering) {
      this.#grow(acked, distance(this.#recover, una) < 0);
      return "none";
    }
    if (distance(this.#recover, una) >= 0) {
      const flight = Math.max(distance(una, max), this.#segment);
      this.#window = Math.min(this.#threshold, flight + this.#segment);
      this.#recovering = false;
      return "none";
    }
    const deflated = this.#window - acked + (acked >= this.#segment ? this.#segment : 0);
    this.#window = Math.max(this.#segment, deflated);
    return "retransmit";
  }

  /** The retransmission timer ran out with `una`..`max` in flight. */
  onTimeout(una: number, max: number, again: boolean): void {
    if (!again) this.#threshold = Math.max(distance(una, max) >>> 1, 2 * this.#segment);
    this.#window = this.#segment;
    this.#recover = advanced(max, 0);
    this.#recovering = false;
    this.#duplicates = 0;
    this.#acked = 0;
  }

  /** Nothing was sent for longer than the timeout: what the path carries is no longer known. */
  onIdle(): void {
    this.#window = Math.min(this.#window, this.#initialWindow());
  }

  /**
   * Grows by the bytes acknowledged, however many one ACK covers: a receiver that is handed frames
   * in batches sends one for each batch. After a timeout, while lost data is made up for, one
   * segment an ACK. Source: RFC 3465, "Slow Start", without its limit for the first case.
   */
  #grow(acked: number, afterTimeout: boolean): void {
    if (this.#window < this.#threshold) {
      const growth = afterTimeout ? Math.min(acked, this.#segment) : acked;
      this.#window = Math.min(this.#windowMax, this.#window + growth);
      return;
    }
    this.#acked += acked;
    if (this.#acked < this.#window) return;
    this.#acked -= this.#window;
    this.#window = Math.min(this.#windowMax, this.#window + this.#segment);
  }

  #initialWindow(): number {
    return Math.min(INITIAL_SEGMENTS * this.#segment, Math.max(2 * this.#segment, INITIAL_BYTES));
  }
}
