/**
 * Continuous health tests of the entropy source, over the very bytes that are handed out.
 *
 * Source: NIST SP 800-90B, "Repetition Count Test" and "Adaptive Proportion Test", with a claimed
 * min-entropy of 8 bits a byte and a false-alarm bound of 2^-60.
 *
 * @module
 */

/** Equal bytes in a row that trip the repetition count test: 1 + 60/8, rounded up. */
export const REPETITION_CUTOFF = 9;
/** Bytes of one window of the adaptive proportion test, as 800-90B has it for bytes. */
export const PROPORTION_WINDOW = 512;
/**
 * Occurrences of a window's first byte, itself among them, that trip the test: one more than the
 * critical value of the binomial distribution of 512 draws at 1/256. A test works it out again.
 */
export const PROPORTION_CUTOFF = 25;

/** Which test tripped. */
export type HealthFailure = "repetition" | "proportion";

/** Both tests, fed byte by byte. A failure is final. */
export class HealthTests {
  #last = -1;
  #repeated = 0;
  #first = -1;
  #seen = 0;
  #matches = 0;
  #judged = 0;
  #failure: HealthFailure | undefined;

  /** The test that tripped, if one did. */
  get failure(): HealthFailure | undefined {
    return this.#failure;
  }

  /** Bytes judged so far, the one that tripped a test among them. */
  get judged(): number {
    return this.#judged;
  }

  /** Judges bytes; `false` from the first failure on, also for all that follow. */
  judge(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      if (this.#failure !== undefined) return false;
      this.#judged += 1;
      if (this.#repeats(byte)) this.#failure = "repetition";
      else if (this.#crowds(byte)) this.#failure = "proportion";
    }
    return this.#failure === undefined;
  }

  #repeats(byte: number): boolean {
    this.#repeated = byte === this.#last ? this.#repeated + 1 : 1;
    this.#last = byte;
    return this.#repeated >= REPETITION_CUTOFF;
  }

  #crowds(byte: number): boolean {
    if (this.#seen === 0) {
      this.#first = byte;
      this.#matches = 0;
    }
    if (byte === this.#first) this.#matches += 1;
    this.#seen = (this.#seen + 1) % PROPORTION_WINDOW;
    return this.#matches >= PROPORTION_CUTOFF;
  }
}
