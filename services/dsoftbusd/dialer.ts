import type { DecodedAnnounce } from "@net/discovery/announce.ts";
import { fetchAnnounce } from "./announcer.ts";
import { backoffMs } from "./backoff.ts";
import type { Bus } from "./bus.ts";
import { type Authenticated, type Expected, initiate } from "./handshake.ts";
import type { Place } from "./place.ts";
import { RecordStream } from "./record_stream.ts";
import { type Cause, closesInOrder, type DialFailure, Refusal, refusalOf } from "./refusal.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";
import { within } from "./within.ts";

/** A session that ended sooner counts as a dial that failed: the wait before the next one grows. */
export const SETTLED_MS = 10_000;

/** Device ids that did not match one target and were said so; a further one makes the oldest new. */
export const MISMATCHES_MAX = 16;

/** Whom to dial. */
export interface DialTarget extends Place {
  /** Device id that the peer must prove; `undefined` when any will do. */
  readonly deviceId: string | undefined;
  /** Noise static key of a peer that is not asked for its announce. */
  readonly noiseStatic: Uint8Array | undefined;
}

/** `stopped` is final: it dials no more. */
export type DialState = "dialling" | "waiting" | "handshaking" | "established" | "stopped";

/** One peer that is dialled again whenever its session ends. */
export class Dial {
  readonly target: DialTarget;
  readonly #bus: Bus;
  #state: DialState = "dialling";
  #session: Session | undefined;
  #reason: Cause | undefined;
  #changedNs: number;
  /** When the session of the last attempt began, if it came to one. */
  #establishedNs: number | undefined;
  readonly #waiting = new Set<(outcome: Session | Cause) => void>();
  /** The device that proved itself last. */
  #proven: string | undefined;
  readonly #mismatched = new Set<string>();

  constructor(bus: Bus, target: DialTarget) {
    this.#bus = bus;
    this.target = target;
    this.#changedNs = bus.ports.clock.nowNs();
  }

  get state(): DialState {
    return this.#state;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /** The device that proved itself here last; before that the one that must. */
  get deviceId(): string | undefined {
    return this.#proven ?? this.target.deviceId;
  }

  /** Why the last attempt or session ended. */
  get reason(): Cause | undefined {
    return this.#reason;
  }

  /** When the state changed last. */
  get changedNs(): number {
    return this.#changedNs;
  }

  /** Whether it dials no more: the peer is this device itself, or the bus has stopped. */
  get over(): boolean {
    return this.#state === "stopped";
  }

  /** The next session, or the cause when an attempt fails first. */
  async outcome(timeoutMs: number): Promise<Session | Cause | "timed_out"> {
    if (this.#session !== undefined) return this.#session;
    if (this.over) return this.#reason ?? "local_close";
    let tell = (_outcome: Session | Cause): void => {};
    const told = new Promise<Session | Cause>((resolve) => tell = resolve);
    this.#waiting.add(tell);
    const outcome = await within(this.#bus.ports.syscalls, told, timeoutMs);
    this.#waiting.delete(tell);
    return outcome;
  }

  /** Dials, serves, waits, and dials again until the bus stops or the peer turns out to be us. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#bus.stopped) {
      const reason = await this.#attempt();
      if (reason === "own_identity" || reason === "clone") break;
      failures = this.#settled ? 0 : failures + 1;
      if (!this.#bus.stopped) await this.#pause(failures);
    }
    this.#settle(this.#reason ?? "local_close");
    this.#enter("stopped");
  }

  /** Whether the last attempt became a session that lasted. */
  get #settled(): boolean {
    const nowNs = this.#bus.ports.clock.nowNs();
    return this.#establishedNs !== undefined && nowNs - this.#establishedNs >= SETTLED_MS * 1e6;
  }

  async #attempt(): Promise<Cause> {
    this.#establishedNs = undefined;
    try {
      const reason = await this.#converse();
      this.#settle(reason);
      return reason;
    } catch (error) {
      const refusal = refusalOf(error);
      this.#sayMismatch(refusal);
      this.#bus.ports.journal.refused(refusal, this.target);
      this.#settle(refusal.reason);
      return refusal.reason;
    }
  }

  /** Once for each device id: a dial goes on for ever, and each attempt is in the journal anyway. */
  #sayMismatch({ reason, peer }: Refusal): void {
    const mismatch = reason === "identity_mismatch" || reason === "pin_mismatch";
    if (!mismatch || peer === undefined || this.#mismatched.has(peer)) return;
    const [oldest] = this.#mismatched;
    if (this.#mismatched.size >= MISMATCHES_MAX && oldest !== undefined) {
      this.#mismatched.delete(oldest);
    }
    this.#mismatched.add(peer);
    this.#bus.ports.markers.mismatch(peer);
  }

  async #converse(): Promise<Cause> {
    this.#enter("dialling");
    const { expected, announced } = await this.#expected();
    const stream = await this.#connect();
    this.#enter("handshaking");
    const records = new RecordStream(stream, this.#bus.ports.clock);
    const authenticated = await this.#authenticate(records, expected);
    const session = this.#bus.open("initiator", records, authenticated);
    if (announced) await this.#bus.announceTo(session);
    else if (session.deviceId === this.#bus.ports.announcer.own.deviceId) {
      session.end("own_identity");
      throw new Refusal("own_identity", session.deviceId);
    }
    this.#establish(session);
    return await this.#bus.run(session, this.target);
  }

  async #authenticate(records: RecordStream, expected: Expected): Promise<Authenticated> {
    const { clock, handshake, handshakeTimeoutMs } = this.#bus.ports;
    const deadlineNs = clock.nowNs() + handshakeTimeoutMs * 1e6;
    try {
      return await initiate(records, handshake, { expected, deadlineNs });
    } catch (error) {
      const refusal = refusalOf(error);
      if (closesInOrder(refusal.reason)) records.stream.close();
      else records.stream.abort();
      throw refusal;
    }
  }

  /** Whom the handshake must prove: what the announce says, and what the command line pins. */
  async #expected(): Promise<{ expected: Expected; announced: boolean }> {
    const { target } = this;
    if (target.noiseStatic !== undefined) {
      const { noiseStatic, deviceId } = target;
      return { expected: { noiseStatic, deviceId }, announced: false };
    }
    const decoded = await this.#fetch();
    const { announce, envelope } = decoded;
    if (target.deviceId !== undefined && announce.deviceId !== target.deviceId) {
      throw new Refusal("pin_mismatch", announce.deviceId);
    }
    this.#judge(decoded);
    const { noiseStatic, deviceId } = announce;
    return { expected: { noiseStatic, deviceId }, announced: envelope !== undefined };
  }

  /** A clone is dialled all the same: it must learn of itself, on channel 0. */
  #judge(decoded: DecodedAnnounce): void {
    const { deviceId } = decoded.announce;
    switch (this.#bus.ports.announcer.judge(decoded)) {
      case "valid":
      case "hint":
      case "clone":
        return;
      case "self":
        throw new Refusal("own_identity", deviceId);
      case "replayed":
        throw new Refusal("announce_replayed", deviceId);
      case "expired":
        throw new Refusal("announce_expired", deviceId);
      default:
        throw new Refusal("announce_invalid", deviceId);
    }
  }

  async #fetch(): Promise<DecodedAnnounce> {
    const { clock, handshakeTimeoutMs } = this.#bus.ports;
    const stream = await this.#connect();
    try {
      return await fetchAnnounce(stream, clock, clock.nowNs() + handshakeTimeoutMs * 1e6);
    } finally {
      stream.close();
    }
  }

  async #connect(): Promise<Stream> {
    const { address, port } = this.target;
    const timeoutMs = this.#bus.ports.handshakeTimeoutMs;
    const stream = await this.#bus.ports.network.connect({ address, port, timeoutMs });
    if (typeof stream === "object") return stream;
    throw new Refusal(DIAL_REASON[stream]);
  }

  #establish(session: Session): void {
    this.#session = session;
    this.#proven = session.deviceId;
    this.#establishedNs = this.#bus.ports.clock.nowNs();
    this.#enter("established");
    this.#tell(session);
  }

  #settle(reason: Cause): void {
    this.#session = undefined;
    this.#reason = reason;
    this.#enter("waiting");
    this.#tell(reason);
  }

  #tell(outcome: Session | Cause): void {
    for (const resolve of this.#waiting) resolve(outcome);
    this.#waiting.clear();
  }

  async #pause(failures: number): Promise<void> {
    const { handshake, syscalls, clock } = this.#bus.ports;
    const drawn = await handshake.entropy.draw(2);
    const random = drawn === undefined ? 0.5 : ((drawn[0] ?? 0) * 256 + (drawn[1] ?? 0)) / 65_536;
    await syscalls.sleepUntil(clock.nowNs() + backoffMs(failures, random) * 1e6);
  }

  #enter(state: DialState): void {
    this.#state = state;
    this.#changedNs = this.#bus.ports.clock.nowNs();
  }
}

const DIAL_REASON = {
  refused: "dial_refused",
  timed_out: "dial_timed_out",
  unreachable: "dial_unreachable",
  denied: "dial_denied",
  failed: "gone",
} as const satisfies Readonly<Record<string, DialFailure | "gone">>;
