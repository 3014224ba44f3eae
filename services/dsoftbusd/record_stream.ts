import { RecordDecoder } from "@net/transport/record.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { Refusal } from "./refusal.ts";
import type { Stream, StreamEnd } from "./stream.ts";

/** What reading a record ends with. */
export type RecordRead =
  | { readonly status: "ok"; readonly record: Uint8Array }
  | { readonly status: StreamEnd };

/** Records over a byte stream. */
export class RecordStream {
  readonly stream: Stream;
  readonly decoder = new RecordDecoder();
  readonly #clock: Clock;

  /** @param first Bytes that were read already and belong to the first record. */
  constructor(stream: Stream, clock: Clock, first?: Uint8Array) {
    this.stream = stream;
    this.#clock = clock;
    if (first !== undefined) this.decoder.push(first);
  }

  /**
   * The next record, valid until the next call.
   *
   * @param deadlineNs Absolute: a peer that trickles gains nothing by each byte.
   * @throws {Refusal} `record_length`: a prefix of 0 or past the bound. `record_cut`: the stream ended
   *   inside a record, which no orderly end does.
   */
  async read(deadlineNs: number): Promise<RecordRead> {
    for (;;) {
      const record = this.#next();
      if (record !== undefined) return { status: "ok", record };
      const leftMs = Math.ceil((deadlineNs - this.#clock.nowNs()) / 1e6);
      if (leftMs <= 0) return { status: "timed_out" };
      const read = await this.stream.read(leftMs);
      if (read.status !== "ok") return this.#ended(read.status);
      this.decoder.push(read.bytes);
    }
  }

  /**
   * Sends bytes, at most {@linkcode EXCHANGE_LENGTH_MAX} of them, and reads the next record, as
   * {@linkcode read} does.
   */
  async exchange(bytes: Uint8Array<ArrayBuffer>, deadlineNs: number): Promise<RecordRead> {
    const early = this.#next();
    if (early !== undefined) {
      // The peer did not wait for its turn: its record is here already.
      const status = await this.write(bytes, deadlineNs);
      return status === "ok" ? { status, record: early } : { status };
    }
    const leftMs = Math.ceil((deadlineNs - this.#clock.nowNs()) / 1e6);
    if (leftMs <= 0) return { status: "timed_out" };
    const read = await this.stream.exchange(bytes, leftMs);
    if (read.status !== "ok") return this.#ended(read.status);
    this.decoder.push(read.bytes);
    return await this.read(deadlineNs);
  }

  /** Sends bytes, whose buffer may be taken, before an absolute deadline. */
  async write(bytes: Uint8Array<ArrayBuffer>, deadlineNs: number): Promise<"ok" | StreamEnd> {
    const leftMs = Math.ceil((deadlineNs - this.#clock.nowNs()) / 1e6);
    return leftMs > 0 ? await this.stream.write(bytes, leftMs) : "timed_out";
  }

  #ended(status: StreamEnd): RecordRead {
    if (status === "closed" && this.decoder.held > 0) throw new Refusal("record_cut");
    return { status };
  }

  #next(): Uint8Array | undefined {
    try {
      return this.decoder.next();
    } catch (error) {
      if (error instanceof WireError) throw new Refusal("record_length");
      throw error;
    }
  }
}
