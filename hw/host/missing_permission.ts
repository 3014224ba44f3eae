/**
 * The runtime's refusals, read in one place: which flag would have let the program do what it was
 * kept from.
 *
 * @module
 */

import type { MissingPermission } from "@runtime/core/program_ports.ts";

/** Failures behind failures that are looked at. */
const DEPTH_MAX = 8;

/** What a permission lets a program do. */
const PURPOSES = {
  net: "use that address",
  read: "read there",
  write: "write there",
  env: "read that variable",
  sys: "ask the system for that",
  run: "start that program",
  ffi: "load that library",
  import: "load code from there",
} as const;

type Kind = keyof typeof PURPOSES;

/** As every Deno from 2.4 on says it. What is quoted may be absent, or a place without quotes. */
const REFUSAL =
  /^Requires (net|read|write|env|sys|run|ffi|import) access(?: to (?:"(.*)"|[^"].*?))?, run again with the --allow-/;
/** A child may not be given a variable that changes which code it loads. */
const RUN_REFUSAL = /^Requires --allow-run permissions/;

/** A permission that this process was not given, found out before it is needed. */
export class PermissionFailure extends Error {
  override readonly name = "PermissionFailure";
  readonly missing: MissingPermission;

  constructor(missing: MissingPermission) {
    super(`Needs ${missing.flag}`);
    this.missing = missing;
  }
}

/** Reads the refusal behind a failure, which may be its cause, or the cause of that. */
export function missingPermission(failure: unknown): MissingPermission | undefined {
  let error = failure;
  for (let depth = 0; depth < DEPTH_MAX && error instanceof Error; depth++) {
    const found = refusalIn(error);
    if (found !== undefined) return found;
    error = error.cause;
  }
  return undefined;
}

/** The permission to do one thing, or everything of a kind. */
export function permission(kind: Kind, value?: string): MissingPermission {
  const flag = value === undefined ? `--allow-${kind}` : `--allow-${kind}=${value}`;
  return { flag, purpose: PURPOSES[kind] };
}

function refusalIn(error: Error): MissingPermission | undefined {
  if (error instanceof PermissionFailure) return error.missing;
  if (error.name === "NotCapable") {
    const [, kind, value] = REFUSAL.exec(error.message) ?? [];
    if (isKind(kind)) return permission(kind, value);
    return RUN_REFUSAL.test(error.message) ? permission("run") : undefined;
  }
  // `node:dns` passes it on as the system's own refusal, which a look-up knows no other cause of.
  if (!("syscall" in error && error.syscall === "getaddrinfo")) return undefined;
  if (!("code" in error && error.code === "EPERM")) return undefined;
  const name = "hostname" in error && typeof error.hostname === "string"
    ? error.hostname
    : undefined;
  return permission("net", name);
}

function isKind(kind: string | undefined): kind is Kind {
  return kind !== undefined && Object.hasOwn(PURPOSES, kind);
}
