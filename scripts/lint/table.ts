/**
 * Who may import what: the import table of `docs/architecture.md`, as data for the lint rules.
 *
 * @module
 */

/** One row of the import table. A file belongs to the row with the longest `at` that holds it. */
export interface Layer {
  /** Folder, or one file, from the root of the repository. */
  readonly at: string;
  /** Folders (or files) that it may import besides its own folder. */
  readonly may: readonly string[];
  /** Of another daemon's folder, the files (or folders, with a final slash) it may import. */
  readonly ofDaemons?: readonly string[];
  /** Why a folder is refused although it would seem natural. */
  readonly never?: Readonly<Record<string, string>>;
}

const SERVICE_MAY = [
  "runtime/core",
  "runtime/idl",
  "runtime/boot",
  "runtime/crypto",
  "runtime/capnp/declarations.ts",
  "hw/driver",
  "net",
  // These libraries are for every daemon; what other daemons have in such a folder is not.
  "services/keystored/client",
  "services/rngd/client",
];

export const LAYERS: readonly Layer[] = [
  { at: "runtime/core", may: [] },
  { at: "runtime/crypto", may: ["runtime/core"] },
  { at: "runtime/capnp", may: ["runtime/core"] },
  { at: "runtime/idl", may: ["runtime/core", "runtime/capnp"] },
  { at: "runtime/kernel", may: ["runtime/core"] },
  { at: "runtime/boot", may: ["runtime/core", "runtime/idl", "runtime/kernel"] },
  { at: "hw/virtio", may: ["runtime/core"] },
  { at: "hw/bus", may: ["runtime/core"] },
  { at: "hw/host", may: ["runtime/core"] },
  { at: "hw/device", may: ["runtime/core", "hw/virtio", "hw/bus"] },
  {
    at: "hw/driver",
    may: ["runtime/core", "hw/virtio"],
    never: {
      "hw/device": "a driver sees one register window, never the device behind it",
      "hw/bus": "a driver sees one register window, never the bus behind it",
    },
  },
  { at: "hw/board", may: ["runtime/core", "hw/virtio", "hw/bus", "hw/device"] },
  { at: "net", may: ["runtime/core", "runtime/crypto", "runtime/capnp"] },
  { at: "services", may: SERVICE_MAY, ofDaemons: ["protocol.ts"] },
  {
    at: "services/nx",
    may: ["runtime/core", "runtime/idl", "runtime/boot"],
    ofDaemons: ["protocol.ts", "client/"],
  },
  {
    at: "services/registry.gen.ts",
    may: ["runtime/core", "runtime/idl", "runtime/boot"],
    ofDaemons: ["protocol.ts", "mod.ts"],
  },
  {
    at: "services/tasks.gen.ts",
    may: ["runtime/core", "runtime/idl", "runtime/boot"],
    ofDaemons: ["protocol.ts", "mod.ts"],
  },
  {
    at: "hw/host/task_entry.ts",
    may: ["runtime/core", "runtime/idl", "runtime/boot", "hw/host"],
  },
  {
    at: "hw/host/task_worker.ts",
    may: ["runtime/core", "runtime/idl", "runtime/boot", "hw/host", "services/tasks.gen.ts"],
  },
  {
    // The one place where the library of keys meets the host: for programs outside a node.
    at: "hw/host/keys_client.ts",
    may: ["runtime/core", "runtime/idl", "hw/host", "services/keystored/client"],
  },
  { at: "hw/host/node_worker.ts", may: ["hw/host", "services/nx", "main.ts"] },
  { at: "main.ts", may: ["runtime", "hw", "net", "services"] },
];

/** Files that one place alone imports; tests import everything. */
export const SOLE_IMPORTER: Readonly<Record<string, string>> = {
  "hw/host/entropy_seeded.ts": "main.ts",
};

/** Each package by its one importing folder: a second importer means the wrapper is missing. */
export const PACKAGES: Readonly<Record<string, string>> = {
  "@noble/curves": "runtime/crypto",
  "@noble/ciphers": "runtime/crypto",
  "@noble/hashes": "runtime/crypto",
  "capnp-es": "runtime/capnp",
  "smol-toml": "services/policyd",
  "commander": "services/nx",
  "fast-check": "tests",
};

/** Aliases of the import map. Folders without one are reached relatively. */
export const ALIASES: Readonly<Record<string, string>> = {
  "@hw/": "hw/",
  "@net/": "net/",
  "@runtime/": "runtime/",
  "@services/": "services/",
  "@tests/": "tests/",
};

/** Where `node:` modules may be named. */
export const NODE_PLACES: readonly string[] = ["runtime/crypto", "hw/host", "scripts", "tests"];

/** Where the host's authority (clock, entropy, console, network) may be named. */
export const AUTHORITY_PLACES: readonly string[] = ["main.ts", "hw/host", "scripts", "tests"];

/** Where a dynamic `import()` may stand; in `runtime/crypto` of a `node:` module only. */
export const DYNAMIC_IMPORT_PLACES: readonly string[] = [
  "scripts",
  "hw/host/sandbox_worker.ts",
  "services/tasks.gen.ts",
  "tests/lockdown",
  "tests/escape",
];

/** Names of the host's authority. Whoever needs one of them takes a port instead. */
export const AMBIENT_NAMES: ReadonlySet<string> = new Set([
  "Deno",
  "Date",
  "Temporal",
  "Intl",
  "crypto",
  "performance",
  "setTimeout",
  "setInterval",
  "clearTimeout",
  "clearInterval",
  "setImmediate",
  "console",
  "fetch",
  "queueMicrotask",
  "globalThis",
  "self",
  "window",
  "process",
  "navigator",
  "Worker",
  "WebSocket",
  "BroadcastChannel",
  "localStorage",
  "sessionStorage",
]);

/** Names that one more folder may use: the kernel's run queue is where turns are made. */
export const AMBIENT_EXCEPTIONS: Readonly<Record<string, string>> = {
  "queueMicrotask": "runtime/kernel",
};

/** Lines of the longest function, from its first to its last. */
export const FUNCTION_LINES_MAX = 60;

/** Prefixes of a marker's text, before the colon: the daemons, and the parts of the boot. */
export const MARKER_NAMES: readonly string[] = [
  "SELFTEST",
  "init",
  "net",
  "blk",
  "statefs",
  "dsoftbus",
  "logd",
  "policyd",
  "rngd",
  "keystored",
  "identityd",
  "attestd",
  "statefsd",
  "netstackd",
  "dsoftbusd",
  "samgrd",
  "bundlemgrd",
  "updated",
  "controld",
  "selftest-client",
];

/** Where a literal may look like a marker, besides `protocol.ts`, tests and generated files. */
export const MARKER_PLACES: readonly string[] = [
  "runtime/boot/phases",
  // The part of the selftest's protocol that is about values and keys.
  "services/selftest/state_protocol.ts",
  "tests",
  "docs",
];
