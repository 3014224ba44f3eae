import { DECISION, LEVELS, RING } from "../logd/protocol.ts";
import { decisionWith, newestDecision } from "./audit.ts";
import type { Probe, ProbePorts, Probes } from "./probe.ts";

const GRANTED = "rng.entropy";
const DENIED = "crypto.sign";
const DEVICES = ["device.mmio.rng", "device.mmio.net", "device.mmio.blk"];
/** `P O 1`, opcode CHECK_CAP, half an id. */
const MALFORMED_CHECK = Uint8Array.of(0x50, 0x4f, 1, 4, 1, 2, 3, 4);
const STATUS_OFFSET = 4;
const MALFORMED_STATUS = 2;
const INFO = LEVELS.indexOf("info");
/** logd takes 24 records a second from one sender. */
const APPENDS_PAST_THE_RATE = 40;
const PAGE = 64;

const policyAllow: Probe = async ({ policy, syscalls }) => {
  const { status } = await policy.checkCapability({
    subject: syscalls.self.sid,
    capability: GRANTED,
  });
  return status === "ok" ? { capability: GRANTED } : undefined;
};

/** A dead policyd is no denial: only its own word counts. */
const policyDeny: Probe = async ({ policy, syscalls }) => {
  const { status } = await policy.checkCapability({
    subject: syscalls.self.sid,
    capability: DENIED,
  });
  return status === "denied" ? { capability: DENIED } : undefined;
};

const mmioDeny: Probe = async ({ policy, syscalls }) => {
  for (const capability of DEVICES) {
    const { status } = await policy.checkCapability({ subject: syscalls.self.sid, capability });
    if (status !== "denied") return undefined;
  }
  return { devices: DEVICES.length };
};

const auditAllow: Probe = (ports) => audited(ports, { capability: GRANTED, decision: "allow" });
const auditDeny: Probe = (ports) => audited(ports, { capability: DENIED, decision: "deny" });

const signDenied: Probe = async ({ keys }) => {
  const payload = new Uint8Array(16).fill(1);
  const { status } = await keys.deviceSign({ payloadLength: payload.length, payload });
  return status === "denied" ? { status } : undefined;
};

const spoofDenied: Probe = async ({ policy }) => {
  const { status } = await policy.route({ requester: "nexus-init", target: "keystored" });
  return status === "denied" ? { status } : undefined;
};

const policyMalformed: Probe = async ({ raw }) => {
  const reply = await raw.policyd.exchange({
    frame: MALFORMED_CHECK,
    nonce: undefined,
    move: undefined,
    timeoutMs: 1_000,
  });
  if (reply.status !== "ok") return undefined;
  const status = reply.frame[STATUS_OFFSET] ?? 0;
  return status === MALFORMED_STATUS ? { status } : undefined;
};

/** Asks once more and looks for policyd's record of that very decision. */
async function audited(
  ports: ProbePorts,
  { capability, decision }: { capability: string; decision: keyof typeof DECISION },
): Promise<{ record: number } | undefined> {
  const { policy, syscalls } = ports;
  const before = await newestDecision(ports);
  if (before === undefined) return undefined;
  await policy.checkCapability({ subject: syscalls.self.sid, capability });
  const record = await decisionWith(ports, [
    "op=check_cap",
    `decision=${decision}`,
    `subject=${syscalls.self.name}`,
    `capability=${capability}`,
  ], before);
  return record === undefined ? undefined : { record };
}

const logSink: Probe = async ({ log }) => {
  const reply = await log.append({
    level: INFO,
    scope: "selftest",
    message: "sink probe",
    fields: "",
  });
  return reply.status === "ok" ? { record: Number(reply.recordId) } : undefined;
};

/** The message is one that nobody else can have written before. */
const logQuery: Probe = async ({ clock, log, logQuery, syscalls }) => {
  const message = `query probe ${clock.nowNs()}`;
  const kept = await log.append({ level: INFO, scope: "selftest", message, fields: "" });
  if (kept.status !== "ok") return undefined;
  const reply = await logQuery.queryAfter({
    ring: RING.journal,
    afterId: kept.recordId - 1n,
    countMax: PAGE,
    scope: "selftest",
  });
  if (reply.status !== "ok") return undefined;
  const record = reply.records.find(({ recordId }) => recordId === kept.recordId);
  const own = record?.sid === syscalls.self.sid && record.sender === syscalls.self.name;
  return own && record.message === message ? { record: Number(record.recordId) } : undefined;
};

const logRejects: Probe = async ({ log }) => {
  const append = { level: INFO, scope: "selftest", message: "flood", fields: "" };
  const invalid = await log.append({ ...append, level: LEVELS.length });
  const forged = await log.append({ ...append, fields: "sender_service_id=1\n" });
  let refusedByRate = 0;
  for (let count = 0; count < APPENDS_PAST_THE_RATE; count++) {
    if ((await log.append(append)).status === "rate_limited") refusedByRate += 1;
  }
  const named = invalid.status === "invalid_args" && forged.status === "invalid_args";
  return named && refusedByRate > 0 ? { rejects: refusedByRate + 2 } : undefined;
};

/** Decisions, their records and the journal, in the order of the ladder. */
export const POLICY_PROBES: Probes = {
  policyAllow,
  policyDeny,
  mmioDeny,
  auditAllow,
  auditDeny,
  signDenied,
  spoofDenied,
  policyMalformed,
  logSink,
  logQuery,
  logRejects,
};
