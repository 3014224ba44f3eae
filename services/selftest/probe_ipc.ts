import { equalBytes } from "@runtime/core/bytes.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { samgrd } from "../samgrd/protocol.ts";
import type { Probe, Probes } from "./probe.ts";

const VMO_LENGTH = 64 << 10;
const DEADLINE_NS = 5e6;
/** How long an answer may take while a host starts other machines in the same thread. */
const REPLY_NS = 5e9;
const LOOPBACK_DEPTH = 16;
const SOAK_CALLS = 1000;
/** `S M 1`, opcode LOOKUP, a length that the frame does not hold. */
const MALFORMED_LOOKUP = Uint8Array.of(0x53, 0x4d, 1, 2, 200, 0x78);
/** `S M 1`, opcode PING_CAP_MOVE. */
const PING_CAP_MOVE = Uint8Array.of(0x53, 0x4d, 1, 3);
const STATUS_OFFSET = 4;
const PLACE = { send: 7, receive: 9 };

const vmoMap: Probe = ({ syscalls }) => {
  const vmo = syscalls.vmoCreate(VMO_LENGTH);
  if (vmo.status !== "ok") return none();
  const written = syscalls.vmoMap(vmo.slot);
  written?.fill(0xa5);
  const read = syscalls.vmoMap(vmo.slot);
  const whole = read?.every((byte) => byte === 0xa5) ?? false;
  syscalls.capClose(vmo.slot);
  if (!whole || syscalls.vmoMap(vmo.slot) !== undefined) return none();
  return shown({ bytes: VMO_LENGTH });
};

const capQuery: Probe = ({ syscalls }) => {
  const vmo = syscalls.vmoCreate(VMO_LENGTH);
  const pair = syscalls.endpointCreate(1);
  if (vmo.status !== "ok" || pair.status !== "ok") return none();
  const query = syscalls.capQuery(vmo.slot);
  const refused = syscalls.capQuery(pair.send).status;
  for (const slot of [vmo.slot, pair.send, pair.receive]) syscalls.capClose(slot);
  if (query.status !== "ok" || query.kind !== "vmo" || refused !== "permission_denied") {
    return none();
  }
  return shown({ length: query.length === VMO_LENGTH ? query.length : 0 });
};

const payload: Probe = async ({ syscalls }) => {
  const pair = syscalls.endpointCreate(2);
  if (pair.status !== "ok") return undefined;
  const frame = new Uint8Array(FRAME_LENGTH_MAX).map((_, index) => index % 251);
  const sent = syscalls.trySend(pair.send, frame);
  const longer = syscalls.trySend(pair.send, new Uint8Array(FRAME_LENGTH_MAX + 1));
  const message = await syscalls.receive(pair.receive, syscalls.clock.nowNs() + DEADLINE_NS);
  for (const slot of [pair.send, pair.receive]) syscalls.capClose(slot);
  if (sent !== "ok" || longer !== "invalid_argument" || message.status !== "ok") return undefined;
  return equalBytes(message.frame, frame) ? { bytes: frame.length } : undefined;
};

const deadline: Probe = async ({ syscalls, clock }) => {
  const pair = syscalls.endpointCreate(1);
  if (pair.status !== "ok") return undefined;
  const startNs = clock.nowNs();
  const ended = await syscalls.receive(pair.receive, startNs + DEADLINE_NS);
  const waitedNs = clock.nowNs() - startNs;
  for (const slot of [pair.send, pair.receive]) syscalls.capClose(slot);
  return ended.status === "timed_out" && waitedNs >= DEADLINE_NS ? { waitedNs } : undefined;
};

const loopback: Probe = async ({ syscalls }) => {
  const pair = syscalls.endpointCreate(LOOPBACK_DEPTH);
  if (pair.status !== "ok") return undefined;
  const sent = Array.from(
    { length: LOOPBACK_DEPTH + 1 },
    (_, index) => syscalls.trySend(pair.send, Uint8Array.of(index)),
  );
  let inOrder = 0;
  for (; inOrder < LOOPBACK_DEPTH; inOrder++) {
    const message = await syscalls.receive(pair.receive);
    if (message.status !== "ok" || message.frame[0] !== inOrder) return undefined;
  }
  for (const slot of [pair.send, pair.receive]) syscalls.capClose(slot);
  const full = sent.pop() === "queue_full" && sent.every((status) => status === "ok");
  return full ? { messages: inOrder } : undefined;
};

const routingKeystored: Probe = async ({ keys }) => {
  const reply = await keys.getDevicePubkey({});
  return reply.status === "ok" ? { key: reply.key } : undefined;
};

const routingSamgrd: Probe = async ({ samgr }) => {
  const reply = await samgr.senderServiceId({});
  return reply.status === "ok" ? { sid: String(reply.sid) } : undefined;
};

const routingPolicyd: Probe = async ({ policy, syscalls }) => {
  const reply = await policy.check({ requester: syscalls.self.name });
  return reply.status === "ok" ? { status: reply.status } : undefined;
};

const routing: Probe = async ({ samgr, daemons }) => {
  for (const name of daemons) {
    if ((await samgr.lookup({ name })).status !== "ok") return undefined;
  }
  return { daemons: daemons.length };
};

/** Without a moved right the pong would go to the reply endpoint that the boot minted. */
const capMove: Probe = async ({ syscalls, raw }) => {
  const pair = syscalls.endpointCreate(1);
  if (pair.status !== "ok") return undefined;
  const sent = raw.samgrd.exchange({
    frame: PING_CAP_MOVE,
    nonce: undefined,
    move: pair.send,
    timeoutMs: 1,
  });
  const reply = await syscalls.receive(pair.receive, syscalls.clock.nowNs() + REPLY_NS);
  syscalls.capClose(pair.receive);
  const elsewhere = await sent;
  if (reply.status !== "ok" || elsewhere.status === "ok") return undefined;
  const text = new TextDecoder().decode(reply.frame.slice(STATUS_OFFSET + 1));
  return text.startsWith("PONG") ? { reply: text } : undefined;
};

const senderId: Probe = async ({ samgr, syscalls }) => {
  const reply = await samgr.senderServiceId({});
  const own = reply.status === "ok" && reply.sid === syscalls.self.sid;
  return own ? { sid: String(syscalls.self.sid) } : undefined;
};

const soak: Probe = async ({ samgr, syscalls }) => {
  let calls = 0;
  for (; calls < SOAK_CALLS; calls++) {
    const reply = await samgr.senderServiceId({});
    if (reply.status !== "ok" || reply.sid !== syscalls.self.sid) return undefined;
  }
  return { calls };
};

const samgrRegister: Probe = async ({ samgr }) => {
  const reply = await samgr.register({ name: "selftest.svc", ...PLACE });
  return reply.status === "ok" ? { name: "selftest.svc" } : undefined;
};

const samgrLookup: Probe = async ({ samgr }) => {
  const reply = await samgr.lookup({ name: "selftest.svc" });
  const found = reply.status === "ok" && reply.send === PLACE.send &&
    reply.receive === PLACE.receive;
  return found ? { place: `${PLACE.send}/${PLACE.receive}` } : undefined;
};

const samgrUnknown: Probe = async ({ samgr }) => {
  const { status } = await samgr.lookup({ name: "nobody.svc" });
  return status === "not_found" ? { status } : undefined;
};

const samgrMalformed: Probe = async ({ raw, samgr, syscalls }) => {
  const timeoutMs = 1_000;
  const refused = await raw.samgrd.exchange({
    frame: MALFORMED_LOOKUP,
    nonce: undefined,
    move: undefined,
    timeoutMs,
  });
  const next = await samgr.senderServiceId({});
  if (refused.status !== "ok" || next.status !== "ok") return undefined;
  const status = refused.frame[STATUS_OFFSET] ?? 0;
  const named = status === samgrd.status.malformed && next.sid === syscalls.self.sid;
  return named ? { status } : undefined;
};

/** Kernel, memory and registry, in the order of the ladder. */
export const IPC_PROBES: Probes = {
  vmoMap,
  capQuery,
  payload,
  deadline,
  loopback,
  routingKeystored,
  routingSamgrd,
  routingPolicyd,
  routing,
  capMove,
  senderId,
  soak,
  samgrRegister,
  samgrLookup,
  samgrUnknown,
  samgrMalformed,
};

function none(): Promise<undefined> {
  return Promise.resolve(undefined);
}

function shown<T>(evidence: T): Promise<T> {
  return Promise.resolve(evidence);
}
