import { assert } from "@runtime/core/assert.ts";
import type {
  HostAddress,
  HostSocketError,
  HostStream,
  HostStreamObserver,
  HostTcp,
} from "@runtime/core/ports.ts";
import { WriteQueue } from "./write_queue.ts";

/** What a runtime's socket tells; the first call comes in a later turn than `start`. */
export interface CarrierEvents {
  opened(): void;
  data(bytes: Uint8Array): void;
  /** The write under way is over. */
  written(): void;
  ended(): void;
  /** The first error of the connection; `closed` follows. */
  failed(error: HostSocketError): void;
  closed(): void;
}

/** One of the runtime's sockets, reduced to what a stream needs. */
export interface Carrier {
  start(events: CarrierEvents): void;
  /** Writes all of `bytes`, which stay untouched until `written`, in a later turn. One at a time. */
  write(bytes: Uint8Array): void;
  /** No `data` may follow before `resume`; the bytes of the last one stay untouched. */
  pause(): void;
  resume(): void;
  /** Sends FIN. No write is under way, and none follows. */
  end(): void;
  /** Ends at once, with RST where the runtime can. `closed` follows. */
  reset(): void;
}

/** A byte stream of the host over a runtime's socket: a bounded queue out, back-pressure in. */
export class CarriedStream implements HostStream {
  readonly #carrier: Carrier;
  readonly #queue: WriteQueue;
  #observer: HostStreamObserver | undefined;
  #error: HostSocketError | undefined;
  /** What the observer did not take yet. */
  #rest: Uint8Array | undefined;
  #offering = false;
  #blocked = false;
  #ending = false;
  #opened: boolean;
  #closed = false;

  constructor(carrier: Carrier, opened: boolean) {
    this.#carrier = carrier;
    this.#opened = opened;
    this.#queue = new WriteQueue((bytes) => carrier.write(bytes), opened);
  }

  observe(observer: HostStreamObserver): void {
    assert(this.#observer === undefined, "a stream has one observer");
    this.#observer = observer;
    this.#carrier.start({
      opened: () => this.#begin(),
      data: (bytes) => this.#offer(bytes),
      written: () => this.#written(),
      ended: () => observer.ended(),
      failed: (error) => this.#error ??= error,
      closed: () => this.#over(),
    });
  }

  write(bytes: Uint8Array): number {
    if (this.#closed || this.#ending) return bytes.length;
    const taken = this.#queue.push(bytes);
    this.#blocked ||= taken < bytes.length;
    return taken;
  }

  resume(): void {
    const rest = this.#rest;
    if (rest === undefined || this.#offering || this.#closed) return;
    this.#rest = undefined;
    this.#offer(rest);
    if (this.#rest === undefined) this.#carrier.resume();
  }

  end(): void {
    if (this.#closed || this.#ending) return;
    this.#ending = true;
    this.#endIfWritten();
  }

  reset(): void {
    if (this.#closed) return;
    this.#error = "aborted";
    this.#queue.clear();
    this.#carrier.reset();
  }

  #begin(): void {
    this.#opened = true;
    this.#queue.start();
    this.#observer?.opened();
    this.#endIfWritten();
  }

  #offer(bytes: Uint8Array): void {
    const observer = this.#observer;
    if (observer === undefined || this.#error !== undefined) return;
    this.#offering = true;
    const taken = observer.data(bytes);
    this.#offering = false;
    if (taken >= bytes.length) return;
    this.#rest = bytes.subarray(taken);
    this.#carrier.pause();
  }

  #written(): void {
    if (this.#closed) return;
    this.#queue.finished();
    this.#endIfWritten();
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#observer?.writable();
  }

  #endIfWritten(): void {
    if (this.#ending && this.#opened && this.#queue.empty) this.#carrier.end();
  }

  #over(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#rest = undefined;
    this.#queue.clear();
    this.#observer?.closed(this.#error);
  }
}

/** A {@linkcode CarriedStream} with the addresses of its two ends. */
export class CarriedTcp extends CarriedStream implements HostTcp {
  readonly remote: HostAddress;
  readonly #local: () => HostAddress;

  constructor(carrier: Carrier, opened: boolean, remote: HostAddress, local: () => HostAddress) {
    super(carrier, opened);
    this.remote = remote;
    this.#local = local;
  }

  get local(): HostAddress {
    return this.#local();
  }
}

/** The address as text; an IPv4 peer that an IPv6 socket shows in IPv6 form is given as IPv4. */
export function hostAddress(host: string | undefined, port: number | undefined): HostAddress {
  const text = host ?? "0.0.0.0";
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(text);
  return { host: mapped?.[1] ?? text, port: port ?? 0 };
}
