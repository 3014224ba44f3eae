import { NOISE_KEY_LENGTH } from "@net/noise/pattern.ts";
import { equalBytes } from "@runtime/core/bytes.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Bus, LiveSession } from "./bus.ts";
import { resolveReply, resolveRequest } from "./channel_services.ts";
import type { LocalIdentity } from "./custody.ts";
import { Dial, type DialTarget } from "./dialer.ts";
import { within } from "./within.ts";
import { ping } from "./ping.ts";
import {
  ANY_PEER,
  DIALS_MAX,
  DIRECTIONS,
  type dsoftbusd,
  PEER_PREFIX_LENGTH_MIN,
  PEER_STATES,
  PEERS_PER_REPLY_MAX,
} from "./protocol.ts";
import type { Cause } from "./refusal.ts";
import { Session } from "./session.ts";
import { type UnresolvedPeer, UnresolvedPeers } from "./unresolved.ts";

/** What the local protocol answers from. */
export interface BusService {
  readonly bus: Bus;
  readonly acceptor: Acceptor;
  readonly local: LocalIdentity;
  readonly bootId: Uint8Array;
  /** Port that others dial. */
  readonly port: number;
  /** Peers to dial from the start on. */
  readonly targets: readonly DialTarget[];
  /** Peers to dial as soon as their names lead somewhere. */
  readonly unresolved: readonly UnresolvedPeer[];
  readonly spawn: (loop: () => Promise<void>) => void;
}

/** Behaviour of the local protocol over the bus. */
export function createDsoftbusd(service: BusService): Handlers<typeof dsoftbusd> {
  const { bus, local } = service;
  const dials = new Dials(service);
  const unresolved = new UnresolvedPeers(bus.ports, service.unresolved);
  return {
    identity: () => ({
      status: "ok",
      deviceId: local.deviceId,
      verifyingKey: local.verifyingKey,
      noiseStatic: local.noiseStatic,
      bootId: service.bootId,
      port: service.port,
    }),
    connect: (request) => connect(service, dials, request),
    peers: ({ first }) => peers(bus, { dials, unresolved, first }),
    placePeer: (place) => {
      const targets = unresolved.placed(place);
      if (targets.length === 0) return { status: "not_found" };
      const begun = targets.map((target) => dials.begin(target));
      return { status: begun.includes(undefined) ? "limit" : "ok" };
    },
    ping: (request) => pings(bus, request),
    resolve: (request) => resolve(bus, request),
    awaitPeer: async ({ timeoutMs }) => {
      const session = await bus.askable(timeoutMs);
      if (session === undefined) return { status: "closed" };
      if (session === "timed_out") return { status: session };
      return { status: "ok", deviceId: session.deviceId };
    },
    closeAll: async () => {
      const closed = bus.stop();
      await bus.ports.network.stopListening();
      return { status: "ok", closed };
    },
    stats: () => stats(service),
  };
}

/** What netstackd turned away counts as refused too: it never came this far. */
const TURNED_AWAY = "backlog_full";
const COUNT_MAX = 0xffff_ffff;

async function stats(
  { bus, acceptor }: BusService,
): Promise<Awaited<ReturnType<Operations["stats"]>>> {
  const turnedAway = await bus.ports.network.turnedAway();
  const { connections, announces } = acceptor.accepted;
  const counts: (readonly [string, number])[] = [...bus.ports.journal.counts];
  if (turnedAway > 0) counts.push([TURNED_AWAY, Math.min(turnedAway, COUNT_MAX)]);
  const refused = counts.map(([reason, count]) => ({ reason, count }));
  return { status: "ok", accepted: connections, sessions: bus.sessions, announces, refused };
}

/** The peers that this node keeps dialling. */
class Dials {
  readonly #service: BusService;
  #dials: readonly Dial[] = [];

  constructor(service: BusService) {
    this.#service = service;
    for (const target of service.targets) this.begin(target);
  }

  get all(): readonly Dial[] {
    return this.#dials;
  }

  /** The dial of a target, begun now unless it is under way; `undefined` at the limit. */
  begin(target: DialTarget): Dial | undefined {
    const known = this.#dials.find((dial) => sameTarget(dial.target, target));
    if (known !== undefined && !known.over) return known;
    this.#dials = this.#dials.filter(({ over }) => !over);
    if (this.#dials.length >= DIALS_MAX) return undefined;
    const dial = new Dial(this.#service.bus, target);
    this.#dials = [...this.#dials, dial];
    this.#service.spawn(() => dial.run());
    return dial;
  }
}

function sameTarget(left: DialTarget, right: DialTarget): boolean {
  const [key = NO_KEY, other = NO_KEY] = [left.noiseStatic, right.noiseStatic];
  return left.address === right.address && left.port === right.port &&
    left.deviceId === right.deviceId && equalBytes(key, other);
}

const NO_KEY = new Uint8Array(0);

type Operations = Handlers<typeof dsoftbusd>;
type ConnectRequest = Parameters<Operations["connect"]>[0];
type PingRequest = Parameters<Operations["ping"]>[0];
type ResolveRequest = Parameters<Operations["resolve"]>[0];

async function connect(
  { bus }: BusService,
  dials: Dials,
  request: ConnectRequest,
): Promise<Awaited<ReturnType<Operations["connect"]>>> {
  const target = targetOf(request);
  if (target === undefined) return { status: "malformed" };
  if (bus.stopped) return { status: "closed" };
  const dial = dials.begin(target);
  if (dial === undefined) return { status: "limit" };
  const { clock } = bus.ports;
  const deadlineNs = clock.nowNs() + request.timeoutMs * 1e6;
  for (;;) {
    const leftMs = (deadlineNs - clock.nowNs()) / 1e6;
    if (leftMs <= 0) return { status: "timed_out" };
    const outcome = await dial.outcome(leftMs);
    if (outcome instanceof Session) return { status: "ok", deviceId: outcome.deviceId };
    if (outcome === "timed_out") return { status: outcome };
    if (dial.over || FINAL.has(outcome)) return { status: "refused" };
  }
}

const DEVICE_ID = /^(?:[0-9a-f]{64})?$/;

function targetOf(
  { address, port, deviceId, noiseStatic }: ConnectRequest,
): DialTarget | undefined {
  const keyFits = noiseStatic.length === 0 || noiseStatic.length === NOISE_KEY_LENGTH;
  if (!keyFits || port === 0 || !DEVICE_ID.test(deviceId)) return undefined;
  return {
    address,
    port,
    deviceId: deviceId === "" ? undefined : deviceId,
    noiseStatic: noiseStatic.length === 0 ? undefined : noiseStatic.slice(),
  };
}

/** Causes that another attempt does not cure. */
const FINAL: ReadonlySet<Cause> = new Set([
  "own_identity",
  "clone",
  "identity_mismatch",
  "pin_mismatch",
  "dial_denied",
  "connect_rejected",
  "local_close",
]);

async function pings(
  bus: Bus,
  { peer, timeoutMs, ...plan }: PingRequest,
): Promise<Awaited<ReturnType<Operations["ping"]>>> {
  const session = found(bus, peer);
  if (typeof session === "string") return { status: session };
  const { clock, syscalls } = bus.ports;
  const deadlineNs = clock.nowNs() + timeoutMs * 1e6;
  const work = ping(session, clock, { ...plan, deadlineNs });
  const times = await within(syscalls, work, Math.max(1, timeoutMs));
  if (typeof times === "string") return { status: times };
  return { status: "ok", deviceId: session.deviceId, ...times };
}

async function resolve(
  bus: Bus,
  { peer, service, timeoutMs }: ResolveRequest,
): Promise<Awaited<ReturnType<Operations["resolve"]>>> {
  const session = found(bus, peer);
  if (typeof session === "string") return { status: session };
  const asked = session.request(resolveRequest(service));
  const reply = await within(bus.ports.syscalls, asked, Math.max(1, timeoutMs));
  if (reply === "timed_out") return { status: "timed_out" };
  if (!(reply instanceof Uint8Array)) {
    return { status: reply.ended === "requests_limit" ? "limit" : "closed" };
  }
  const answer = resolveReply(reply);
  if (answer === undefined) {
    session.end("reply_malformed");
    return { status: "closed" };
  }
  const { deviceId } = session;
  if (answer.status === "not_found") return { status: "ok", deviceId, found: 0, endpoint: 0 };
  if (answer.status !== "ok") return { status: "peer_denied" };
  return { status: "ok", deviceId, found: answer.found ? 1 : 0, endpoint: answer.endpoint };
}

const PEER = new RegExp(`^[0-9a-f]{${PEER_PREFIX_LENGTH_MIN},64}$`);

/** The session that a request names by a device id or the beginning of one. */
function found(bus: Bus, peer: string): Session | "malformed" | "not_found" | "ambiguous" {
  if (peer !== ANY_PEER && !PEER.test(peer)) return "malformed";
  return bus.find(peer);
}

function peers(
  bus: Bus,
  { dials, unresolved, first }: { dials: Dials; unresolved: UnresolvedPeers; first: number },
): Awaited<ReturnType<Operations["peers"]>> {
  const nowNs = bus.ports.clock.nowNs();
  const all = [
    ...bus.live.map((live) => sessionRecord(live, nowNs)),
    ...dials.all.filter(({ state }) => state !== "established").map((dial) =>
      dialRecord(dial, nowNs)
    ),
    ...unresolved.all.map(({ peer, sinceNs }) => unresolvedRecord(peer, ageMs(sinceNs, nowNs))),
  ];
  const peers = all.slice(first, first + PEERS_PER_REPLY_MAX);
  return { status: "ok", total: Math.min(all.length, 0xffff), peers };
}

function sessionRecord({ session, address, port, typed }: LiveSession, nowNs: number) {
  return {
    deviceId: session.deviceId,
    direction: DIRECTIONS.indexOf(session.role === "initiator" ? "outbound" : "inbound"),
    state: PEER_STATES.indexOf("established"),
    address,
    port,
    ageMs: ageMs(session.sinceNs, nowNs),
    records: BigInt(session.records),
    reason: "",
    typed: typed ?? "",
  };
}

function dialRecord(dial: Dial, nowNs: number) {
  return {
    deviceId: dial.deviceId ?? "",
    direction: DIRECTIONS.indexOf("outbound"),
    state: PEER_STATES.indexOf(dial.state),
    address: dial.target.address,
    port: dial.target.port,
    ageMs: ageMs(dial.changedNs, nowNs),
    records: 0n,
    reason: dial.reason ?? "",
    typed: dial.target.typed ?? "",
  };
}

function unresolvedRecord({ deviceId, port, typed }: UnresolvedPeer, ageMs: bigint) {
  return {
    deviceId: deviceId ?? "",
    direction: DIRECTIONS.indexOf("outbound"),
    state: PEER_STATES.indexOf("waiting"),
    address: 0,
    port,
    ageMs,
    records: 0n,
    reason: "name_unresolved" satisfies Cause,
    typed,
  };
}

function ageMs(sinceNs: number, nowNs: number): bigint {
  return BigInt(Math.max(0, Math.floor((nowNs - sinceNs) / 1e6)));
}
