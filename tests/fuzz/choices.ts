/** Choices that a seed makes (sfc32). Not for secrets. */
export class Choices {
  readonly #state: Uint32Array;

  /** @param seed 32 bits. */
  constructor(seed: number) {
    this.#state = Uint32Array.of(seed, 0x9e3779b9, 0x243f6a88, 1);
    for (let round = 0; round < 12; round++) this.u32();
  }

  u32(): number {
    const [a = 0, b = 0, c = 0, counter = 0] = this.#state;
    const result = (a + b + counter) >>> 0;
    this.#state[0] = b ^ (b >>> 9);
    this.#state[1] = c + (c << 3);
    this.#state[2] = ((c << 21) | (c >>> 11)) + result;
    this.#state[3] = counter + 1;
    return result;
  }

  /** A whole number from 0 to `count - 1`; `count` is 1 or more. */
  below(count: number): number {
    return Math.floor(this.u32() / 0x1_0000_0000 * count);
  }

  /** A whole number from `least` to `most`, both possible. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** True in one of `count` cases. */
  oneIn(count: number): boolean {
    return this.below(count) === 0;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.below(choices.length)] ?? choices[0];
  }

  bytes(length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(length);
    for (let index = 0; index < length; index++) bytes[index] = this.below(256);
    return bytes;
  }

  /** A copy in which a few bytes are changed, and which may be cut short or lengthened. */
  damaged(original: Uint8Array): Uint8Array<ArrayBuffer> {
    const length = this.oneIn(4) ? this.below(original.length + 9) : original.length;
    const bytes = this.bytes(length);
    bytes.set(original.subarray(0, length));
    for (let left = this.below(4); left > 0 && length > 0; left--) {
      bytes[this.below(length)] = this.pick([0, 1, 0x7f, 0x80, 0xff, this.below(256)]);
    }
    return bytes;
  }
}
