/**
 * What the selftest proves about values and keys that are kept.
 *
 * @module
 */

import type { ProbeDeclaration } from "./probe_declaration.ts";

/** Probes of the phases `state` and `keystore`, in the order of the ladder. */
export const STATE_PROBES = {
  statePut: {
    line: "SELFTEST: statefs put",
    ...{ phase: "state", evidence: ["bytes"] },
    proves: "a fresh value comes back",
  },
  stateDenied: {
    line: "SELFTEST: statefs unauthorized access rejected",
    ...{ phase: "state", verdict: "" },
    proves: "keystored's names are closed to this task",
    evidence: ["status"],
  },
  statePersist: {
    line: "SELFTEST: statefs persist",
    ...{ phase: "state", evidence: ["bytes"] },
    proves: "a fresh value is there after the disk was replayed",
  },
  stateAuthPut: {
    line: "SELFTEST: statefs auth put",
    ...{ phase: "state", evidence: ["rise"] },
    proves: "the store's sequence rises with a write",
  },
  stateTamper: {
    line: "SELFTEST: statefs tamper deny",
    ...{ phase: "state", evidence: ["attempts"] },
    proves: "in an image of statefsd's own, a change of any byte of a stored value is found",
  },
  stateRollback: {
    line: "SELFTEST: statefs rollback deny",
    ...{ phase: "state", evidence: ["attempts"] },
    proves: "in an image of statefsd's own, an earlier value that was put back is found",
  },
  stateCrashAtomic: {
    line: "SELFTEST: statefs v2 crash-atomic",
    ...{ phase: "state", evidence: ["values"] },
    proves: "of a transaction that a replay cut off nothing is there, of one that was kept all",
  },
  stateCompact: {
    line: "SELFTEST: statefs v2 compact",
    phase: "state",
    proves: "a new generation has the value of the one before",
    evidence: ["bytes", "generation"],
  },
  stateSealed: {
    line: "SELFTEST: statefs enc roundtrip",
    ...{ phase: "state", evidence: ["attempts"] },
    proves: "values come back that are nowhere in the clear in statefsd's own image",
  },
  quotaDeny: {
    line: "SELFTEST: quota deny",
    phase: "state",
    proves: "a write above this task's hard limit is refused with what it takes, and kept nowhere",
    evidence: ["used", "limit"],
  },
  coldPersist: {
    line: "SELFTEST: statefs cold-boot persist",
    ...{ phase: "state", needs: "state" },
    proves: "what an earlier boot kept is there",
    evidence: ["bytes"],
  },
  keyPersist: {
    line: "SELFTEST: device key persist",
    ...{ phase: "state", needs: "state" },
    proves: "the device key is the one of an earlier boot",
    evidence: ["key"],
  },
  coldSeeded: {
    line: "SELFTEST: statefs cold-boot seeded",
    ...{ phase: "state", verdict: "", role: "allowed" },
    proves: "the first boot on this state left its public key for those that follow",
    evidence: ["key"],
  },
  keystoreValues: {
    line: "SELFTEST: keystored v1",
    phase: "keystore",
    proves: "a value of this task's own comes back, and is gone when it is let go",
    evidence: ["bytes"],
  },
  keystoreSign: {
    line: "SELFTEST: keystore v1.1 sign",
    phase: "keystore",
    proves: "a signature verifies, and that of another message does not",
    evidence: ["version"],
  },
  keystoreRotate: {
    line: "SELFTEST: keystore v1.1 rotate",
    phase: "keystore",
    proves: "the new version signs, and what the old one signed still verifies",
    evidence: ["version"],
  },
  keystoreSeal: {
    line: "SELFTEST: keystore v1.1 seal",
    phase: "keystore",
    proves: "what was sealed opens with its data, and with nothing changed",
    evidence: ["bytes"],
  },
  keystoreRevoke: {
    line: "SELFTEST: keystore v1.1 revoke",
    phase: "keystore",
    proves: "a revoked key signs nothing and does not come back",
    evidence: ["status"],
  },
  keystoreDeny: {
    line: "SELFTEST: keystore v1.1 deny",
    phase: "keystore",
    proves: "another application's keys are refused, there or not",
    evidence: ["status"],
  },
} as const satisfies Readonly<Record<string, ProbeDeclaration>>;
