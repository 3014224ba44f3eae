/**
 * Lint rules that keep the architecture: who imports whom, and who may touch the host.
 *
 * `table.ts` is what they read. `deno lint` loads this file through `lint.plugins`.
 *
 * @module
 */

import { noAmbientAuthority } from "./ambient_authority.ts";
import {
  noBareError,
  noBareTest,
  noDynamicImport,
  noLooseMarker,
  shortFunctions,
} from "./code_rules.ts";
import { layers } from "./layers.ts";

const plugin: Deno.lint.Plugin = {
  name: "architecture",
  rules: {
    "layers": layers,
    "no-ambient-authority": noAmbientAuthority,
    "short-functions": shortFunctions,
    "no-dynamic-import": noDynamicImport,
    "no-bare-test": noBareTest,
    "no-bare-error": noBareError,
    "no-loose-marker": noLooseMarker,
  },
};

// A lint plugin is a default export: the tool asks for it.
export default plugin;
