/**
 * selftest: upstream's selftest-client. It serves nothing; it proves what the others do.
 *
 * @module
 */

import type { MarkerDeclaration } from "@runtime/idl/marker.ts";
import { BARE, defineService } from "@runtime/idl/service.ts";
import type { ProbeDeclaration } from "./probe_declaration.ts";
import { STATE_PROBES } from "./state_protocol.ts";

/** Every probe in the order of the ladder. */
export const PROBES = {
  vmoMap: {
    line: "SELFTEST: vm map roundtrip",
    phase: "mmio",
    proves: "bytes written to a mapped memory object are read back, and unmapped ones are not",
    evidence: ["bytes"],
  },
  capQuery: {
    line: "SELFTEST: cap query vmo",
    phase: "mmio",
    proves: "the kernel tells kind and length of a memory object",
    evidence: ["length"],
  },
  payload: {
    line: "SELFTEST: ipc payload roundtrip",
    phase: "routing",
    proves: "the largest frame crosses an endpoint unchanged, one byte more does not",
    evidence: ["bytes"],
  },
  deadline: {
    line: "SELFTEST: ipc deadline timeout",
    phase: "routing",
    proves: "a receive ends at its deadline and not before",
    evidence: ["waitedNs"],
  },
  loopback: {
    line: "SELFTEST: nexus-ipc kernel loopback",
    phase: "routing",
    proves: "messages keep their order and a full endpoint refuses",
    evidence: ["messages"],
  },
  routingKeystored: {
    line: "SELFTEST: ipc routing keystored",
    phase: "routing",
    proves: "keystored answers the right that the boot minted",
    evidence: ["key"],
  },
  routingSamgrd: {
    line: "SELFTEST: ipc routing samgrd",
    phase: "routing",
    proves: "samgrd answers",
    evidence: ["sid"],
  },
  routingPolicyd: {
    line: "SELFTEST: ipc routing policyd",
    phase: "routing",
    proves: "policyd answers",
    evidence: ["status"],
  },
  routing: {
    line: "SELFTEST: ipc routing",
    phase: "routing",
    proves: "every daemon is found in samgrd by its name",
    evidence: ["daemons"],
  },
  capMove: {
    line: "SELFTEST: ipc cap move reply",
    phase: "routing",
    proves: "a reply comes over a right that moved with the request",
    evidence: ["reply"],
  },
  senderId: {
    line: "SELFTEST: ipc sender service_id",
    phase: "routing",
    proves: "the kernel stamps this task's own id",
    evidence: ["sid"],
  },
  soak: {
    line: "SELFTEST: ipc soak",
    phase: "routing",
    proves: "a thousand calls are answered in order",
    evidence: ["calls"],
  },
  samgrRegister: {
    line: "SELFTEST: samgrd v1 register",
    phase: "routing",
    proves: "a name is registered for its sender",
    evidence: ["name"],
  },
  samgrLookup: {
    line: "SELFTEST: samgrd v1 lookup",
    phase: "routing",
    proves: "the registered place comes back",
    evidence: ["place"],
  },
  samgrUnknown: {
    line: "SELFTEST: samgrd v1 unknown",
    phase: "routing",
    proves: "a name that nobody registered is not found",
    evidence: ["status"],
  },
  samgrMalformed: {
    line: "SELFTEST: samgrd v1 malformed",
    phase: "routing",
    proves: "a malformed frame is refused and the next one answered",
    evidence: ["status"],
  },
  policyAllow: {
    line: "SELFTEST: policy allow",
    phase: "policy",
    proves: "a granted capability is allowed",
    evidence: ["capability"],
  },
  policyDeny: {
    line: "SELFTEST: policy deny",
    phase: "policy",
    proves: "a capability without a grant is denied, by name and not by silence",
    evidence: ["capability"],
  },
  mmioDeny: {
    line: "SELFTEST: mmio policy deny",
    phase: "policy",
    proves: "this task is denied every device",
    evidence: ["devices"],
  },
  auditAllow: {
    line: "SELFTEST: policy allow audit",
    phase: "policy",
    proves: "the allowed decision has its record, written by policyd",
    evidence: ["record"],
  },
  auditDeny: {
    line: "SELFTEST: policy deny audit",
    phase: "policy",
    proves: "the denied decision has its record, written by policyd",
    evidence: ["record"],
  },
  signDenied: {
    line: "SELFTEST: keystored sign denied",
    phase: "policy",
    proves: "the device key does not sign for a task without the grant",
    evidence: ["status"],
  },
  spoofDenied: {
    line: "SELFTEST: policyd requester spoof denied",
    phase: "policy",
    proves: "a frame that names another requester is denied",
    evidence: ["status"],
  },
  policyMalformed: {
    line: "SELFTEST: policy malformed",
    phase: "policy",
    proves: "a malformed query is malformed, not denied and not allowed",
    evidence: ["status"],
  },
  logSink: {
    line: "SELFTEST: nexus-log sink-logd",
    phase: "logd",
    proves: "an appended record has an id",
    evidence: ["record"],
  },
  logQuery: {
    line: "SELFTEST: log query",
    phase: "logd",
    proves: "the appended record comes back with this task's own id",
    evidence: ["record"],
  },
  logRejects: {
    line: "SELFTEST: logd hardening rejects",
    phase: "logd",
    proves: "an invalid level, a forged identity and the 25th record in a second are refused",
    evidence: ["rejects"],
  },
  entropy: {
    line: "SELFTEST: rng entropy",
    phase: "entropy",
    proves: "draws from the device differ, and nearly every value of a byte is among them",
    evidence: ["draws", "values"],
  },
  entropyOversized: {
    line: "SELFTEST: rng entropy oversized",
    phase: "entropy",
    proves: "257 bytes are refused",
    evidence: ["status"],
  },
  deviceKey: {
    line: "SELFTEST: device key pubkey",
    phase: "entropy",
    proves: "keystored's key hashes to the id that identityd and dsoftbusd go by",
    evidence: ["key"],
  },
  proofTamper: {
    line: "SELFTEST: identityd proof tamper rejected",
    phase: "entropy",
    proves:
      "identityd finds a genuine session proof valid, and none with one bit of signature, key " +
      "or static key turned over, of another role or of another device",
    evidence: ["rejected"],
  },
  payloadTamper: {
    line: "SELFTEST: identityd payload tamper rejected",
    phase: "entropy",
    proves:
      "identityd finds a genuine signature valid, and none with one bit of it, its key or its " +
      "payload turned over, or made for another purpose",
    evidence: ["rejected"],
  },
  keyExport: {
    line: "SELFTEST: device key private export rejected",
    phase: "entropy",
    proves: "the private key does not leave keystored",
    evidence: ["status"],
  },
  ...STATE_PROBES,
  netInterface: {
    line: "SELFTEST: net iface",
    phase: "net",
    proves: "the interface has its address",
    evidence: ["ip"],
  },
  netPing: {
    line: "SELFTEST: net ping",
    phase: "net",
    proves: "the gateway answers an echo over the network card",
    evidence: ["ip"],
  },
  icmpPing: {
    line: "SELFTEST: icmp ping",
    phase: "net",
    proves: "an address without a host does not answer, and the gateway still does",
    evidence: ["answered"],
  },
  tcpListen: {
    line: "SELFTEST: net tcp listen",
    phase: "net",
    proves: "a port is listened on, is then taken, and is free again after closing",
    evidence: ["handle"],
  },
  foreignHandle: {
    line: "SELFTEST: netstackd foreign handle rejected",
    phase: "net",
    proves: "handles of dsoftbusd are not there for this task, and its listener goes on",
    evidence: ["refused"],
  },
  connect: {
    line: "SELFTEST: dsoftbus os connect",
    phase: "session",
    proves: "an authenticated session with another device stands",
    evidence: ["peer"],
  },
  verified: {
    line: "SELFTEST: dsoftbus identity verified",
    phase: "session",
    proves: "policyd has on record that dsoftbusd had identityd check this very peer's proof",
    evidence: ["peer", "record"],
  },
  ping: {
    line: "SELFTEST: dsoftbus ping",
    phase: "session",
    proves: "a ping crossed the session and its pong came back",
    evidence: ["peer", "pongs"],
  },
  remoteResolve: {
    line: "SELFTEST: remote resolve",
    phase: "session",
    proves: "the peer's samgrd resolved a service of its own, and not one that it lacks",
    evidence: ["peer", "endpoint"],
  },
  peerJudged: {
    line: "SELFTEST: dsoftbus peer judged",
    phase: "session",
    proves: "the peer's own ping and resolve came in, and were decided under the peer's id",
    evidence: ["peer", "ping", "resolve"],
  },
} as const satisfies Readonly<Record<string, ProbeDeclaration>>;

export type ProbeKey = keyof typeof PROBES;

/** Key of the marker that says a probe failed. */
export function failureKey(key: string): string {
  return `${key}Failed`;
}

const END: MarkerDeclaration = {
  line: "SELFTEST: end",
  phase: "end",
  role: "required",
  proves: "every probe ran and none failed",
  evidence: ["probes"],
};

function markers(): Readonly<Record<string, MarkerDeclaration>> {
  const declared: Record<string, MarkerDeclaration> = {};
  for (const [key, probe] of Object.entries<ProbeDeclaration>(PROBES)) {
    const { line, phase, proves, evidence, verdict = " ok", role = "required", needs } = probe;
    const needed = needs === undefined ? {} : { needs };
    declared[key] = { line: `${line}${verdict}`, phase, role, ...needed, proves, evidence };
    const failed = { line: `${line} FAIL`, phase, role: "failure", evidence: ["probe"] } as const;
    declared[failureKey(key)] = { ...failed, proves: `the opposite: ${proves}` };
  }
  return { ...declared, end: END };
}

export const selftest = defineService({
  name: "selftest-client",
  magic: "ST",
  version: 1,
  envelope: BARE,
  status: { ok: 0, denied: 1, malformed: 2 },
  ops: {},
  markers: markers(),
});
