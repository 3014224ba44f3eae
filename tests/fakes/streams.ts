import { concatBytes } from "@runtime/core/bytes.ts";
import type { Clock, Turns } from "@runtime/core/ports.ts";
import type { Stream, StreamEnd, StreamRead } from "@services/dsoftbusd/stream.ts";

/** One end of an in-memory connection. */
export interface FakeStream extends Stream {
  /** How this end was let go of. */
  readonly left: "open" | "closed" | "aborted";
  /** Everything that was written here. */
  readonly sent: Uint8Array;
}

/** What a pair is like. */
export interface PairOptions {
  /** Bytes that wait on their way; a write that has no room waits. Unbounded unless told. */
  readonly capacity?: number;
  /** Most bytes of one read; what is written together otherwise comes together. */
  readonly segment?: number;
  /** Changes bytes on their way, by who wrote them: end 0 or 1. */
  readonly tamper?: (end: number, bytes: Uint8Array) => Uint8Array;
  /** Does not keep what was sent: for long runs. */
  readonly forget?: boolean;
  readonly address?: number;
}

/**
 * Two ends of a connection without a network. What is written is copied and its buffer spoiled, as a
 * memory object that moved away would be.
 */
export function streamPair(
  clock: Clock & Turns,
  options: PairOptions = {},
): readonly [FakeStream, FakeStream] {
  const pipes = [new Pipe(clock, options), new Pipe(clock, options)] as const;
  return [
    new End(0, pipes[1], pipes[0], options),
    new End(1, pipes[0], pipes[1], options),
  ];
}

class End implements FakeStream {
  readonly address: number;
  readonly port = 40_000;
  left: "open" | "closed" | "aborted" = "open";
  readonly #index: number;
  readonly #from: Pipe;
  readonly #to: Pipe;
  readonly #options: PairOptions;
  readonly #sent: Uint8Array[] = [];

  constructor(index: number, from: Pipe, to: Pipe, options: PairOptions) {
    this.address = options.address ?? 0x0a000200 + index;
    this.#index = index;
    this.#from = from;
    this.#to = to;
    this.#options = options;
  }

  get sent(): Uint8Array {
    return concatBytes(...this.#sent);
  }

  read(timeoutMs: number): Promise<StreamRead> {
    if (this.left !== "open") return Promise.resolve({ status: "gone" });
    return this.#from.read(timeoutMs);
  }

  async write(bytes: Uint8Array<ArrayBuffer>, timeoutMs: number): Promise<"ok" | StreamEnd> {
    if (this.left !== "open") return "gone";
    const own = bytes.slice();
    bytes.fill(0xee);
    if (this.#options.forget !== true) this.#sent.push(own);
    const { tamper } = this.#options;
    return await this.#to.write(tamper === undefined ? own : tamper(this.#index, own), timeoutMs);
  }

  async exchange(bytes: Uint8Array, timeoutMs: number): Promise<StreamRead> {
    const written = await this.write(bytes.slice(), timeoutMs);
    return written === "ok" ? await this.read(timeoutMs) : { status: written };
  }

  close(): Promise<void> {
    if (this.left !== "open") return Promise.resolve();
    this.left = "closed";
    this.#to.end("closed");
    this.#from.leave("gone");
    return Promise.resolve();
  }

  abort(): Promise<void> {
    if (this.left !== "open") return Promise.resolve();
    this.left = "aborted";
    this.#to.end("reset");
    this.#from.leave("reset");
    return Promise.resolve();
  }
}

interface Writer {
  readonly bytes: Uint8Array;
  done(status: "ok" | StreamEnd): void;
}

/** One direction. */
class Pipe {
  readonly #clock: Clock & Turns;
  readonly #capacity: number;
  readonly #segment: number;
  readonly #chunks: Uint8Array[] = [];
  #held = 0;
  #ended: "closed" | "reset" | undefined;
  #reader: ((read: StreamRead) => void) | undefined;
  readonly #writers: Writer[] = [];

  constructor(clock: Clock & Turns, { capacity, segment }: PairOptions) {
    this.#clock = clock;
    this.#capacity = capacity ?? Infinity;
    this.#segment = segment ?? Infinity;
  }

  read(timeoutMs: number): Promise<StreamRead> {
    const bytes = this.#take();
    if (bytes !== undefined) return Promise.resolve({ status: "ok", bytes });
    if (this.#ended !== undefined) return Promise.resolve({ status: this.#ended });
    return new Promise((resolve) => {
      const cancel = timeoutMs === 0
        ? () => {}
        : this.#after(timeoutMs, () => settle({ status: "timed_out" }));
      const settle = (read: StreamRead) => {
        cancel();
        this.#reader = undefined;
        resolve(read);
      };
      this.#reader = settle;
    });
  }

  write(bytes: Uint8Array, timeoutMs: number): Promise<"ok" | StreamEnd> {
    if (this.#ended !== undefined) return Promise.resolve(this.#ended);
    if (this.#held === 0 || this.#held + bytes.length <= this.#capacity) {
      this.#push(bytes);
      return Promise.resolve("ok");
    }
    return new Promise((resolve) => {
      const cancel = this.#after(timeoutMs, () => writer.done("timed_out"));
      const writer = {
        bytes,
        done: (status: "ok" | StreamEnd) => {
          cancel();
          const index = this.#writers.indexOf(writer);
          if (index >= 0) this.#writers.splice(index, 1);
          resolve(status);
        },
      };
      this.#writers.push(writer);
    });
  }

  /** The writing end is gone: a reset drops what was on its way. */
  end(how: "closed" | "reset"): void {
    this.#ended ??= how;
    if (how === "reset") {
      this.#chunks.length = 0;
      this.#held = 0;
    }
    for (const writer of [...this.#writers]) writer.done("gone");
    if (this.#held === 0) this.#reader?.({ status: how });
  }

  /** The reading end is gone. */
  leave(why: "gone" | "reset"): void {
    this.#ended ??= "reset";
    this.#reader?.({ status: why });
    for (const writer of [...this.#writers]) writer.done("reset");
  }

  #after(ms: number, work: () => void): () => void {
    return this.#clock.at(this.#clock.nowNs() + ms * 1e6, work);
  }

  #push(bytes: Uint8Array): void {
    this.#chunks.push(bytes);
    this.#held += bytes.length;
    const reader = this.#reader;
    if (reader === undefined) return;
    const taken = this.#take();
    if (taken !== undefined) reader({ status: "ok", bytes: taken });
  }

  #take(): Uint8Array | undefined {
    const first = this.#chunks[0];
    if (first === undefined) return undefined;
    const taken = first.subarray(0, Math.min(first.length, this.#segment));
    if (taken.length === first.length) this.#chunks.shift();
    else this.#chunks[0] = first.subarray(taken.length);
    this.#held -= taken.length;
    this.#admit();
    return taken;
  }

  #admit(): void {
    for (let first = this.#writers[0]; first !== undefined; first = this.#writers[0]) {
      if (this.#held > 0 && this.#held + first.bytes.length > this.#capacity) return;
      this.#push(first.bytes);
      first.done("ok");
    }
  }
}
