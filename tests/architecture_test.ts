/**
 * What no single file can show: cycles, dead files, the same files in every daemon's folder.
 *
 * @module
 */

import { EMBEDDED } from "../scripts/compile.ts";
import { PACK_ENTRY } from "../scripts/pack/entry.ts";
import {
  importCycles,
  loadModuleGraph,
  type ModuleGraph,
  reachedFrom,
} from "../scripts/lint/module_graph.ts";
import { MARKER_NAMES } from "../scripts/lint/table.ts";
import { deepEqual } from "./fakes/assert.ts";
import { test } from "./fakes/test.ts";
import { filesBelow, generated, present, ROOT, sourceFiles, textOf } from "./source_tree.ts";

const FILE_LINES_MAX = 400;

const DAEMON_FILES = [
  "README.md",
  "mod.ts",
  "protocol.ts",
  "protocol_test.ts",
  "service.ts",
  "service_test.ts",
] as const;

/** Folders whose protocol bears another name: upstream's task is called so. */
const OTHER_NAME: Readonly<Record<string, string>> = { selftest: "selftest-client" };

const OWNERLESS_NAMES = new Set(["utils", "common", "types", "helpers", "lib", "index"]);

/** Without the composition root there is no whole to judge: these tests are then ignored. */
const incomplete = { ignore: !present("main.ts") };

/** Every file that could start something: program, workers, package, tests, scripts. */
function roots(): string[] {
  const files = sourceFiles().filter((path) =>
    path === "main.ts" || /^(tests|scripts)\//.test(path)
  );
  return [...files, ...EMBEDDED, PACK_ENTRY];
}

let graph: Promise<ModuleGraph> | undefined;

/** The graph is asked for once; files beside the code take part, so that none hides a cycle. */
function wholeGraph(): Promise<ModuleGraph> {
  graph ??= loadModuleGraph(ROOT, sourceFiles());
  return graph;
}

/** A folder with none of a daemon's files holds no daemon yet; with one of them, all are due. */
function daemonFolders(): string[] {
  const folders = filesBelow("services").map((path) => path.split("/").slice(0, 2).join("/"));
  return [...new Set(folders)].filter((folder) =>
    /\/([a-z]+d|selftest)$/.test(folder) &&
    DAEMON_FILES.some((file) => present(`${folder}/${file}`))
  );
}

function nameOf(folder: string): string {
  return folder.slice("services/".length);
}

test("the module graph has no cycle", async () => {
  deepEqual(importCycles(await wholeGraph()).map((cycle) => cycle.join(" -> ")), []);
});

test("every file of the product is reached from the program, a test or a script", async () => {
  const reached = reachedFrom(await wholeGraph(), roots());
  const product = sourceFiles().filter((path) => /^(runtime|hw|net|services)\//.test(path));
  const dead = product.filter((path) => !reached.has(path) && !/_(test|bench)\.ts$/.test(path));
  deepEqual(dead, []);
}, incomplete);

test("every daemon's folder holds the same files", () => {
  for (const folder of daemonFolders()) {
    const missing = DAEMON_FILES.filter((file) => !present(`${folder}/${file}`));
    deepEqual({ folder, missing }, { folder, missing: [] });
  }
}, incomplete);

test("every daemon's folder is named as its protocol", () => {
  for (const folder of daemonFolders()) {
    const declared = declaredNames(textOf(`${folder}/protocol.ts`));
    const name = OTHER_NAME[nameOf(folder)] ?? nameOf(folder);
    deepEqual({ folder, names: [...declared] }, { folder, names: [name] });
  }
}, incomplete);

/** Names of the protocols that a file declares; a daemon may declare two under one name. */
function declaredNames(source: string): Set<string> {
  const declarations = source.matchAll(/\bdefine\w*Service\(\{\s*name: "([^"]+)"/g);
  return new Set([...declarations].map(([, name = ""]) => name));
}

test("declaredNames reads every declaration of a file", () => {
  const source = 'export const a = defineService({\n  name: "rngd",\n  x: { name: "no" } });';
  deepEqual([...declaredNames(source)], ["rngd"]);
});

test("the marker rule knows every daemon", () => {
  const unknown = daemonFolders().map((folder) => OTHER_NAME[nameOf(folder)] ?? nameOf(folder))
    .filter((name) => !MARKER_NAMES.includes(name));
  deepEqual(unknown, []);
});

test("no file or folder bears a name without an owner", () => {
  const ownerless = sourceFiles().filter((path) =>
    path.split("/").some((part) => OWNERLESS_NAMES.has(part.replace(/(_test)?\.ts$/, "")))
  );
  deepEqual(ownerless, []);
});

test("every file is named in snake_case", () => {
  deepEqual(sourceFiles().filter((path) => !/^[a-z0-9_/]+(\.gen)?\.ts$/.test(path)), []);
});

test("no file is longer than a reader's patience", () => {
  const long = sourceFiles()
    .map((path) => ({ path, lines: textOf(path).split("\n").length - 1 }))
    .filter(({ path, lines }) => lines > FILE_LINES_MAX && !generated(path));
  deepEqual(long, []);
});

test("no FIXME is left, and each TODO says why and until when", () => {
  const left = marked(/\bFIXME\b[:( ]/);
  const bare = marked(/\bTODO\b(?!: \S+ \S+)/);
  deepEqual({ left, bare }, { left: [], bare: [] });
  for (const line of marked(/\bTODO\b: /)) console.log(line);
});

/** @returns Comment lines that match, as `path:line text`. */
function marked(pattern: RegExp): string[] {
  return sourceFiles().flatMap((path) =>
    textOf(path).split("\n").flatMap((line, index) =>
      /^\s*(\/\/|\/?\*)/.test(line) && pattern.test(line)
        ? [`${path}:${index + 1} ${line.trim()}`]
        : []
    )
  );
}
