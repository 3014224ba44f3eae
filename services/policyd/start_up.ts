import { fnv1a64 } from "@runtime/core/fnv.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { logdAudit } from "../logd/protocol.ts";
import { CHECKED_CAPABILITY } from "./capabilities.ts";
import { Grants } from "./grants.ts";
import type { RecorderPorts } from "./recorder.ts";
import type { PolicydHandlers, PolicydPorts } from "./service.ts";

/** A subject of these tests alone: the node's grants do not know it. */
const NAME = "start-up";
const CAPABILITY = CHECKED_CAPABILITY.check;
const CALL = { sender: { name: NAME, sid: fnv1a64(NAME) }, moved: undefined } as const;

type AuditReply = Awaited<ReturnType<Client<typeof logdAudit>["appendAudit"]>>;

const KEPT: AuditReply = { status: "ok", recordId: 1n, dropped: 0n };
/** What logd may say, or not say, of a record that it did not keep. */
const NOT_KEPT: readonly AuditReply[] = [
  { status: "denied" },
  { status: "rate_limited" },
  { status: "no_reply" },
];

/**
 * Whether a decision depends on its record, asked before the first one is made: a subject with the
 * grant is allowed while its record is kept, and denied when it is not. On a healthy node no record is
 * ever lost, so nothing else would show it there.
 *
 * @param make Makes a decider of its own, over a logd of this function's.
 */
export async function failsClosed(
  make: (ports: PolicydPorts) => PolicydHandlers,
): Promise<boolean> {
  if ((await answers(make, KEPT)).some((status) => status !== "ok")) return false;
  for (const reply of NOT_KEPT) {
    if ((await answers(make, reply)).some((status) => status !== "denied")) return false;
  }
  return true;
}

/** What is answered to CHECK and to DECIDE while logd answers `reply`. */
async function answers(
  make: (ports: PolicydPorts) => PolicydHandlers,
  reply: AuditReply,
): Promise<readonly string[]> {
  const ports: RecorderPorts = {
    audit: { appendAudit: () => Promise.resolve(reply) },
    proveAudited() {},
    proveUnaudited() {},
  };
  const grants = new Grants(new Map([[NAME, new Set([CAPABILITY])]]));
  const { policyd, policydV2 } = make({ grants, ...ports });
  const checked = await policyd.check({ requester: NAME }, CALL);
  const ask = { subject: NAME, capability: CAPABILITY, operation: "", target: "" };
  const decided = await policydV2.decide(ask, CALL);
  return [checked.status, decided.status];
}
