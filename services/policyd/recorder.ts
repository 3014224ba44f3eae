import type { Client } from "@runtime/idl/client.ts";
import { DECISION, type logdAudit, REASONS } from "../logd/protocol.ts";
import type { Verdict } from "./verdict.ts";

/** How long a decision waits for its record. Its enforcer waits 2 s for the decision. */
export const AUDIT_TIMEOUT_MS = 1_000;

/** What a recorder stands on. */
export interface RecorderPorts {
  readonly audit: Client<typeof logdAudit>;
  readonly proveAudited: (evidence: { readonly record: number }) => void;
  readonly proveUnaudited: (evidence: { readonly lost: number }) => void;
}

/** Has a decision recorded; `false` when that failed, and the decision is then a denial. */
export type Recorder = (verdict: Verdict) => Promise<boolean>;

/** Records through logd's audit endpoint. The first record and the first loss print a marker. */
export function createRecorder({ audit, proveAudited, proveUnaudited }: RecorderPorts): Recorder {
  let kept = 0;
  let lost = 0;
  return async ({ outcome, reason, check, subject, capability, operation, target }) => {
    const reply = await audit.appendAudit({
      decision: outcome === "ok" ? DECISION.allow : DECISION.deny,
      reason: REASONS.indexOf(reason),
      check,
      subject,
      capability,
      operation,
      target,
    }, { timeoutMs: AUDIT_TIMEOUT_MS });
    if (reply.status === "ok") {
      kept += 1;
      if (kept === 1) proveAudited({ record: Number(reply.recordId) });
      return true;
    }
    lost += 1;
    if (lost === 1) proveUnaudited({ lost });
    return false;
  };
}
