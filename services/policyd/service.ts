import { fnv1a64 } from "@runtime/core/fnv.ts";
import type { Principal } from "@runtime/core/syscalls.ts";
import { type Handlers, REFUSED, type RefusedHandler } from "@runtime/idl/server.ts";
import { CHECKED_CAPABILITY } from "./capabilities.ts";
import type { Grants } from "./grants.ts";
import { policyd, policydV2, policydV3 } from "./protocol.ts";
import { createRecorder, type Recorder, type RecorderPorts } from "./recorder.ts";
import {
  judgeAsk,
  judgeClaim,
  judgeDelegated,
  malformedVerdict,
  subjectOf,
  type Verdict,
} from "./verdict.ts";

/** The target whose routes need a capability of their own. Source: Open Nexus OS, policyd. */
const EXECD = "execd";
const EXECD_SID = fnv1a64(EXECD);

/** What policyd stands on. */
export interface PolicydPorts extends RecorderPorts {
  readonly grants: Grants;
}

/** Handlers of policyd's protocols, by the names of `mod.ts`. */
export interface PolicydHandlers {
  readonly policyd: Handlers<typeof policyd>;
  readonly policydV2: Handlers<typeof policydV2>;
  readonly policydV3: Handlers<typeof policydV3>;
}

type Answered = Promise<{ readonly status: Verdict["outcome"] }>;

interface Requester {
  readonly sid: bigint;
  readonly name: string;
}

/** Judges, has the decision recorded, and only then answers. */
export function createPolicyd({ grants, ...ports }: PolicydPorts): PolicydHandlers {
  const record = createRecorder(ports);
  const checks = createChecks(grants, record);
  const byName = (name: string): Requester => ({ name, sid: fnv1a64(name) });
  const bySid = (sid: bigint): Requester => ({ name: subjectOf(grants, sid), sid });
  return {
    policyd: {
      check: ({ requester }, { sender }) => checks.check(sender, byName(requester)),
      route: ({ requester, target }, { sender }) =>
        checks.route(sender, { ...byName(requester), target }),
      exec: ({ requester, image }, { sender }) =>
        checks.exec(sender, { ...byName(requester), image }),
      checkCapability: ({ subject, capability }, { sender }) =>
        checks.capability(sender, { ...bySid(subject), capability }),
      checkDelegated: ({ subject, capability }, { sender }) =>
        checks.delegated(sender, { ...bySid(subject), capability }),
      [REFUSED]: refusedRecorder(record, policyd),
    },
    policydV2: {
      route: ({ requester, target }, { sender }) =>
        checks.route(sender, { ...byName(requester), target }),
      exec: ({ requester, image }, { sender }) =>
        checks.exec(sender, { ...byName(requester), image }),
      checkDelegated: ({ subject, capability }, { sender }) =>
        checks.delegated(sender, { ...bySid(subject), capability }),
      decide: (ask, { sender }) => settle(record, judgeAsk(grants, sender, ask)),
      [REFUSED]: refusedRecorder(record, policydV2),
    },
    policydV3: {
      route: ({ requester, target }, { sender }) =>
        checks.route(sender, {
          ...bySid(requester),
          // No grant needs to name execd for its routes to be told apart.
          target: target === EXECD_SID ? EXECD : subjectOf(grants, target),
        }),
      exec: ({ requester, image }, { sender }) =>
        checks.exec(sender, { ...bySid(requester), image }),
      [REFUSED]: refusedRecorder(record, policydV3),
    },
  };
}

/** Upstream's checks, once for all versions. */
function createChecks(grants: Grants, record: Recorder) {
  return {
    check(sender: Principal, requester: Requester): Answered {
      const capability = CHECKED_CAPABILITY.check;
      const claim = { ...requester, check: "check", capability, target: "" };
      return settle(record, judgeClaim(grants, sender, claim));
    },
    route(sender: Principal, { target, ...requester }: Requester & { target: string }): Answered {
      const capability = target === EXECD
        ? CHECKED_CAPABILITY.routeExecd
        : CHECKED_CAPABILITY.route;
      const claim = { ...requester, check: "route", capability, target };
      return settle(record, judgeClaim(grants, sender, claim));
    },
    exec(sender: Principal, { image, ...requester }: Requester & { image: number }): Answered {
      const target = `image:${image}`;
      const claim = { ...requester, check: "exec", capability: CHECKED_CAPABILITY.exec, target };
      return settle(record, judgeClaim(grants, sender, claim));
    },
    capability(sender: Principal, asked: Requester & { capability: string }): Answered {
      const claim = { ...asked, check: "check_cap", target: "" };
      return settle(record, judgeClaim(grants, sender, claim));
    },
    delegated(sender: Principal, asked: Requester & { capability: string }): Answered {
      const claim = { ...asked, check: "check_cap_delegated", target: "" };
      return settle(record, judgeDelegated(grants, sender, claim));
    },
  };
}

/** An answer never leaves before its record is kept; without a record it is a denial. */
async function settle(record: Recorder, verdict: Verdict): Answered {
  return { status: await record(verdict) ? verdict.outcome : "denied" };
}

/** A frame that does not parse is denied and recorded as well, under the name of its operation. */
function refusedRecorder(
  record: Recorder,
  { ops }: { readonly ops: Readonly<Record<string, { readonly code: number }>> },
): RefusedHandler {
  return async ({ code }, { sender }) => {
    const found = Object.entries(ops).find(([, op]) => op.code === code);
    await record(malformedVerdict(sender, CHECK_NAMES[found?.[0] ?? ""] ?? "unknown"));
  };
}

/** Names of the checks in audit records. Source: Open Nexus OS, policyd, "audit". */
const CHECK_NAMES: Readonly<Record<string, string>> = {
  check: "check",
  route: "route",
  exec: "exec",
  checkCapability: "check_cap",
  checkDelegated: "check_cap_delegated",
  decide: "decide",
};
