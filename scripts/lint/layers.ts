import { inside, insideAny, isOutsideProduct, pathFromRoot, topFolder } from "./path.ts";
import { ALIASES, type Layer, LAYERS, NODE_PLACES, PACKAGES, SOLE_IMPORTER } from "./table.ts";

/**
 * Judges one import.
 *
 * @param from Importing file, from the root of the repository.
 * @param specifier As written in the code.
 * @returns What is wrong, as a sentence, or `undefined`.
 */
export function importProblem(from: string, specifier: string): string | undefined {
  if (/^(npm|jsr|https?|file|data|blob):/.test(specifier) || specifier.startsWith("/")) {
    return `"${specifier}": only the import map names packages and addresses`;
  }
  if (specifier.startsWith("node:")) return nodeProblem(from, specifier);
  const target = resolved(from, specifier);
  if (target === undefined) return packageProblem(from, specifier);
  return formProblem(from, specifier, target) ?? layerProblem(from, target);
}

/** @returns The imported file from the root, or `undefined` when the specifier names a package. */
function resolved(from: string, specifier: string): string | undefined {
  for (const [alias, folder] of Object.entries(ALIASES)) {
    if (specifier.startsWith(alias)) return folder + specifier.slice(alias.length);
  }
  if (!specifier.startsWith(".")) return undefined;
  const parts = from.split("/").slice(0, -1);
  for (const step of specifier.split("/")) {
    if (step === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else if (step !== ".") parts.push(step);
  }
  return parts.join("/");
}

function nodeProblem(from: string, specifier: string): string | undefined {
  if (insideAny(NODE_PLACES, from)) return undefined;
  return `"${specifier}" may be named only in ${NODE_PLACES.join(", ")}`;
}

function packageProblem(from: string, specifier: string): string | undefined {
  if (isOutsideProduct(from)) return undefined;
  const name = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1).join("/");
  const home = Object.hasOwn(PACKAGES, name) ? PACKAGES[name] : undefined;
  if (home === undefined) return `package "${name}" has no row in scripts/lint/table.ts`;
  return inside(home, from) ? undefined : `package "${name}" is imported by ${home} alone`;
}

/** Inside a top-level folder imports are relative, across they go by alias where there is one. */
function formProblem(from: string, specifier: string, target: string): string | undefined {
  if (target.startsWith("..")) return `"${specifier}" leaves the repository`;
  const relative = specifier.startsWith(".");
  const same = topFolder(from) === topFolder(target);
  if (same && !relative) return `"${specifier}": inside ${topFolder(from)} imports are relative`;
  const aliased = Object.values(ALIASES).includes(`${topFolder(target)}/`);
  if (!same && relative && aliased) {
    return `"${specifier}": another top-level folder is imported by its alias`;
  }
  return undefined;
}

function layerProblem(from: string, target: string): string | undefined {
  if (isOutsideProduct(from)) return undefined;
  if (isOutsideProduct(target)) return `${target}: nothing but tests and scripts imports tests`;
  const sole = SOLE_IMPORTER[target];
  if (sole !== undefined && sole !== from) return `${target} is imported by ${sole} alone`;
  const layer = layerOf(from);
  if (layer === undefined) return `${from} has no row in scripts/lint/table.ts`;
  if (inside(ownFolder(from, layer), target) || insideAny(layer.may, target)) return undefined;
  if (ofOtherDaemon(layer, target)) return undefined;
  const why = Object.entries(layer.never ?? {}).find(([place]) => inside(place, target))?.[1];
  return `${layer.at} may not import ${target}${why === undefined ? "" : `: ${why}`}`;
}

function layerOf(from: string): Layer | undefined {
  return LAYERS.filter(({ at }) => inside(at, from))
    .sort((left, right) => right.at.length - left.at.length)[0];
}

/** The row `services` stands for each daemon's folder on its own. */
function ownFolder(from: string, layer: Layer): string {
  return layer.at === "services" ? from.split("/").slice(0, 2).join("/") : layer.at;
}

function ofOtherDaemon(layer: Layer, target: string): boolean {
  const [top, daemon, ...rest] = target.split("/");
  if (top !== "services" || daemon === undefined || rest.length === 0) return false;
  const file = rest.join("/");
  return (layer.ofDaemons ?? []).some((allowed) =>
    allowed.endsWith("/") ? file.startsWith(allowed) : file === allowed
  );
}

/** The import table, on every form an import can take: also re-exports, types and `import()`. */
export const layers: Deno.lint.Rule = {
  create(context) {
    const from = pathFromRoot(context.filename);
    const judge = (node: Deno.lint.Node, source: Deno.lint.Node | null): void => {
      if (source?.type !== "Literal" || typeof source.value !== "string") return;
      const message = importProblem(from, source.value);
      if (message !== undefined) context.report({ node, message });
    };
    return {
      ImportDeclaration: (node) => judge(node, node.source),
      ExportAllDeclaration: (node) => judge(node, node.source),
      ExportNamedDeclaration: (node) => judge(node, node.source),
      ImportExpression: (node) => judge(node, node.source),
      TSImportType: ({ argument }) =>
        judge(argument, argument.type === "TSLiteralType" ? argument.literal : argument),
    };
  },
};
