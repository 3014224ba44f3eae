/**
 * Round-trip time and the retransmission timeout made from it, in milliseconds.
 *
 * Source: RFC 6298, "The Basic Algorithm", "Taking RTT Samples", "Managing the RTO Timer".
 *
 * @module
 */

/** The timeout before the first sample. */
export const RTO_INITIAL_MS = 1_000;
/** Below RFC 6298's second, as every current system: delayed ACKs here wait far less. */
export const RTO_MIN_MS = 200;
export const RTO_MAX_MS = 60_000;
/** The timeout of the first data when SYNs were lost: what those doubled says nothing of data. */
export const RTO_AFTER_LOST_SYN_MS = 3_000;
/** Assumed resolution of the clock (RFC 6298's G). */
const GRANULARITY_MS = 1;

export class RttEstimator {
  #smoothedMs = -1;
  #variationMs = 0;
  #rtoMs = RTO_INITIAL_MS;

  /** The timeout to use now, backed off as often as asked. */
  get rtoMs(): number {
    return this.#rtoMs;
  }

  /** Takes one round trip of a segment that was sent once (Karn's rule is the caller's). */
  sample(roundTripMs: number): void {
    const sampleMs = Math.max(0, roundTripMs);
    if (this.#smoothedMs < 0) {
      this.#smoothedMs = sampleMs;
      this.#variationMs = sampleMs / 2;
    } else {
      const off = Math.abs(this.#smoothedMs - sampleMs);
      this.#variationMs = 0.75 * this.#variationMs + 0.25 * off;
      this.#smoothedMs = 0.875 * this.#smoothedMs + 0.125 * sampleMs;
    }
    this.#settle();
  }

  /** The timer ran out: doubles the timeout. */
  backOff(): void {
    this.#rtoMs = Math.min(RTO_MAX_MS, this.#rtoMs * 2);
  }

  /** The handshake is done: doubling that had no sample to return to ends here. */
  begin(): void {
    if (this.#smoothedMs < 0 && this.#rtoMs > RTO_INITIAL_MS) this.#rtoMs = RTO_AFTER_LOST_SYN_MS;
  }

  /** New data was acknowledged: undoes the doubling once there is a sample to return to. */
  settle(): void {
    if (this.#smoothedMs >= 0) this.#settle();
  }

  #settle(): void {
    const rtoMs = this.#smoothedMs + Math.max(GRANULARITY_MS, 4 * this.#variationMs);
    this.#rtoMs = Math.min(RTO_MAX_MS, Math.max(RTO_MIN_MS, rtoMs));
  }
}
