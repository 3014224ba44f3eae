import type { DecodedAnnounce } from "@net/discovery/announce.ts";
import { fetchAnnounce } from "./announcer.ts";
import { backoffMs } from "./backoff.ts";
import { type Bus, HANDSHAKE_TIMEOUT_MS } from "./bus.ts";
import { type Expected, initiate } from "./handshake.ts";
import { RecordStream } from "./record_stream.ts";
import { Refusal, refusalOf, type RefusalReason } from "./refusal.ts";
import type { Session } from "./session.ts";
import type { Stream } from "./stream.ts";

/** Peers that a node keeps dialling at most. */
export const DIALS_MAX = 64;

/** Whom to dial. */
export interface DialTarget {
  /** IPv4 address as u32, as the machine sees it. */
  readonly address: number;
  readonly port: number;
  /** Device id that the peer must prove; `undefined` when any will do. */
  readonly deviceId: string | undefined;
  /** Noise static key of a peer that is not asked for its announce. */
  readonly noiseStatic: Uint8Array | undefined;
}

export type DialState = "dialling" | "waiting" | "handshaking" | "established";

/** One peer that is dialled again whenever its session ends. */
export class Dial {
  readonly target: DialTarget;
  readonly #bus: Bus;
  #state: DialState = "dialling";
  #session: Session | undefined;
  #reason: RefusalReason | undefined;
  #changedNs: number;
  readonly #waiting: ((outcome: Session | RefusalReason) => void)[] = [];

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

  /** Why the last attempt or session ended. */
  get reason(): RefusalReason | undefined {
    return this.#reason;
  }

  /** When the state changed last. */
  get changedNs(): number {
    return this.#changedNs;
  }

  /** Resolves at the next session, or with the cause when an attempt fails. */
  outcome(): Promise<Session | RefusalReason> {
    if (this.#session !== undefined) return Promise.resolve(this.#session);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Dials, serves, waits, and dials again until the bus stops or the peer turns out to be us. */
  async run(): Promise<void> {
    let failures = 0;
    while (!this.#bus.stopped) {
      const began = this.#bus.sessions;
      const reason = await this.#attempt();
      if (reason === "own_identity" || reason === "clone" || this.#bus.stopped) return;
      failures = this.#bus.sessions > began ? 0 : failures + 1;
      await this.#pause(failures);
    }
  }

  async #attempt(): Promise<RefusalReason> {
    try {
      const reason = await this.#converse();
      this.#settle(reason);
      return reason;
    } catch (error) {
      const refusal = refusalOf(error);
      const { markers, journal } = this.#bus.ports;
      if (refusal.reason === "identity_mismatch" && refusal.peer !== undefined) {
        markers.mismatch(refusal.peer);
      }
      journal.refused(refusal, this.target);
      this.#settle(refusal.reason);
      return refusal.reason;
    }
  }

  async #converse(): Promise<RefusalReason> {
    this.#enter("dialling");
    const { expected, announced } = await this.#expected();
    const stream = await this.#connect();
    this.#enter("handshaking");
    const { clock, handshake } = this.#bus.ports;
    const records = new RecordStream(stream, clock);
    const deadlineNs = clock.nowNs() + HANDSHAKE_TIMEOUT_MS * 1e6;
    try {
      const authenticated = await initiate(records, handshake, { expected, deadlineNs });
      const session = this.#bus.open("initiator", records, authenticated);
      if (announced) await this.#bus.announceTo(session);
      this.#establish(session);
      return await this.#bus.run(session, this.target);
    } catch (error) {
      stream.abort();
      throw error;
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
      default:
        throw new Refusal("announce_invalid", deviceId);
    }
  }

  async #fetch(): Promise<DecodedAnnounce> {
    const { clock } = this.#bus.ports;
    const stream = await this.#connect();
    try {
      return await fetchAnnounce(stream, clock, clock.nowNs() + HANDSHAKE_TIMEOUT_MS * 1e6);
    } finally {
      stream.close();
    }
  }

  async #connect(): Promise<Stream> {
    const { address, port } = this.target;
    const timeoutMs = HANDSHAKE_TIMEOUT_MS;
    const stream = await this.#bus.ports.network.connect({ address, port, timeoutMs });
    if (typeof stream === "object") return stream;
    throw new Refusal(DIAL_REASON[stream]);
  }

  #establish(session: Session): void {
    this.#session = session;
    this.#enter("established");
    for (const resolve of this.#waiting.splice(0)) resolve(session);
  }

  #settle(reason: RefusalReason): void {
    this.#session = undefined;
    this.#reason = reason;
    this.#enter("waiting");
    for (const resolve of this.#waiting.splice(0)) resolve(reason);
  }

  async #pause(failures: number): Promise<void> {
    const { handshake, syscalls, clock } = this.#bus.ports;
    const drawn = await handshake.entropy.take(2);
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
} as const;
