import { ANNOUNCE_MAGIC, ANNOUNCE_REQUEST } from "@net/discovery/announce.ts";
import { concatBytes, equalBytes } from "@runtime/core/bytes.ts";
import type { AdmissionTable, Admitted } from "./admission.ts";
import type { Bus } from "./bus.ts";
import { respond } from "./handshake.ts";
import { RecordStream } from "./record_stream.ts";
import { closesInOrder, Refusal, refusalOf } from "./refusal.ts";
import type { Stream } from "./stream.ts";

/** Bytes that tell a session from a request for the announce: no record prefix looks like it. */
const FIRST_LENGTH = ANNOUNCE_MAGIC.length;
/** How long accepting rests after netstackd had no room for a connection. */
const ACCEPT_RETRY_MS = 50;

const NOTHING = new Uint8Array(0);

/** What was accepted so far. */
export interface Accepted {
  readonly connections: number;
  readonly announces: number;
}

/** Takes connections that others open: sessions and requests for the announce. */
export class Acceptor {
  readonly #bus: Bus;
  readonly #table: AdmissionTable;
  #connections = 0;
  #announces = 0;

  constructor(bus: Bus, table: AdmissionTable) {
    this.#bus = bus;
    this.#table = table;
  }

  get accepted(): Accepted {
    return { connections: this.#connections, announces: this.#announces };
  }

  /** Accepts until the listener closes. Connections are served side by side. */
  async run(): Promise<void> {
    const { network, spawn, syscalls, clock } = this.#bus.ports;
    for (;;) {
      const stream = await network.accept();
      if (stream === "gone") return;
      if (stream === "failed") {
        await syscalls.sleepUntil(clock.nowNs() + ACCEPT_RETRY_MS * 1e6);
        continue;
      }
      this.#connections += 1;
      spawn(() => this.#serve(stream));
    }
  }

  async #serve(stream: Stream): Promise<void> {
    let evicted = false;
    const admission = this.#table.admit(stream.address, () => {
      evicted = true;
      stream.abort();
    });
    if (admission.status !== "admitted") {
      stream.abort();
      return this.#refuse(new Refusal(admission.status), stream);
    }
    try {
      await this.#converse(stream, admission.entry);
    } catch (error) {
      if (evicted) return this.#refuse(new Refusal("evicted"), stream);
      this.#hangUp(refusalOf(error), stream);
    } finally {
      this.#table.release(admission.entry);
    }
  }

  /** Whoever is refused by name sees an end and no error. */
  #hangUp(refusal: Refusal, stream: Stream): void {
    const { reason, peer } = refusal;
    if (reason === "identity_mismatch" && peer !== undefined) {
      this.#bus.ports.markers.mismatch(peer);
    }
    this.#refuse(refusal, stream);
    if (closesInOrder(reason)) stream.close();
    else stream.abort();
  }

  async #converse(stream: Stream, entry: Admitted): Promise<void> {
    const { clock, handshake, handshakeTimeoutMs } = this.#bus.ports;
    const deadlineNs = clock.nowNs() + handshakeTimeoutMs * 1e6;
    const first = await this.#read(stream, {
      deadlineNs,
      lengthMin: FIRST_LENGTH,
      before: NOTHING,
    });
    if (equalBytes(first.subarray(0, FIRST_LENGTH), ANNOUNCE_MAGIC)) {
      return await this.#announce(stream, { first, deadlineNs });
    }
    const records = new RecordStream(stream, clock, first);
    const authenticated = await respond(records, handshake, deadlineNs);
    entry.authenticated = true;
    await this.#bus.run(this.#bus.open("responder", records, authenticated), stream);
  }

  async #announce(
    stream: Stream,
    { first, deadlineNs }: { first: Uint8Array; deadlineNs: number },
  ): Promise<void> {
    const lengthMin = ANNOUNCE_REQUEST.length;
    const request = await this.#read(stream, { deadlineNs, lengthMin, before: first });
    if (!equalBytes(request.subarray(0, lengthMin), ANNOUNCE_REQUEST)) {
      throw new Refusal("announce_request_malformed");
    }
    const announce = await this.#bus.ports.announcer.make();
    if (announce === undefined) throw new Refusal("custody");
    this.#announces += 1;
    await stream.write(announce.slice(), this.#bus.ports.handshakeTimeoutMs);
    await stream.close();
  }

  /** At least `lengthMin` bytes before the deadline, `before` among them, however they trickle in. */
  async #read(
    stream: Stream,
    { deadlineNs, lengthMin, before }: {
      readonly deadlineNs: number;
      readonly lengthMin: number;
      readonly before: Uint8Array;
    },
  ): Promise<Uint8Array> {
    let bytes = before;
    while (bytes.length < lengthMin) {
      const leftMs = Math.ceil((deadlineNs - this.#bus.ports.clock.nowNs()) / 1e6);
      const read = leftMs > 0 ? await stream.read(leftMs) : { status: "timed_out" as const };
      if (read.status === "timed_out") throw new Refusal("handshake_timeout");
      if (read.status === "closed") {
        throw new Refusal(bytes.length > 0 ? "record_cut" : "closed_early");
      }
      if (read.status !== "ok") throw new Refusal("connection_reset");
      bytes = bytes.length === 0 ? read.bytes : concatBytes(bytes, read.bytes);
    }
    return bytes;
  }

  #refuse(refusal: Refusal, stream: Stream): void {
    this.#bus.ports.journal.refused(refusal, stream);
  }
}
