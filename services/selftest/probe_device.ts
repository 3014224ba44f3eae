import { deviceIdOf } from "@net/noise/proof.ts";
import { equalBytes } from "@runtime/core/bytes.ts";
import { ENTROPY_LENGTH_MAX } from "../rngd/protocol.ts";
import type { Probe, Probes } from "./probe.ts";

const GATEWAY = "10.0.2.2";
/** An address of the machine's network that nobody has. */
const NOBODY = "10.0.2.77";
const ANY = "0.0.0.0";
const LISTEN_PORT = 34_570;
const PING_TIMEOUT_MS = 1_000;
const SILENCE_MS = 20;
const SESSION_TIMEOUT_MS = 60_000;
const PINGS = 3;
const REMOTE_SERVICE = "samgrd";
const REMOTE_NOBODY = "nobody.svc";

const entropy: Probe = async ({ rng }) => {
  const first = await rng.getEntropy({ length: 32 });
  const second = await rng.getEntropy({ length: 32 });
  if (first.status !== "ok" || second.status !== "ok") return undefined;
  const whole = first.entropy.length === 32 && second.entropy.length === 32;
  if (!whole || equalBytes(first.entropy, second.entropy)) return undefined;
  return { first: first.entropy, second: second.entropy };
};

const entropyOversized: Probe = async ({ rng }) => {
  const { status } = await rng.getEntropy({ length: ENTROPY_LENGTH_MAX + 1 });
  return status === "oversized" ? { status } : undefined;
};

const deviceKey: Probe = async ({ keys, identity }) => {
  const key = await keys.getDevicePubkey({});
  const id = await identity.getDeviceId({});
  if (key.status !== "ok" || id.status !== "ok") return undefined;
  return deviceIdOf(key.key) === id.deviceId ? { key: key.key } : undefined;
};

const keyExport: Probe = async ({ keys }) => {
  const { status } = await keys.getDevicePrivkey({});
  return status === "private_export_denied" ? { status } : undefined;
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
  return reply.status === "ok" ? { peer: reply.deviceId } : undefined;
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

/** Entropy, keys, network and session, in the order of the ladder. */
export const DEVICE_PROBES: Probes = {
  entropy,
  entropyOversized,
  deviceKey,
  keyExport,
  netInterface,
  netPing,
  icmpPing,
  tcpListen,
  connect,
  ping,
  remoteResolve,
};
