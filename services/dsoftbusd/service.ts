import type { Handlers } from "@runtime/idl/server.ts";
import type { Acceptor } from "./acceptor.ts";
import type { Bus, LiveSession } from "./bus.ts";
import { resolveReply, resolveRequest } from "./channel_services.ts";
import type { LocalIdentity } from "./custody.ts";
import { Dial, DIALS_MAX, type DialTarget } from "./dialer.ts";
import { within } from "./within.ts";
import { ping } from "./ping.ts";
import { DIRECTIONS, type dsoftbusd, PEER_STATES, PEERS_PER_REPLY_MAX } from "./protocol.ts";
import type { RefusalReason } from "./refusal.ts";
import { Session } from "./session.ts";

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
  readonly spawn: (loop: () => Promise<void>) => void;
}

/** Behaviour of the local protocol over the bus. */
export function createDsoftbusd(service: BusService): Handlers<typeof dsoftbusd> {
  const { bus, local } = service;
  const dials = new Dials(service);
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
    peers: ({ first }) => peers(service, dials, first),
    ping: async ({ peer, count, size, window, timeoutMs }) => {
      const session = bus.find(peer);
      if (!(session instanceof Session)) return { status: session };
      const { clock } = bus.ports;
      const times = await within(
        bus.ports.syscalls,
        ping(session, clock, { count, size, window }),
        timeoutMs,
      );
      if (times === "timed_out" || typeof times === "string") return { status: times };
      return { status: "ok", deviceId: session.deviceId, ...times };
    },
    resolve: (request) => resolve(bus, request),
    awaitPeer: async ({ timeoutMs }) => {
      const session = await within(bus.ports.syscalls, bus.askable(), timeoutMs);
      if (session === "timed_out") return { status: session };
      return { status: "ok", deviceId: session.deviceId };
    },
    closeAll: async () => {
      const closed = bus.stop();
      await bus.ports.network.stopListening();
      return { status: "ok", closed };
    },
    stats: () => {
      const { connections, announces } = service.acceptor.accepted;
      const refused = [...bus.ports.journal.counts].map(([reason, count]) => ({ reason, count }));
      return {
        status: "ok",
        accepted: connections,
        sessions: bus.sessions,
        announces,
        refused: refused.slice(0, 64),
      };
    },
  };
}

/** The peers that this node keeps dialling. */
class Dials {
  readonly #service: BusService;
  readonly #dials: Dial[] = [];

  constructor(service: BusService) {
    this.#service = service;
    for (const target of service.targets) this.begin(target);
  }

  get all(): readonly Dial[] {
    return this.#dials;
  }

  /** The dial of a target, begun now unless it is under way; `undefined` at the limit. */
  begin(target: DialTarget): Dial | undefined {
    const known = this.#dials.find((dial) =>
      dial.target.address === target.address && dial.target.port === target.port &&
      dial.target.deviceId === target.deviceId
    );
    if (known !== undefined) return known;
    if (this.#dials.length >= DIALS_MAX) return undefined;
    const dial = new Dial(this.#service.bus, target);
    this.#dials.push(dial);
    this.#service.spawn(() => dial.run());
    return dial;
  }
}

type Operations = Handlers<typeof dsoftbusd>;
type ConnectRequest = Parameters<Operations["connect"]>[0];
type ResolveRequest = Parameters<Operations["resolve"]>[0];

async function connect(
  { bus }: BusService,
  dials: Dials,
  request: ConnectRequest,
): Promise<Awaited<ReturnType<Operations["connect"]>>> {
  const { address, port, deviceId, noiseStatic, timeoutMs } = request;
  const dial = dials.begin({
    address,
    port,
    deviceId: deviceId === "" ? undefined : deviceId,
    noiseStatic: noiseStatic.length === 32 ? noiseStatic.slice() : undefined,
  });
  if (dial === undefined) return { status: "limit" };
  const deadlineNs = bus.ports.clock.nowNs() + timeoutMs * 1e6;
  for (;;) {
    const leftMs = Math.max(0, (deadlineNs - bus.ports.clock.nowNs()) / 1e6);
    const outcome = await within(bus.ports.syscalls, dial.outcome(), leftMs);
    if (outcome instanceof Session) return { status: "ok", deviceId: outcome.deviceId };
    if (outcome === "timed_out") return { status: "timed_out" };
    if (FINAL.has(outcome)) return { status: "refused" };
  }
}

/** Causes that another attempt does not cure. */
const FINAL: ReadonlySet<RefusalReason> = new Set([
  "own_identity",
  "clone",
  "identity_mismatch",
  "pin_mismatch",
  "dial_denied",
  "noise_decrypt",
  "local_close",
]);

async function resolve(
  bus: Bus,
  { peer, service, timeoutMs }: ResolveRequest,
): Promise<Awaited<ReturnType<Operations["resolve"]>>> {
  const session = bus.find(peer);
  if (!(session instanceof Session)) return { status: session };
  const reply = await within(
    bus.ports.syscalls,
    session.request(resolveRequest(service)),
    timeoutMs,
  );
  if (reply === "timed_out") return { status: "timed_out" };
  if (!(reply instanceof Uint8Array)) return { status: "closed" };
  const answer = resolveReply(reply);
  if (answer.status === "not_found") {
    return { status: "ok", deviceId: session.deviceId, found: 0, endpoint: 0 };
  }
  if (answer.status !== "ok") return { status: "peer_denied" };
  const { found, endpoint } = answer;
  return { status: "ok", deviceId: session.deviceId, found: found ? 1 : 0, endpoint };
}

function peers(
  { bus }: BusService,
  dials: Dials,
  first: number,
): Awaited<ReturnType<Operations["peers"]>> {
  const nowNs = bus.ports.clock.nowNs();
  const all = [
    ...bus.live.map((live) => sessionRecord(live, nowNs)),
    ...dials.all.filter(({ state }) => state !== "established").map((dial) =>
      dialRecord(dial, nowNs)
    ),
  ];
  const peers = all.slice(first, first + PEERS_PER_REPLY_MAX);
  return { status: "ok", total: Math.min(all.length, 0xffff), peers };
}

function sessionRecord({ session, address, port }: LiveSession, nowNs: number) {
  return {
    deviceId: session.deviceId,
    direction: DIRECTIONS.indexOf(session.role === "initiator" ? "outbound" : "inbound"),
    state: PEER_STATES.indexOf("established"),
    address,
    port,
    ageMs: ageMs(session.sinceNs, nowNs),
    records: BigInt(session.records),
    reason: "",
  };
}

function dialRecord(dial: Dial, nowNs: number) {
  return {
    deviceId: dial.target.deviceId ?? "",
    direction: DIRECTIONS.indexOf("outbound"),
    state: PEER_STATES.indexOf(dial.state),
    address: dial.target.address,
    port: dial.target.port,
    ageMs: ageMs(dial.changedNs, nowNs),
    records: 0n,
    reason: dial.reason ?? "",
  };
}

function ageMs(sinceNs: number, nowNs: number): bigint {
  return BigInt(Math.max(0, Math.floor((nowNs - sinceNs) / 1e6)));
}
