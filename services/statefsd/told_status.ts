import type { WriteStatus } from "./write_queue.ts";

/** What the protocol calls the ends of a write that it has other names for. */
const OTHER_NAMES = {
  access_denied: "denied",
  transaction_limit: "txn_limit",
  verify_failed: "io_error",
  unavailable: "io_error",
} as const;
type Failure = Exclude<WriteStatus, "ok">;
type OtherName = keyof typeof OTHER_NAMES;
/** An end of a write that failed, as the protocol calls it. */
export type FailureTold = Exclude<Failure, OtherName> | typeof OTHER_NAMES[OtherName];

/** The end of a write, as the protocol calls it. */
export function answered(status: WriteStatus): { readonly status: "ok" | FailureTold } {
  return status === "ok" ? { status } : refused(status);
}

/** The same of one that failed. */
export function refused(status: Failure): { readonly status: FailureTold } {
  return { status: hasOtherName(status) ? OTHER_NAMES[status] : status };
}

function hasOtherName(status: Failure): status is OtherName {
  return Object.hasOwn(OTHER_NAMES, status);
}
