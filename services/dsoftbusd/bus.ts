import type { HandshakePorts } from "./handshake.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import { decodeAnnounce } from "@net/discovery/announce.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Announcer } from "./announcer.ts";
import { createServicesChannel, type ServicesPorts } from "./channel_services.ts";
import type { Authenticated } from "./handshake.ts";
import type { BusJournal } from "./journal.ts";
import type { OpenedNetwork } from "./network.ts";
import type { Place } from "./place.ts";
import { ANY_PEER } from "./protocol.ts";
import type { RecordStream } from "./record_stream.ts";
import { kindOf, Refusal, type SessionEnd } from "./refusal.ts";
import { Session } from "./session.ts";
import { within } from "./within.ts";

/** How long a handshake may take from its first byte on. Source: session-wire, "Socket framing". */
export const HANDSHAKE_TIMEOUT_MS = 5_000;

/** The markers that a bus prints, each after its proof. */
export interface BusMarkers {
  established(session: Session): void;
  mismatch(deviceId: string): void;
  clone(deviceId: string): void;
}

/** What everything in dsoftbusd stands on. */
export interface BusPorts {
  readonly clock: Clock;
  readonly syscalls: Pick<Syscalls, "clock" | "timerCreate" | "sleepUntil">;
  /** Runs a loop of the daemon's own; what it throws is a bug and faults the task. */
  readonly spawn: (loop: () => Promise<void>) => void;
  readonly network: OpenedNetwork;
  readonly handshake: HandshakePorts;
  readonly services: ServicesPorts;
  readonly announcer: Announcer;
  readonly journal: BusJournal;
  readonly markers: BusMarkers;
  /** At most {@linkcode HANDSHAKE_TIMEOUT_MS}. */
  readonly handshakeTimeoutMs: number;
}

/** A session with where its peer is. */
export interface LiveSession extends Place {
  readonly session: Session;
}

/** The sessions of this node, inbound and outbound. */
export class Bus {
  readonly ports: BusPorts;
  readonly #live = new Set<LiveSession>();
  readonly #awaiting = new Set<(session: Session | undefined) => void>();
  #sessions = 0;
  #stopped = false;

  constructor(ports: BusPorts) {
    this.ports = ports;
  }

  get live(): readonly LiveSession[] {
    return [...this.#live];
  }

  /** Sessions since the start. */
  get sessions(): number {
    return this.#sessions;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Makes a session of an authenticated connection. `run` of it serves and then forgets it. */
  open(
    role: "initiator" | "responder",
    records: RecordStream,
    { deviceId, hash, transport }: Authenticated,
  ): Session {
    const serve = createServicesChannel(this.ports.services, deviceId);
    return new Session({
      role,
      deviceId,
      hash,
      transport,
      records,
      clock: this.ports.clock,
      serve: (_, request) => serve(request),
      announced: (session, bytes) => this.#announced(session, bytes),
    });
  }

  /** Serves a session until it ends. */
  async run(session: Session, at: Place): Promise<SessionEnd> {
    if (this.#stopped) return session.end("local_close");
    const live = { session, ...at };
    this.#live.add(live);
    this.#sessions += 1;
    this.ports.markers.established(session);
    this.ports.journal.established(session.deviceId);
    this.#tellAskable(session);
    const reason = await session.run();
    this.#live.delete(live);
    this.ports.journal.ended(reason, session.deviceId);
    if (refused(reason)) this.ports.journal.refused({ reason, peer: session.deviceId }, at);
    return reason;
  }

  /**
   * A session that can be asked over, at once when there is one.
   *
   * @param timeoutMs 0 waits for ever.
   * @returns `undefined` when the bus stops.
   */
  async askable(timeoutMs: number): Promise<Session | "timed_out" | undefined> {
    const found = this.live.find(({ session }) => session.askable)?.session;
    if (found !== undefined || this.#stopped) return found;
    let awaiting = (_session: Session | undefined): void => {};
    const asked = new Promise<Session | undefined>((resolve) => awaiting = resolve);
    this.#awaiting.add(awaiting);
    const outcome = await within(this.ports.syscalls, asked, timeoutMs);
    this.#awaiting.delete(awaiting);
    return outcome;
  }

  /** A session with the peer whose device id starts with `prefix`, askable ones alone. */
  find(prefix: string): Session | "not_found" | "ambiguous" {
    const matching = this.live.map(({ session }) => session).filter(({ askable, deviceId }) =>
      askable && (prefix === ANY_PEER || deviceId.startsWith(prefix))
    );
    const ids = new Set(matching.map(({ deviceId }) => deviceId));
    if (ids.size > 1 && prefix !== ANY_PEER) return "ambiguous";
    return matching[0] ?? "not_found";
  }

  /** Ends every session in order. @returns how many there were. */
  stop(): number {
    this.#stopped = true;
    const sessions = this.live;
    for (const { session } of sessions) session.end("local_close");
    for (const resolve of this.#awaiting) resolve(undefined);
    return sessions.length;
  }

  /**
   * The peer's announce on channel 0, which comes once. A responder answers with its own; an announce
   * that is not the authenticated peer's own ends the session.
   */
  async #announced(session: Session, bytes: Uint8Array): Promise<void> {
    const { deviceId } = session;
    if (session.peerAnnounced) throw new Refusal("announce_repeated", deviceId);
    const decoded = decodedAnnounce(bytes);
    if (decoded.announce.deviceId !== deviceId) throw new Refusal("announce_invalid", deviceId);
    const verdict = this.ports.announcer.judge(decoded);
    if (verdict !== "valid" && verdict !== "clone") {
      throw new Refusal(UNWORTHY[verdict], deviceId);
    }
    if (session.role === "responder") await this.announceTo(session);
    session.peerAnnounced = true;
    if (verdict === "clone") {
      this.ports.markers.clone(deviceId);
      throw new Refusal("clone", deviceId);
    }
    this.#tellAskable(session);
  }

  #tellAskable(session: Session): void {
    if (!session.askable) return;
    for (const resolve of this.#awaiting) resolve(session);
    this.#awaiting.clear();
  }

  /** Sends this node's announce as a frame on channel 0. */
  async announceTo(session: Session): Promise<void> {
    const bytes = await this.ports.announcer.make();
    if (bytes !== undefined) session.announce(bytes);
  }
}

/** What an announce on channel 0 is refused as. */
const UNWORTHY = {
  hint: "announce_invalid",
  self: "own_identity",
  "key_mismatch": "announce_invalid",
  "bad_signature": "announce_invalid",
  expired: "announce_expired",
  replayed: "announce_replayed",
} as const;

/** Whether the end of a session counts as a refusal: the peer broke the protocol or takes nothing. */
function refused(end: SessionEnd): boolean {
  const kind = kindOf(end);
  return kind === "session" || kind === "cut";
}

function decodedAnnounce(bytes: Uint8Array): ReturnType<typeof decodeAnnounce> {
  try {
    return decodeAnnounce(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("announce_malformed");
    throw error;
  }
}
