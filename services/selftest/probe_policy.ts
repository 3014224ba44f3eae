import { DECISION, LEVELS, RING } from "../logd/protocol.ts";
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
const AUDIT_PAGES_MAX = 256;
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

/** Looks for policyd's record of a decision about this task, page by page. */
async function audited(
  { logQuery, syscalls }: ProbePorts,
  { capability, decision }: { capability: string; decision: keyof typeof DECISION },
): Promise<{ record: number } | undefined> {
  const wanted = [
    `decision=${decision}`,
    `subject=${syscalls.self.name}`,
    `capability=${capability}`,
  ];
  let afterId = 0n;
  for (let page = 0; page < AUDIT_PAGES_MAX; page++) {
    const reply = await logQuery.queryAfter({
      ring: RING.audit,
      afterId,
      countMax: PAGE,
      scope: "",
    });
    if (reply.status !== "ok") return undefined;
    for (const { recordId, sender, message, fields } of reply.records) {
      const text = `${message} ${fields}`.split(/\s+/);
      const complete = wanted.every((part) => text.includes(part));
      if (complete && sender === "policyd") return { record: Number(recordId) };
    }
    if (reply.lastId === afterId) return undefined;
    afterId = reply.lastId;
  }
  return undefined;
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

const logQuery: Probe = async ({ logQuery, syscalls }) => {
  const reply = await logQuery.queryAfter({
    ring: RING.journal,
    afterId: 0n,
    countMax: PAGE,
    scope: "selftest",
  });
  if (reply.status !== "ok") return undefined;
  const record = reply.records.find(({ message }) => message === "sink probe");
  const own = record?.sid === syscalls.self.sid && record.sender === syscalls.self.name;
  return record !== undefined && own ? { record: Number(record.recordId) } : undefined;
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
