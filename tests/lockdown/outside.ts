const ROOT = import.meta.url.slice(0, -"tests/lockdown/outside.ts".length);

/** Modules outside a daemon's graph, and ways around the names of builtins. */
export const OUTSIDE: readonly string[] = [
  `${ROOT}services/nx/nx.ts`,
  "@services/nx/nx.ts",
  "@hw/host/sockets.ts",
  "https://example.com/module.js",
  "jsr:@example/module",
  "ext:core/ops",
  "ext:deno_node/os.ts",
  "deno:core",
  "blob:null/00000000-0000-4000-8000-000000000000",
  "data:text/javascript,import 'node:os';",
  "data:text/javascript,import { createRequire } from 'node:module'; createRequire('/')('os');",
  "data:text/javascript,export default await import('node:os');",
  "data:text/javascript,export default process.getBuiltinModule('node:os');",
  "data:text/javascript,export default require('node:os');",
];

/** Packages: an artifact has those of its graph alone, a checkout every one that can be had. */
export const PACKAGES: readonly string[] = ["libp2p", "npm:libp2p@3.3.11", "npm:fast-check"];
