/**
 * What each process of the program, and each worker of one, may do: the only place that says so.
 *
 * From source a process is started with exactly these flags. What is compiled into an executable is a
 * ceiling, because nobody knows then what a node will be asked: there it gives up the rest itself.
 *
 * @module
 */

import type { HostAddress } from "@runtime/core/ports.ts";
import type { Reach } from "@runtime/core/program_ports.ts";
import {
  PERMISSION_KINDS,
  type PermissionKind,
  type PermissionSet,
} from "@runtime/core/sandbox_ports.ts";
import { permission, PermissionFailure } from "./missing_permission.ts";
import { denoAtLeast } from "./runtime_version.ts";

/** Variables that say where nodes register, and those of `nx test-os`. */
const REGISTRY_ENV = "XDG_RUNTIME_DIR,TMPDIR";
const LADDER_ENV = "RUN_PHASE,RUN_TIMEOUT,RUN_UNTIL_MARKER";

/**
 * What is compiled into an executable. It knows neither what it will be asked to listen at, to dial
 * and to read, nor its own path.
 *
 * @param facts What it asks the system, which differs between Denos.
 */
export function programFlags(facts: readonly string[]): readonly string[] {
  const rest = [`--allow-env=${REGISTRY_ENV},${LADDER_ENV}`, flagOf("sys", facts)];
  return ["--no-prompt", "--allow-net", "--allow-read", "--allow-write", ...rest, "--allow-run"];
}

/** A task's way to name the Deno that runs it. */
const OWN_DENO = `$(deno eval --no-config 'console.log(Deno.execPath())')`;

/**
 * The flags of the tasks in `deno.json`, by name. `nx` is the ceiling of every command, with itself as
 * the only program. `demo` asks at sockets whose paths its nodes choose, and a Unix socket is read,
 * written and, on Deno 2.9, an address. `test-os` keeps its nodes in its own process, on loopback, and
 * its consoles wherever it is told. `--allow-sys` stands alone where a node runs, see `flagsOf`.
 */
export const TASK_FLAGS: Readonly<Record<string, readonly string[]>> = {
  "nx": [
    ...["--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
    ...[`--allow-env=${REGISTRY_ENV},${LADDER_ENV}`, "--allow-sys", `--allow-run=${OWN_DENO}`],
  ],
  "demo": [
    ...["--no-prompt", "--allow-net", "--allow-read", "--allow-write"],
    ...[`--allow-env=${REGISTRY_ENV}`, "--allow-sys=uid", `--allow-run=${OWN_DENO}`],
  ],
  "test-os": [
    ...["--no-prompt", "--allow-net=127.0.0.1", "--allow-read", "--allow-write"],
    ...[`--allow-env=${LADDER_ENV}`, "--allow-sys"],
  ],
};

/** The runtime's name for the right to ask whether its inspector is open. */
const INSPECTOR_FACT = "inspector";

/** Where the runtime would open its inspector: a node holds the port. */
export const INSPECTOR_ADDRESS = { host: "127.0.0.1", port: 9229 } as const;

/** What differs between runtimes. */
export interface RuntimeFacts {
  /** Whether a Unix socket is an address that must be permitted, beside its path. */
  readonly unixAddresses: boolean;
  /** What its process asks the system: whose files are its own, and whether its inspector is open. */
  readonly system: readonly string[];
  /** Whether it opens an inspector at a signal, so that a node holds the port. */
  readonly inspector: boolean;
  /** The program's own files, which a process that makes workers reads; none where they are compiled in. */
  readonly source: readonly string[];
}

/** Of this runtime. */
export function runtimeFacts(): RuntimeFacts {
  return {
    unixAddresses: denoAtLeast(2, 9),
    system: systemFacts(denoAtLeast(2, 9)),
    inspector: denoAtLeast(2, 5),
    source: Deno.build.standalone ? [] : [new URL("../..", import.meta.url).pathname],
  };
}

/** @param inspector Whether the runtime takes its inspector for a fact of the system. */
export function systemFacts(inspector: boolean): readonly string[] {
  return inspector ? ["uid", INSPECTOR_FACT] : ["uid"];
}

/** What the worker may do in which a node runs. `ffi` and `import` nothing of the program ever has. */
export function nodePermissions(
  reach: Reach,
  facts: RuntimeFacts = runtimeFacts(),
): PermissionSet {
  const { folders, reads = [], socket } = reach;
  const addresses = [...reach.listens, ...reach.dials].map(netOf);
  if (facts.inspector) addresses.push(hostPort(INSPECTOR_ADDRESS));
  if (facts.unixAddresses && socket !== undefined) addresses.push(`unix:${socket}`);
  return {
    net: [...new Set(addresses)],
    read: [...folders, ...reads],
    write: reach.readOnly === true ? [] : folders,
    env: [],
    sys: ["uid"],
    run: [],
  };
}

/** What the process may do around it, until that worker runs: it makes the workers of daemons too. */
export function processPermissions(
  node: PermissionSet,
  { variables }: Pick<Reach, "variables">,
  { source, system }: Pick<RuntimeFacts, "source" | "system"> = runtimeFacts(),
): PermissionSet {
  return { ...node, read: [...source, ...node.read], env: variables, sys: system };
}

/** A name is looked up without a port, and its addresses are dialled by it. */
function netOf(address: HostAddress): string {
  return isAddress(address.host) ? hostPort(address) : address.host;
}

function isAddress(host: string): boolean {
  return host.includes(":") || /^[\d.]+$/.test(host);
}

export function hostPort({ host, port }: HostAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** As the runtime's command line takes them. */
export function flagsOf(permissions: PermissionSet): readonly string[] {
  const flags = PERMISSION_KINDS.filter((kind) => permissions[kind].length > 0)
    .map((kind) => flagOf(kind, permissions[kind]));
  return ["--no-prompt", ...flags];
}

function flagOf(kind: PermissionKind, values: readonly string[]): string {
  // Deno 2.9 asks for the inspector and takes no flag that names it; workers can be given it alone.
  if (kind === "sys" && values.includes(INSPECTOR_FACT)) return "--allow-sys";
  return `--allow-${kind}=${values.map(flagValue).join(",")}`;
}

/** A comma ends a value; a doubled one is part of it. */
function flagValue(value: string): string {
  return value.replaceAll(",", ",,");
}

/** As a worker is given them. */
export function workerPermissions(permissions: PermissionSet): Deno.PermissionOptionsObject {
  const list = (kind: PermissionKind) =>
    permissions[kind].length === 0 ? false : [...permissions[kind]];
  return {
    ...{ net: list("net"), read: list("read"), write: list("write"), env: list("env") },
    ...{ sys: list("sys") as Deno.PermissionOptionsObject["sys"] ?? false, run: list("run") },
    ...{ ffi: false, import: false },
  };
}

/** Whether this thread may do one thing. */
export function isPermitted(kind: PermissionKind, value: string): boolean {
  return Deno.permissions.querySync(descriptor(kind, value)).state === "granted";
}

/** @throws {PermissionFailure} for the first of them that this thread has not. */
export function requirePermissions(permissions: PermissionSet): void {
  for (const kind of PERMISSION_KINDS) {
    const missing = permissions[kind].find((value) => !isPermitted(kind, value));
    if (missing !== undefined) throw new PermissionFailure(permission(kind, missing));
  }
}

function descriptor(kind: PermissionKind, value: string): Deno.PermissionDescriptor {
  switch (kind) {
    case "net":
      return { name: kind, host: value };
    case "read":
    case "write":
      return { name: kind, path: value };
    case "env":
      return { name: kind, variable: value };
    case "sys":
      return { name: kind, kind: value as Deno.SysPermissionDescriptor["kind"] & string };
    case "run":
      return { name: kind, command: value };
  }
}

/** Gives up everything of these kinds in this thread, for good. */
export function giveUp(kinds: readonly Deno.PermissionName[]): void {
  for (const name of kinds) Deno.permissions.revokeSync({ name });
}
