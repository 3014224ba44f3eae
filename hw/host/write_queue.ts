import { assert } from "@runtime/core/assert.ts";

/** Most bytes of one write to the host, and most that wait behind it. */
export const WRITE_BYTES_MAX = 262_144;
const BUFFER_BYTES_MIN = 4096;
/** Most buffers of the least size that are kept for the next stream. */
const FREE_BUFFERS_MAX = 64;

const NOTHING: Uint8Array = new Uint8Array(0);
/** Buffers of the least size that no queue uses: making one costs more than writing from it. */
const freeBuffers: Uint8Array[] = [];

/**
 * Bytes on their way to a host stream: one write under way, one buffer that fills behind it.
 *
 * A write costs the same whatever its size, so that what comes while one is under way leaves
 * together in the next. What comes when none is under way leaves at once.
 * A queue in which nothing waits and that never held much has no buffer at all.
 */
export class WriteQueue {
  readonly #write: (bytes: Uint8Array) => void;
  #filling = NOTHING;
  #underWay = NOTHING;
  /** A large buffer between two writes. */
  #spare = NOTHING;
  #length = 0;
  #busy = false;
  #started: boolean;

  /**
   * @param write Begins a write; `finished()` must be called when it is over.
   * @param started Whether writes may begin now, or only after `start()`.
   */
  constructor(write: (bytes: Uint8Array) => void, started: boolean) {
    this.#write = write;
    this.#started = started;
  }

  /** Nothing waits and no write is under way. */
  get empty(): boolean {
    return !this.#busy && this.#length === 0;
  }

  /** Lets writes begin: what waits leaves now. */
  start(): void {
    this.#started = true;
    this.#flush();
  }

  /** Copies as much as there is room for. Returns the count of bytes taken. */
  push(bytes: Uint8Array): number {
    const taken = Math.min(bytes.length, WRITE_BYTES_MAX - this.#length);
    if (taken === 0) return 0;
    this.#grow(this.#length + taken);
    this.#filling.set(taken === bytes.length ? bytes : bytes.subarray(0, taken), this.#length);
    this.#length += taken;
    this.#flush();
    return taken;
  }

  /** The write under way is over: the next one starts. */
  finished(): void {
    assert(this.#busy, "a write that ends was under way");
    this.#busy = false;
    if (this.#underWay.length > BUFFER_BYTES_MIN) this.#spare = this.#underWay;
    else release(this.#underWay);
    this.#underWay = NOTHING;
    this.#flush();
  }

  /** Forgets everything, for a stream that is over. */
  clear(): void {
    release(this.#filling);
    this.#filling = NOTHING;
    this.#spare = NOTHING;
    // The host may still read what is under way: no other queue may get that buffer.
    this.#underWay = NOTHING;
    this.#length = 0;
  }

  #flush(): void {
    if (this.#busy || !this.#started || this.#length === 0) return;
    const bytes = this.#filling.subarray(0, this.#length);
    this.#underWay = this.#filling;
    this.#filling = this.#spare;
    this.#spare = NOTHING;
    this.#length = 0;
    this.#busy = true;
    this.#write(bytes);
  }

  #grow(length: number): void {
    if (this.#filling.length >= length) return;
    let size = Math.max(this.#filling.length, BUFFER_BYTES_MIN);
    while (size < length) size *= 2;
    const grown = bufferOf(size);
    grown.set(this.#filling.subarray(0, this.#length));
    release(this.#filling);
    this.#filling = grown;
  }
}

function bufferOf(size: number): Uint8Array {
  const free = size === BUFFER_BYTES_MIN ? freeBuffers.pop() : undefined;
  return free ?? new Uint8Array(size);
}

/** Gives a buffer that nobody uses any more to the next queue, unless it is large. */
function release(buffer: Uint8Array): void {
  if (buffer.length !== BUFFER_BYTES_MIN || freeBuffers.length === FREE_BUFFERS_MAX) return;
  freeBuffers.push(buffer);
}
