import { deviceIdOf } from "@net/noise/proof.ts";
import { equalBytes } from "@runtime/core/bytes.ts";
import { PEER_STATES } from "../dsoftbusd/protocol.ts";
import { ENTROPY_LENGTH_MAX } from "../rngd/protocol.ts";
import { decisionWith } from "./audit.ts";
import type { Probe, Probes } from "./probe.ts";
import { GUARD_PROBES } from "./probe_guard.ts";

const DRAWS = 8;
/** Values of a byte that must be among {@linkcode DRAWS} draws. */
const VALUES_MIN = 240;
/** `K S 1`, opcode GET_DEVICE_PRIVKEY, and its reply: PRIVATE_EXPORT_DENIED and no value. */
const EXPORT_PRIVATE = Uint8Array.of(0x4b, 0x53, 1, 13);
const EXPORT_DENIED = Uint8Array.of(0x4b, 0x53, 1, 0x8d, 12, 0, 0);
const GATEWAY = "10.0.2.2";
/** An address of the machine's network that nobody has. */
const NOBODY = "10.0.2.77";
const ANY = "0.0.0.0";
const LISTEN_PORT = 34_570;
const PING_TIMEOUT_MS = 1_000;
const SILENCE_MS = 20;
const SESSION_TIMEOUT_MS = 60_000;
/** How long to wait before looking at the records again. */
const RECHECK_MS = 20;
const PINGS = 3;
const REMOTE_SERVICE = "samgrd";
const REMOTE_NOBODY = "nobody.svc";

/** Two thousand fair bytes lack 17 values or more once in 10^30 times. */
const entropy: Probe = async ({ rng }) => {
  const draws: Uint8Array[] = [];
  for (let count = 0; count < DRAWS; count++) {
    const reply = await rng.getEntropy({ length: ENTROPY_LENGTH_MAX });
    if (reply.status !== "ok" || reply.entropy.length !== ENTROPY_LENGTH_MAX) return undefined;
    if (draws.some((earlier) => equalBytes(earlier, reply.entropy))) return undefined;
    draws.push(reply.entropy);
  }
  const values = new Set(draws.flatMap((draw) => [...draw])).size;
  return values >= VALUES_MIN ? { draws: draws.length, values } : undefined;
};

const entropyOversized: Probe = async ({ rng }) => {
  const { status } = await rng.getEntropy({ length: ENTROPY_LENGTH_MAX + 1 });
  return status === "oversized" ? { status } : undefined;
};

const deviceKey: Probe = async ({ keys, identity, bus }) => {
  const key = await keys.getDevicePubkey({});
  const id = await identity.getDeviceId({});
  const session = await bus.identity({});
  if (key.status !== "ok" || id.status !== "ok" || session.status !== "ok") return undefined;
  const same = deviceIdOf(key.key) === id.deviceId && session.deviceId === id.deviceId &&
    equalBytes(session.verifyingKey, key.key);
  return same ? { key: key.key } : undefined;
};

/** The whole reply is looked at: a refusal that brings a key along is none. */
const keyExport: Probe = async ({ raw }) => {
  const reply = await raw.keystored.exchange({
    frame: EXPORT_PRIVATE,
    nonce: undefined,
    move: undefined,
    timeoutMs: PING_TIMEOUT_MS,
  });
  if (reply.status !== "ok" || reply.moved !== undefined) return undefined;
  return equalBytes(reply.frame, EXPORT_DENIED) ? { status: "private_export_denied" } : undefined;
};

const netInterface: Probe = async ({ net }) => {
  const reply = await net.localAddr({});
  return reply.status === "ok" && reply.ip !== ANY ? { ip: reply.ip } : undefined;
};

const netPing: Probe = async ({ net }) => {
  const { status } = await net.icmpPing({ ip: GATEWAY, timeoutMs: PING_TIMEOUT_MS });
  return status === "ok" ? { ip: GATEWAY } : undefined;
};

const icmpPing: Probe = async ({ net }) => {
  const nobody = await net.icmpPing({ ip: NOBODY, timeoutMs: SILENCE_MS });
  const gateway = await net.icmpPing({ ip: GATEWAY, timeoutMs: PING_TIMEOUT_MS });
  return nobody.status !== "ok" && gateway.status === "ok" ? { answered: GATEWAY } : undefined;
};

const tcpListen: Probe = async ({ net }) => {
  const place = { ip: ANY, port: LISTEN_PORT };
  const first = await net.listen(place);
  const taken = await net.listen(place);
  if (first.status !== "ok" || taken.status !== "in_use") return undefined;
  const closed = await net.close({ handle: first.handle });
  const again = await net.listen(place);
  if (closed.status !== "ok" || again.status !== "ok") return undefined;
  await net.close({ handle: again.handle });
  return { handle: first.handle };
};

const connect: Probe = async ({ bus, peer }) => {
  const timeoutMs = SESSION_TIMEOUT_MS;
  const options = { timeoutMs: "never" } as const;
  const reply = peer === undefined
    ? await bus.awaitPeer({ timeoutMs: 0 }, options)
    : await bus.connect(
      { ...peer, deviceId: "", noiseStatic: new Uint8Array(0), timeoutMs },
      options,
    );
  const own = await bus.identity({});
  if (reply.status !== "ok" || own.status !== "ok") return undefined;
  return reply.deviceId === own.deviceId ? undefined : { peer: reply.deviceId };
};

const verified: Probe = async (ports) => {
  const peer = await ports.bus.awaitPeer({ timeoutMs: PING_TIMEOUT_MS });
  if (peer.status !== "ok") return undefined;
  const record = await decisionWith(ports, [
    "decision=allow",
    "subject=dsoftbusd",
    "capability=identity.verify",
    "operation=identityd.verifyProof",
    `target=${peer.deviceId}`,
  ]);
  return record === undefined ? undefined : { peer: peer.deviceId, record };
};

const ping: Probe = async ({ bus }) => {
  const reply = await bus.ping({
    peer: "any",
    count: PINGS,
    size: 0,
    window: 1,
    timeoutMs: PING_TIMEOUT_MS * 5,
  }, { timeoutMs: "never" });
  if (reply.status !== "ok" || reply.count !== PINGS) return undefined;
  return { peer: reply.deviceId, pongs: reply.count };
};

const remoteResolve: Probe = async ({ bus }) => {
  const ask = { peer: "any", timeoutMs: PING_TIMEOUT_MS * 5 };
  const options = { timeoutMs: "never" } as const;
  const known = await bus.resolve({ ...ask, service: REMOTE_SERVICE }, options);
  const unknown = await bus.resolve({ ...ask, service: REMOTE_NOBODY }, options);
  if (known.status !== "ok" || unknown.status !== "ok") return undefined;
  if (known.found !== 1 || unknown.found !== 0) return undefined;
  return { peer: known.deviceId, endpoint: known.endpoint };
};

/** What the peer does here is on record under its own name, once its selftest came so far. */
const peerJudged: Probe = async (ports) => {
  const { bus, clock, syscalls } = ports;
  const deadlineNs = clock.nowNs() + SESSION_TIMEOUT_MS * 1e6;
  while (clock.nowNs() < deadlineNs) {
    const reply = await bus.peers({ first: 0 });
    if (reply.status !== "ok") return undefined;
    for (const { deviceId, state } of reply.peers) {
      if (PEER_STATES[state] !== "established") continue;
      const subject = `subject=peer:${deviceId}`;
      const [ping, resolve] = await Promise.all(
        ["dsoftbus.ping", "samgr.resolve"].map((capability) =>
          decisionWith(ports, ["decision=allow", subject, `capability=${capability}`])
        ),
      );
      if (ping !== undefined && resolve !== undefined) return { peer: deviceId, ping, resolve };
    }
    await syscalls.sleepUntil(clock.nowNs() + RECHECK_MS * 1e6);
  }
  return undefined;
};

/** Entropy, keys, network and session, in the order of the ladder. */
export const ENTROPY_PROBES: Probes = {
  entropy,
  entropyOversized,
  deviceKey,
  proofTamper: GUARD_PROBES.proofTamper,
  payloadTamper: GUARD_PROBES.payloadTamper,
  keyExport,
};

export const DEVICE_PROBES: Probes = {
  netInterface,
  netPing,
  icmpPing,
  tcpListen,
  foreignHandle: GUARD_PROBES.foreignHandle,
  connect,
  verified,
  ping,
  remoteResolve,
  peerJudged,
};
