import { NoiseError } from "@net/noise/error.ts";
import { NOISE_TAG_LENGTH } from "@net/noise/pattern.ts";
import type { Transport } from "@net/noise/transport.ts";
import { RECORD_PREFIX_LENGTH, writeRecordPrefix } from "@net/transport/record.ts";
import { decodeFrame, encodeFrame, frameLength } from "@net/transport/session_messages.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { RecordStream } from "./record_stream.ts";
import { closesInOrder, endsSession, Refusal, refusalOf, type SessionEnd } from "./refusal.ts";

/** Channel of announces, used by nodes of ours alone. */
export const CHANNEL_ANNOUNCE = 0;
/** Channel of samgr calls and pings. Source: session-wire, "Channels". */
export const CHANNEL_SERVICES = 1;
/**
 * Set on the channel of requests that the responder makes, and of their replies, so that both ends
 * may ask. A v1 peer never sees it: only one that sent an announce on channel 0 is asked.
 */
export const CHANNEL_REVERSE = 0x8000_0000;

/** Requests of ours that may wait for their replies. */
export const REQUESTS_MAX = 64;
/** Frames that may wait to be sent; more make the peer wait. */
export const OUTBOX_FRAMES_MAX = 128;
/** Bytes of frames that may wait to be sent; more make the peer wait. */
export const OUTBOX_BYTES_MAX = 1 << 20;
/** Bytes that one write gathers at most. */
const WRITE_LENGTH_MAX = 256 << 10;
/** How long a session may be silent before its initiator sends a ping. */
export const KEEPALIVE_MS = 15_000;
/** How long a session may bring nothing at all. */
export const IDLE_TIMEOUT_MS = 60_000;
/** How long one write may wait for a peer that does not read. */
export const STALL_TIMEOUT_MS = 60_000;

/** What a session starts from. */
export interface SessionOptions {
  readonly role: "initiator" | "responder";
  readonly deviceId: string;
  readonly hash: Uint8Array;
  readonly transport: Transport;
  readonly records: RecordStream;
  readonly clock: Clock;
  /** Answers a request of the peer's on the services channel. */
  readonly serve: (session: Session, request: Uint8Array) => Uint8Array | Promise<Uint8Array>;
  /** Takes a frame of the announce channel. */
  readonly announced: (session: Session, bytes: Uint8Array) => Promise<void>;
}

/** Reply of the peer, or how the session ended before it came. */
export type PeerReply = Uint8Array | { readonly ended: SessionEnd | "requests_limit" };

interface Waiting {
  settle(reply: PeerReply): void;
}

interface Outgoing {
  readonly channel: number;
  readonly bytes: Uint8Array;
}

/**
 * An authenticated session: sealed records, each one `Frame{chan, bytes}`.
 *
 * One request at a time is served and replies keep the order of requests, so that a reply belongs to
 * the oldest request without one.
 */
export class Session {
  readonly role: "initiator" | "responder";
  readonly deviceId: string;
  readonly hash: Uint8Array;
  readonly sinceNs: number;
  /** The peer sent an announce of ours on channel 0: it takes requests on the reverse channel. */
  peerAnnounced = false;
  /** We sent ours: the peer may make requests on the reverse channel. */
  #announced = false;
  readonly #options: SessionOptions;
  readonly #waiting: Waiting[] = [];
  readonly #outbox: Outgoing[] = [];
  #outboxBytes = 0;
  #flushing = false;
  #roomAgain: (() => void)[] = [];
  #lastReceivedNs: number;
  #lastSentNs: number;
  #records = 0;
  #ended: SessionEnd | undefined;
  /** What a write threw that is no refusal: `run` throws it on. */
  #bug: { readonly error: unknown } | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.role = options.role;
    this.deviceId = options.deviceId;
    this.hash = options.hash;
    this.sinceNs = options.clock.nowNs();
    this.#lastReceivedNs = this.sinceNs;
    this.#lastSentNs = this.sinceNs;
  }

  /** Records opened so far. */
  get records(): number {
    return this.#records;
  }

  get ended(): SessionEnd | undefined {
    return this.#ended;
  }

  /** Whether requests can be made: an initiator always may, a responder of a peer of ours. */
  get askable(): boolean {
    return this.#ended === undefined && (this.role === "initiator" || this.peerAnnounced);
  }

  /** Sends a request on the services channel and waits for its reply. */
  request(bytes: Uint8Array): Promise<PeerReply> {
    if (this.#ended !== undefined) return Promise.resolve({ ended: this.#ended });
    if (this.#waiting.length >= REQUESTS_MAX) return Promise.resolve({ ended: "requests_limit" });
    return new Promise((resolve) => {
      this.#waiting.push({ settle: resolve });
      this.#post({ channel: this.#requestChannel, bytes });
    });
  }

  /** Sends this node's announce on channel 0. */
  announce(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return;
    this.#announced = true;
    this.#post({ channel: CHANNEL_ANNOUNCE, bytes });
  }

  /**
   * Serves the session until it ends. What is no refusal but a bug is thrown on.
   *
   * @returns why it ended.
   */
  async run(): Promise<SessionEnd> {
    let reason: SessionEnd;
    try {
      reason = await this.#receive();
    } catch (error) {
      reason = this.#reasonOf(error);
    }
    const ended = this.end(reason);
    if (this.#bug !== undefined) throw this.#bug.error;
    return ended;
  }

  /**
   * Ends the session now. The first reason stays; what waited is still sent, unless the peer is cut
   * off or a record did not open.
   */
  end(reason: SessionEnd): SessionEnd {
    if (this.#ended !== undefined) return this.#ended;
    this.#ended = reason;
    const { records: { stream }, transport } = this.#options;
    const orderly = closesInOrder(reason);
    while (orderly && !transport.failed && this.#outbox.length > 0) {
      stream.write(this.#gathered(), STALL_TIMEOUT_MS);
    }
    transport.wipe();
    this.#outbox.length = 0;
    for (const waiting of this.#waiting.splice(0)) waiting.settle({ ended: reason });
    for (const resolve of this.#roomAgain.splice(0)) resolve();
    if (orderly) stream.close();
    else stream.abort();
    return reason;
  }

  get #requestChannel(): number {
    return this.role === "initiator" ? CHANNEL_SERVICES : CHANNEL_SERVICES + CHANNEL_REVERSE;
  }

  get #servedChannel(): number {
    return this.role === "initiator" ? CHANNEL_SERVICES + CHANNEL_REVERSE : CHANNEL_SERVICES;
  }

  /** An initiator serves only the peer that it told, by its announce, that it does. */
  get #serves(): boolean {
    return this.role === "responder" || this.#announced;
  }

  async #receive(): Promise<SessionEnd> {
    const { records, clock } = this.#options;
    while (this.#ended === undefined) {
      const read = await records.read(clock.nowNs() + KEEPALIVE_MS * 1e6);
      if (this.#ended !== undefined) break;
      switch (read.status) {
        case "ok":
          await this.#take(read.record);
          break;
        case "timed_out":
          this.#keepAlive();
          break;
        case "closed":
          return "closed";
        case "reset":
          return "connection_reset";
        default:
          return "gone";
      }
    }
    return this.#ended ?? "local_close";
  }

  /** Opens a record and hands its frame on. Frames are served one after the other. */
  async #take(sealed: Uint8Array): Promise<void> {
    // In place: the record's bytes are nobody else's, and its frame is done with before the next read.
    const length = this.#options.transport.open(sealed, sealed);
    this.#records += 1;
    this.#lastReceivedNs = this.#options.clock.nowNs();
    const { chan, bytes } = decodeFrame(sealed.subarray(0, length));
    if (chan === this.#requestChannel) return this.#settle(bytes);
    if (chan === this.#servedChannel && this.#serves) {
      const reply = this.#options.serve(this, bytes);
      await this.#reply(reply instanceof Uint8Array ? reply : await reply);
      return;
    }
    if (chan !== CHANNEL_ANNOUNCE) throw new Refusal("unknown_channel");
    await this.#options.announced(this, bytes.slice());
  }

  #settle(bytes: Uint8Array): void {
    const waiting = this.#waiting.shift();
    if (waiting === undefined) throw new Refusal("unasked_reply");
    waiting.settle(bytes.slice());
  }

  /** A peer that does not take its replies is not read from either. */
  async #reply(bytes: Uint8Array): Promise<void> {
    while (this.#ended === undefined && this.#full) {
      await new Promise<void>((resolve) => this.#roomAgain.push(resolve));
    }
    if (this.#ended === undefined) this.#post({ channel: this.#servedChannel, bytes });
  }

  get #full(): boolean {
    return this.#outbox.length >= OUTBOX_FRAMES_MAX || this.#outboxBytes >= OUTBOX_BYTES_MAX;
  }

  /** `bytes` may lie in the record just opened: what is not sealed at once is copied. */
  #post({ channel, bytes }: Outgoing): void {
    const sealedNow = !this.#flushing && this.#outbox.length === 0;
    this.#outbox.push({ channel, bytes: sealedNow ? bytes : bytes.slice() });
    this.#outboxBytes += bytes.length;
    if (!this.#flushing) this.#flush();
  }

  /**
   * Writes what waits, gathered into few writes; a write ends when netstackd holds its bytes. Never
   * rejects, for nobody waits for it: what goes wrong ends the session.
   */
  async #flush(): Promise<void> {
    const { stream } = this.#options.records;
    this.#flushing = true;
    try {
      while (this.#outbox.length > 0 && this.#ended === undefined) {
        const status = await stream.write(this.#gathered(), STALL_TIMEOUT_MS);
        for (const resolve of this.#roomAgain.splice(0)) resolve();
        if (status !== "ok") this.end(WRITE_ENDED[status]);
      }
    } catch (error) {
      this.#failed(error);
    }
    // In the turn that found the outbox empty: what is posted from now on starts a flush of its own.
    this.#flushing = false;
  }

  /** A bug ends the session too, before it is thrown on. */
  #reasonOf(error: unknown): SessionEnd {
    try {
      const { reason } = refusalOf(error);
      assert(endsSession(reason), "a session ends by a cause of its own");
      return reason;
    } catch (bug) {
      this.#bug = { error: bug };
      return "gone";
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof NoiseError)) {
      this.#bug = { error };
      this.end("gone");
    } else if (error.code !== "failed") this.end("noise_failed");
    // Else a record of the peer's did not open just now: that is about to end the session.
  }

  /** Seals frames of the outbox into one buffer, at least one and as many as one write takes. */
  #gathered(): Uint8Array<ArrayBuffer> {
    let count = 0;
    let length = 0;
    for (const { bytes } of this.#outbox) {
      const record = RECORD_PREFIX_LENGTH + frameLength(bytes.length) + NOISE_TAG_LENGTH;
      if (count > 0 && length + record > WRITE_LENGTH_MAX) break;
      count += 1;
      length += record;
    }
    const gathered = new Uint8Array(length);
    let offset = 0;
    for (const { channel, bytes } of this.#outbox.splice(0, count)) {
      this.#outboxBytes -= bytes.length;
      const plainLength = frameLength(bytes.length);
      const start = writeRecordPrefix(plainLength + NOISE_TAG_LENGTH, gathered, offset);
      encodeFrame(channel, bytes, gathered, start);
      const plain = gathered.subarray(start, start + plainLength);
      offset = start + this.#options.transport.seal(plain, gathered, start);
    }
    assert(offset === length, "gathered records fill their buffer");
    this.#lastSentNs = this.#options.clock.nowNs();
    return gathered;
  }

  #keepAlive(): void {
    const now = this.#options.clock.nowNs();
    if (now - this.#lastReceivedNs >= IDLE_TIMEOUT_MS * 1e6) throw new Refusal("idle");
    const silent = now - Math.max(this.#lastSentNs, this.#lastReceivedNs) >= KEEPALIVE_MS * 1e6;
    if (silent && this.role === "initiator") this.request(PING);
  }
}

/** What a ping says, and what its reply says, each with the payload behind it. */
export const PING = Uint8Array.of(0x70, 0x69, 0x6e, 0x67);
export const PONG = Uint8Array.of(0x70, 0x6f, 0x6e, 0x67);

const WRITE_ENDED = {
  closed: "closed",
  reset: "connection_reset",
  "timed_out": "stalled",
  gone: "gone",
} as const;
