import { FRAME_LENGTH_MAX } from "../core/syscalls.ts";

/** Frames of one batch take at most so many bytes, their lengths included. */
export const BATCH_LENGTH_MAX = 4 * (FRAME_LENGTH_MAX + 2);
/** Bytes of the length in front of each frame. */
const LENGTH_SIZE = 2;

/**
 * Frames on their way over a wire, one behind the other, each behind its length as u16 LE. The buffer
 * is used again and again: an array for each frame would cost more than the copy.
 */
export class Batch {
  readonly #bytes = new Uint8Array(BATCH_LENGTH_MAX);
  #used = 0;
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Whether a frame of so many bytes still fits. */
  fits(length: number): boolean {
    return this.#used + LENGTH_SIZE + length <= BATCH_LENGTH_MAX;
  }

  add(frame: Uint8Array): void {
    const { length } = frame;
    this.#bytes[this.#used] = length & 0xff;
    this.#bytes[this.#used + 1] = length >>> 8;
    this.#bytes.set(frame, this.#used + LENGTH_SIZE);
    this.#used += LENGTH_SIZE + length;
    this.#count += 1;
  }

  /** What is in it, as an array of its own that shows nothing else; it is empty afterwards. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#used);
    // A seed may have been in it: what has gone stays nowhere.
    this.#bytes.fill(0, 0, this.#used);
    this.#used = 0;
    this.#count = 0;
    return taken;
  }
}

/**
 * The frames of a batch, as views of it; `undefined` when it is none.
 *
 * @param countMax Frames that it may hold.
 */
export function framesOf(bytes: Uint8Array, countMax: number): readonly Uint8Array[] | undefined {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < bytes.length;) {
    if (at + LENGTH_SIZE > bytes.length || frames.length === countMax) return undefined;
    const length = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
    at += LENGTH_SIZE;
    if (length > FRAME_LENGTH_MAX || at + length > bytes.length) return undefined;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return frames;
}
