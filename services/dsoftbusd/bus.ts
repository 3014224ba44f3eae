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
import { ANY_PEER } from "./protocol.ts";
import type { RecordStream } from "./record_stream.ts";
import { Refusal, type RefusalReason } from "./refusal.ts";
import { Session } from "./session.ts";

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
  readonly syscalls: Syscalls;
  readonly network: OpenedNetwork;
  readonly handshake: HandshakePorts;
  readonly services: ServicesPorts;
  readonly announcer: Announcer;
  readonly journal: BusJournal;
  readonly markers: BusMarkers;
}

/** A session with where its peer is. */
export interface LiveSession {
  readonly session: Session;
  readonly address: number;
  readonly port: number;
}

/** The sessions of this node, inbound and outbound. */
export class Bus {
  readonly ports: BusPorts;
  readonly #live = new Set<LiveSession>();
  readonly #awaiting: ((session: Session) => void)[] = [];
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
  async run(session: Session, at: { address: number; port: number }): Promise<RefusalReason> {
    if (this.#stopped) return session.end("local_close");
    const live = { session, ...at };
    this.#live.add(live);
    this.#sessions += 1;
    this.ports.markers.established(session);
    this.ports.journal.session("session established", session.deviceId);
    this.#tellAskable(session);
    const reason = await session.run();
    this.#live.delete(live);
    this.ports.journal.session(`session ended ${reason}`, session.deviceId);
    return reason;
  }

  /** Resolves with a session that can be asked over, at once when there is one. */
  askable(): Promise<Session> {
    const session = this.live.find((live) => live.session.askable)?.session;
    if (session !== undefined) return Promise.resolve(session);
    return new Promise((resolve) => this.#awaiting.push(resolve));
  }

  /** A session with the peer whose device id starts with `prefix`, askable ones first. */
  find(prefix: string): Session | "not_found" | "ambiguous" {
    if (prefix === ANY_PEER) {
      return this.live.find((live) => live.session.askable)?.session ?? "not_found";
    }
    const matching = this.live.map(({ session }) => session)
      .filter(({ deviceId }) => deviceId.startsWith(prefix));
    if (new Set(matching.map(({ deviceId }) => deviceId)).size > 1) return "ambiguous";
    return matching.find(({ askable }) => askable) ?? "not_found";
  }

  /** Ends every session in order. @returns how many there were. */
  stop(): number {
    this.#stopped = true;
    const sessions = this.live;
    for (const { session } of sessions) session.end("local_close");
    return sessions.length;
  }

  /**
   * The peer's announce on channel 0. A responder answers with its own, once; an announce that is not
   * the authenticated peer's own ends the session.
   */
  async #announced(session: Session, bytes: Uint8Array): Promise<void> {
    const decoded = decodedAnnounce(bytes);
    if (decoded.announce.deviceId !== session.deviceId || decoded.envelope === undefined) {
      throw new Refusal("announce_invalid", session.deviceId);
    }
    const verdict = this.ports.announcer.judge(decoded);
    if (session.role === "responder" && !session.peerAnnounced) await this.announceTo(session);
    session.peerAnnounced = true;
    this.#tellAskable(session);
    switch (verdict) {
      case "valid":
        return;
      case "clone":
        this.ports.markers.clone(session.deviceId);
        throw new Refusal("clone", session.deviceId);
      case "self":
        throw new Refusal("own_identity", session.deviceId);
      case "replayed":
        throw new Refusal("announce_replayed", session.deviceId);
      default:
        throw new Refusal("announce_invalid", session.deviceId);
    }
  }

  #tellAskable(session: Session): void {
    if (!session.askable) return;
    for (const resolve of this.#awaiting.splice(0)) resolve(session);
  }

  /** Sends this node's announce as a frame on channel 0. */
  async announceTo(session: Session): Promise<void> {
    const bytes = await this.ports.announcer.make();
    if (bytes !== undefined) session.announce(bytes);
  }
}

function decodedAnnounce(bytes: Uint8Array): ReturnType<typeof decodeAnnounce> {
  try {
    return decodeAnnounce(bytes);
  } catch (error) {
    if (error instanceof WireError) throw new Refusal("announce_malformed");
    throw error;
  }
}
