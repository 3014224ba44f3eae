/**
 * Decisions, without any I/O: who speaks for whom, and what the grants say.
 *
 * @module
 */

import type { Principal } from "@runtime/core/syscalls.ts";
import type { Ask } from "@runtime/idl/policy.ts";
import { OPERATION_LENGTH_MAX } from "@runtime/idl/policy.ts";
import { CHECKED_CAPABILITY, SCOPED_PREFIX, UNSCOPED } from "./capabilities.ts";
import { type Grants, isSubject } from "./grants.ts";

/** A decision with all that its record says. */
export interface Verdict extends Ask {
  readonly outcome: "ok" | "denied" | "malformed";
  /** Source: RFC-0015, "Audit record". */
  readonly reason: "policy" | "identity_mismatch" | "malformed";
  /** What was asked, such as `check_cap`. */
  readonly check: string;
}

/** A question about whoever the frame claims to speak for. */
export interface Claim {
  readonly check: string;
  readonly capability: string;
  readonly target: string;
  /** The claimed id, or the hash of the claimed name. */
  readonly sid: bigint;
  /** The claimed name, or the one that the grants have for the id. */
  readonly name: string;
}

const CAPABILITY = /^[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*$/;
const UNPRINTABLE = /[^\x21-\x7e]/gu;

/**
 * Judges a claim: the caller speaks for itself, or holds `policy.delegate`.
 *
 * What is judged is the name that the kernel knows, never one of the frame that only hashes alike.
 */
export function judgeClaim(grants: Grants, sender: Principal, claim: Claim): Verdict {
  const { check, capability, target, sid, name } = claim;
  const own = sid === sender.sid;
  if (!own && !delegates(grants, sender)) return mismatch(sender, claim);
  const subject = own ? sender.name : name;
  return policyVerdict(grants, {
    check,
    ask: { subject, capability, operation: own ? "" : as(sender.name), target },
  });
}

/** Judges a delegated check: the caller must hold `policy.delegate`, also for itself. */
export function judgeDelegated(grants: Grants, sender: Principal, claim: Claim): Verdict {
  const { check, capability, target, sid, name } = claim;
  const operation = as(sender.name);
  if (!delegates(grants, sender)) {
    if (sid !== sender.sid) return mismatch(sender, claim);
    const ask = { subject: sender.name, capability, operation, target };
    return { ...ask, check, outcome: "denied", reason: "policy" };
  }
  return policyVerdict(grants, { check, ask: { subject: name, capability, operation, target } });
}

/** Judges DECIDE: the subject is the caller, or the caller holds `policy.delegate`. */
export function judgeAsk(grants: Grants, sender: Principal, ask: Ask): Verdict {
  const check = "decide";
  if (!isSubject(ask.subject) || !CAPABILITY.test(ask.capability)) {
    return { ...ask, check, outcome: "malformed", reason: "malformed" };
  }
  if (ask.subject !== sender.name && !delegates(grants, sender)) {
    const operation = as(ask.subject);
    const subject = sender.name;
    return { ...ask, check, subject, operation, outcome: "denied", reason: "identity_mismatch" };
  }
  return policyVerdict(grants, { check, ask });
}

/** The record of a frame that did not parse. */
export function malformedVerdict(sender: Principal, check: string): Verdict {
  const ask = { subject: sender.name, capability: "", operation: "", target: "" };
  return { ...ask, check, outcome: "malformed", reason: "malformed" };
}

/** Text of a service id: its name where the grants have one. */
export function subjectOf(grants: Grants, sid: bigint): string {
  return grants.nameOf(sid) ?? `0x${sid.toString(16).padStart(16, "0")}`;
}

function policyVerdict(
  grants: Grants,
  { check, ask }: { readonly check: string; readonly ask: Ask },
): Verdict {
  const { subject, capability, target } = ask;
  const allowed = grants.allows(subject, capability) &&
    (!isScoped(capability) || grants.actsFor(subject, appOf(target)));
  return { ...ask, check, outcome: allowed ? "ok" : "denied", reason: "policy" };
}

/** Whether a capability holds only for the applications that are the subject's. */
function isScoped(capability: string): boolean {
  return capability.startsWith(SCOPED_PREFIX) && !UNSCOPED.has(capability);
}

/** The application in a target: what stands before the first colon. */
function appOf(target: string): string {
  const end = target.indexOf(":");
  return end < 0 ? target : target.slice(0, end);
}

/** The record names who spoke, not whom it claimed to be: that stands in the operation. */
function mismatch(sender: Principal, { check, capability, target, name }: Claim): Verdict {
  const ask = { subject: sender.name, capability, operation: as(name), target };
  return { ...ask, check, outcome: "denied", reason: "identity_mismatch" };
}

function delegates(grants: Grants, sender: Principal): boolean {
  return grants.allows(sender.name, CHECKED_CAPABILITY.delegate);
}

/** One byte for each character, so that the bound in bytes holds for any name. */
function as(name: string): string {
  return `as:${name.replace(UNPRINTABLE, "?")}`.slice(0, OPERATION_LENGTH_MAX);
}
