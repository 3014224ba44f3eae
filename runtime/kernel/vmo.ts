import { assert } from "../core/assert.ts";
import { VMO_LENGTH_MAX } from "../core/syscalls.ts";

/** Most bytes of memory objects that one task may hold at a time. */
export const VMO_BYTES_PER_TASK_MAX = 64 << 20;

/**
 * A memory object. One task holds it at a time: moving it cuts off every view that the task before
 * had, as a transfer between workers would, so that bytes are never shared by accident.
 */
export class Vmo {
  /** In bytes, also once they have left for another isolate. */
  readonly length: number;
  #bytes: Uint8Array<ArrayBuffer>;

  private constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.length = bytes.length;
    this.#bytes = bytes;
  }

  /** @param length 1..{@linkcode VMO_LENGTH_MAX} bytes, zero-filled. */
  static zeroed(length: number): Vmo {
    assert(vmoLengthValid(length), "a memory object has a length within its bound");
    return new Vmo(new Uint8Array(length));
  }

  /** Takes the buffer behind `bytes`: every other view of it is detached. */
  static taking(bytes: Uint8Array<ArrayBuffer>): Vmo {
    assert(vmoLengthValid(bytes.length), "a memory object has a length within its bound");
    return new Vmo(detached(bytes));
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes;
  }

  /** Cuts off every view handed out so far. */
  detachViews(): void {
    this.#bytes = detached(this.#bytes);
  }
}

/** Whether a memory object may have this length. */
export function vmoLengthValid(length: number): boolean {
  return Number.isInteger(length) && length >= 1 && length <= VMO_LENGTH_MAX;
}

/** Part of a larger buffer is copied out: what lies around it must not travel along. */
function detached(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  const { buffer, length } = bytes;
  if (buffer.byteLength === length) return new Uint8Array(buffer.transferToFixedLength());
  const own = bytes.slice();
  buffer.transfer();
  return own;
}
