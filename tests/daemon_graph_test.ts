/**
 * What a daemon's modules may load, read from the module graph: what is not in it cannot be had, once
 * no code is made from text and nothing imports by a computed name.
 *
 * @module
 */

import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { builtins } from "./lockdown/builtins.ts";
import { NODE_PLACES } from "../scripts/lint/table.ts";
import {
  packageFiles,
  type PackageInfo,
  type PackageModule,
  withoutComments,
} from "../scripts/lint/package_files.ts";
import { inside } from "../scripts/lint/path.ts";
import { deepEqual, ok } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";
import { filesBelow, ROOT, sourceFiles, textOf } from "./source_tree.ts";

const NO_BUILTIN = "./hw/host/no_builtin.ts";
const DYNAMIC = /\bimport\s*(?:\.\s*(?:source|defer)\s*)?\(/;

/** The part of `deno info --json` that is read here. */
interface Graph {
  readonly modules: readonly (PackageModule & {
    readonly kind: string;
    readonly dependencies?: readonly { readonly specifier: string; readonly isDynamic?: boolean }[];
  })[];
  readonly npmPackages: Readonly<Record<string, PackageInfo>>;
}

interface Config {
  readonly imports: Readonly<Record<string, string>>;
  readonly scopes: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const config: Config = JSON.parse(textOf("deno.json"));

let graph: Promise<Graph> | undefined;

/** Of everything that the modules of daemons reach. */
function daemonGraph(): Promise<Graph> {
  return graph ??= readGraph();
}

async function readGraph(): Promise<Graph> {
  const imports = filesBelow("services").filter((path) => /^services\/[a-z]+\/mod\.ts$/.test(path))
    .map((path) => `import "file://${ROOT}/${path}";`);
  const entry = `data:application/typescript,${encodeURIComponent(imports.join(""))}`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: ROOT,
    stderr: "inherit",
  });
  const { stdout } = await command.output();
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** Modules of the repository, by path from its root. */
async function ownModules(): Promise<{ path: string; imports: string[] }[]> {
  const { modules } = await daemonGraph();
  return modules.filter(({ specifier }) => specifier.startsWith(`file://${ROOT}/`))
    .map(({ specifier, dependencies = [] }) => ({
      path: specifier.slice(`file://${ROOT}/`.length),
      imports: dependencies.map((each) => each.specifier),
    }));
}

async function filesOfPackages(): Promise<Map<string, string>> {
  const { modules, npmPackages } = await daemonGraph();
  const used = modules.filter(({ kind }) => kind === "npm");
  return packageFiles(used, npmPackages, (path) => Deno.readTextFileSync(path));
}

function isBuiltin(specifier: string): boolean {
  return specifier.startsWith("node:") || builtins().includes(specifier);
}

test("a daemon's graph holds files of the repository, packages, and builtins for crypto alone", async () => {
  const { modules } = await daemonGraph();
  const foreign = modules.map(({ specifier }) => specifier)
    .filter((each) => !each.startsWith(`file://${ROOT}/`) && !/^(npm|node|data):/.test(each));
  deepEqual(foreign, []);
  const own = await ownModules();
  ok(own.length > 100, "the graph was read");
  const named = own.filter(({ imports }) => imports.some(isBuiltin)).map(({ path }) => path);
  ok(named.length > 0, "crypto has builtins");
  deepEqual(named.filter((path) => !inside("runtime/crypto", path)), []);
});

test("no module of a daemon's graph imports by a computed name", async () => {
  const own = await ownModules();
  const found = own.filter(({ path }) => path.endsWith(".ts") && !path.endsWith(".gen.ts"))
    .filter(({ path }) => DYNAMIC.test(withoutComments(textOf(path))));
  deepEqual(found.map(({ path }) => path), []);
});

test("packages of a daemon's graph import no builtin, and nothing by a computed name", async () => {
  const files = await filesOfPackages();
  ok(files.size > 20, "the packages were followed");
  const problems = [...files].flatMap(([path, text]) => {
    const named = [...text.matchAll(/(?:\bfrom|\bimport|\brequire\()\s*["']([^"']+)["']/g)]
      .map(([, specifier = ""]) => specifier).filter(isBuiltin);
    return [...named, ...DYNAMIC.test(text) ? ["import()"] : []].map((each) => `${path}: ${each}`);
  });
  deepEqual(problems, []);
}, { ignore: !denoAtLeast(2, 9) }); // Before, `deno info` does not say where packages lie.

test("deno.json denies every builtin of this Deno", () => {
  deepEqual(builtins().filter((name) => config.imports[name] !== NO_BUILTIN), []);
});

test("deno.json opens builtins to the lint rule's folders, and those that they use", () => {
  deepEqual(Object.keys(config.scopes).sort(), NODE_PLACES.map((place) => `./${place}/`).sort());
  for (const place of NODE_PLACES) {
    const used = sourceFiles().filter((path) => inside(place, path)).flatMap((path) =>
      [...textOf(path).matchAll(/^(?:import|\} from|export .* from).*"(node:[^"]+)"/gm)]
        .map(([, name = ""]) => name)
    );
    const opened = Object.fromEntries([...new Set(used)].map((name) => [name, name]));
    deepEqual({ place, ...config.scopes[`./${place}/`] }, { place, ...opened });
  }
});
