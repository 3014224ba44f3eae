/**
 * What `nx sandbox` stands on: permissions as data, and a thread that tries what it may not.
 *
 * @module
 */

import type { HostAddress } from "./ports.ts";
import type { Reach } from "./program_ports.ts";

/** Kinds of permissions, in the order in which they are shown. */
export const PERMISSION_KINDS = ["net", "read", "write", "env", "sys", "run"] as const;
export type PermissionKind = typeof PERMISSION_KINDS[number];

/** What something may do, by kind: addresses, paths, variables, facts of the system, programs. */
export type PermissionSet = Readonly<Record<PermissionKind, readonly string[]>>;

/** One thing to try: what, and with which address, path, name or program. */
export type Attempt =
  | { readonly what: "dial" | "listen"; readonly on: HostAddress }
  | { readonly what: "look up" | "read" | "write" | "link"; readonly on: string }
  | { readonly what: "socket" | "env" | "sys" | "run" | "ffi" | "import"; readonly on: string }
  | { readonly what: "worker"; readonly on: "with every permission" };

/** How it went. A refusal is the runtime's; `failed` got past it and failed by something else. */
export interface Outcome {
  readonly result: "done" | "refused" | "failed";
  /** What the runtime or the host said. */
  readonly detail: string;
}

/** Threads with a node's permissions, and somebody to dial. */
export interface Sandbox {
  /** What a node may do that is to reach this. */
  permissionsOf(reach: Reach): PermissionSet;
  /** Tries each in order, in a fresh thread that may do no more than such a node. */
  tried(reach: Reach, attempts: readonly Attempt[]): Promise<readonly Outcome[]>;
  /** Accepts on the host's loopback until it is closed. */
  peer(): Promise<{ readonly address: HostAddress; close(): Promise<void> }>;
  /** A file of the program itself; `undefined` where it is compiled in. */
  readonly source: string | undefined;
}
