import type { Clock, HostSocketError, Turns } from "../core/ports.ts";
import type { FrameStream } from "../core/program_ports.ts";
import type { Exchange, NonceReader, NoReply, RawChannel, RawReply } from "./channel.ts";

/** Requests that are on their way at a time: as many as a node lets one connection have. */
const SENT_MAX = 8;
/** Requests of one connection that have no answer yet. One more is `gone` at once. */
export const WAITING_MAX = 1_024;

/** A channel over one connection. */
export interface StreamConnection extends RawChannel {
  /** Whether it is over: every call is then `gone`. */
  readonly ended: boolean;
  /** Ends it; calls under way are `gone`. */
  close(): void;
}

/** What a channel over a stream stands on. */
export interface StreamPorts {
  readonly clock: Pick<Clock, "nowNs">;
  readonly turns: Pick<Turns, "at">;
  /** Reads the nonce of a reply. */
  readonly nonceOf: NonceReader;
  /** How long the other end may take to accept, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** The connection, or why there is none. */
export type Connected =
  | { readonly status: "ok"; readonly connection: StreamConnection }
  | { readonly status: "failed"; readonly error: HostSocketError };

/** Waits until a stream that was just begun stands. */
export function connectStream(stream: FrameStream, ports: StreamPorts): Promise<Connected> {
  const { clock, turns, connectTimeoutMs } = ports;
  return new Promise((resolve) => {
    const channel = new StreamChannel(stream, ports);
    const give = () => {
      channel.close();
      resolve({ status: "failed", error: "timed_out" });
    };
    const cancel = turns.at(clock.nowNs() + connectTimeoutMs * 1e6, give);
    stream.observe({
      opened() {
        cancel();
        resolve({ status: "ok", connection: channel });
      },
      frame: (bytes) => channel.settle(bytes),
      closed(error) {
        cancel();
        channel.end();
        resolve({ status: "failed", error: error ?? "failed" });
      },
    });
  });
}

interface Waiting extends Exchange {
  cancel: () => void;
  readonly resolve: (outcome: RawReply | NoReply) => void;
}

/**
 * Requests over one connection, whose answers come in order. An answer that is late or not to the
 * request at the front ends the connection: what follows could be taken for another's.
 */
class StreamChannel implements StreamConnection {
  readonly #stream: FrameStream;
  readonly #ports: StreamPorts;
  /** Those on their way, the oldest first, and behind them those that wait for room. */
  readonly #sent: Waiting[] = [];
  readonly #queued: Waiting[] = [];
  #ended = false;

  constructor(stream: FrameStream, ports: StreamPorts) {
    this.#stream = stream;
    this.#ports = ports;
  }

  get ended(): boolean {
    return this.#ended;
  }

  exchange(exchange: Exchange): Promise<RawReply | NoReply> {
    const full = this.#sent.length + this.#queued.length >= WAITING_MAX;
    if (this.#ended || full) return Promise.resolve({ status: "gone" });
    return new Promise((resolve) => this.#queue(exchange, resolve));
  }

  /** Takes the answer to the oldest request. */
  settle(bytes: Uint8Array): void {
    const frame = bytes.slice();
    const answered = this.#sent.shift();
    answered?.cancel();
    if (answered === undefined || this.#ports.nonceOf(frame) !== answered.nonce) {
      answered?.resolve({ status: "gone" });
      return this.#abort();
    }
    answered.resolve({ status: "ok", frame, moved: undefined });
    this.#send();
  }

  close(): void {
    if (this.#ended) return;
    this.end();
    this.#stream.end();
  }

  /** The connection is over. */
  end(): void {
    this.#ended = true;
    for (const { cancel, resolve } of [...this.#sent.splice(0), ...this.#queued.splice(0)]) {
      cancel();
      resolve({ status: "gone" });
    }
  }

  #queue(exchange: Exchange, resolve: Waiting["resolve"]): void {
    // A frame is its sender's again when the call returns, and this one may wait.
    const frame = exchange.frame.slice();
    const waiting: Waiting = { ...exchange, frame, resolve, cancel: () => {} };
    const { timeoutMs } = exchange;
    if (timeoutMs !== undefined) {
      const { clock, turns } = this.#ports;
      const late = () => this.#late(waiting);
      waiting.cancel = turns.at(clock.nowNs() + timeoutMs * 1e6, late);
    }
    this.#queued.push(waiting);
    this.#send();
  }

  #send(): void {
    while (this.#sent.length < SENT_MAX) {
      const next = this.#queued.shift();
      if (next === undefined) return;
      this.#sent.push(next);
      if (!this.#stream.send(next.frame)) return this.#abort();
    }
  }

  #late(waiting: Waiting): void {
    waiting.resolve({ status: "no_reply" });
    const queued = this.#queued.indexOf(waiting);
    // What was not sent has no answer that could be taken for another's.
    if (queued >= 0) this.#queued.splice(queued, 1);
    else this.#abort();
  }

  #abort(): void {
    if (!this.#ended) this.#stream.reset();
    this.end();
  }
}
