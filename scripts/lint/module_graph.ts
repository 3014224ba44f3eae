/** Who imports whom, by path from the root of the repository; packages and `node:` left out. */
export type ModuleGraph = ReadonlyMap<string, readonly Import[]>;

export interface Import {
  readonly target: string;
  /** Whether it is there when the importer is loaded: neither a type alone nor an `import()`. */
  readonly loads: boolean;
}

interface InfoDependency {
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
  readonly isDynamic?: boolean;
}

/** The part of `deno info --json` that is read here. */
export interface ModuleInfo {
  readonly modules: readonly {
    readonly specifier: string;
    readonly error?: string;
    readonly dependencies?: readonly InfoDependency[];
  }[];
}

/**
 * Asks Deno for the graph of everything that some files reach, types included.
 *
 * @param root The repository, as a path without a final slash.
 * @param files Paths from the root.
 */
export async function loadModuleGraph(
  root: string,
  files: readonly string[],
): Promise<ModuleGraph> {
  const imports = files.map((file) => `import ${JSON.stringify(`file://${root}/${file}`)};`);
  const entry = `data:application/typescript,${encodeURIComponent(imports.join(""))}`;
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", entry],
    cwd: root,
    stderr: "inherit",
  }).output();
  if (!output.success) throw new Error("deno info --json failed");
  return moduleGraph(root, JSON.parse(new TextDecoder().decode(output.stdout)));
}

/** @throws {Error} When a module of the repository cannot be found or parsed. */
export function moduleGraph(root: string, info: ModuleInfo): ModuleGraph {
  const prefix = `file://${root}/`;
  const own = (specifier: string | undefined) =>
    specifier?.startsWith(prefix) ? specifier.slice(prefix.length) : undefined;
  const graph = new Map<string, Import[]>();
  for (const module of info.modules) {
    const path = own(module.specifier);
    if (path === undefined) continue;
    if (module.error !== undefined) throw new Error(`${path}: ${module.error}`);
    const imports: Import[] = [];
    for (const { code, type, isDynamic } of module.dependencies ?? []) {
      const target = own(code?.specifier ?? type?.specifier);
      const loads = code !== undefined && isDynamic !== true;
      if (target !== undefined) imports.push({ target, loads });
    }
    graph.set(path, imports);
  }
  return graph;
}

/**
 * Types may need each other: they are gone before anything is loaded.
 *
 * @returns Each cycle of loading that a walk meets, from a file back to the same file.
 */
export function importCycles(graph: ModuleGraph): string[][] {
  const cycles: string[][] = [];
  const done = new Set<string>();
  const trail: string[] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path]);
    if (start >= 0 || done.has(path)) return;
    trail.push(path);
    for (const { target, loads } of graph.get(path) ?? []) if (loads) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of graph.keys()) visit(path);
  return cycles;
}

/** @returns Every file that some files reach, themselves included. */
export function reachedFrom(graph: ModuleGraph, files: Iterable<string>): Set<string> {
  const reached = new Set(files);
  for (const path of reached) {
    for (const { target } of graph.get(path) ?? []) reached.add(target);
  }
  return reached;
}
