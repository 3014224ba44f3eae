import type { HostSocketError } from "@runtime/core/ports.ts";

/** What the operating system's error names mean to the callers of the socket ports. */
const CODES: Readonly<Record<string, HostSocketError>> = {
  EACCES: "permission_denied",
  EADDRINUSE: "address_in_use",
  EADDRNOTAVAIL: "address_not_available",
  EAGAIN: "too_many",
  ECONNABORTED: "aborted",
  ECONNREFUSED: "refused",
  ECONNRESET: "reset",
  EINVAL: "address_not_available",
  EHOSTUNREACH: "unreachable",
  EMFILE: "too_many",
  ENETUNREACH: "unreachable",
  ENFILE: "too_many",
  ENOBUFS: "too_many",
  ENOENT: "not_found",
  ENOTFOUND: "not_found",
  EPERM: "permission_denied",
  EPIPE: "reset",
  ETIMEDOUT: "timed_out",
};

/** Names of errors that some Deno versions throw without an operating system code. */
const NAMES: Readonly<Record<string, HostSocketError>> = {
  AddrInUse: "address_in_use",
  AddrNotAvailable: "address_not_available",
  BrokenPipe: "reset",
  ConnectionAborted: "aborted",
  ConnectionRefused: "refused",
  ConnectionReset: "reset",
  NotCapable: "permission_denied",
  NotFound: "not_found",
  PermissionDenied: "permission_denied",
  TimedOut: "timed_out",
};

/** The port's word for the operating system's error of this name; `failed` for anything unknown. */
export function socketErrorNamed(name: string): HostSocketError {
  return CODES[name] ?? "failed";
}

/** The port's word for what the runtime threw; `failed` for anything unknown. */
export function socketErrorOf(error: unknown): HostSocketError {
  if (!(error instanceof Error)) return "failed";
  const code = "code" in error && typeof error.code === "string" ? CODES[error.code] : undefined;
  return code ?? NAMES[error.name] ?? "failed";
}
