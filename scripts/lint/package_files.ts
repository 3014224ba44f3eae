/** The part of `deno info --json` on packages that is read here. */
export interface PackageInfo {
  readonly name: string;
  /** Keys of the packages that it may import. */
  readonly dependencies: readonly string[];
  readonly localPath?: string;
}

/** A module of a package that a graph names. */
export interface PackageModule {
  readonly specifier: string;
  /** Key of its package. */
  readonly npmPackage?: string;
}

/** What reads a text file, by its path. */
export type ReadText = (path: string) => string;

/** One conditional entry of a package's `exports`. */
type Export = string | { readonly [condition: string]: Export };

/** Anything that imports: statements, and calls with a literal. */
const IMPORTS = /(?:\bfrom|\bimport)\s*\(?\s*["']([^"']+)["']/g;

/**
 * Follows the imports of modules inside packages, which the graph of `deno info` leaves out.
 *
 * @returns Text of every file that is loaded with the modules, comments taken out, by path.
 */
export function packageFiles(
  modules: readonly PackageModule[],
  packages: Readonly<Record<string, PackageInfo>>,
  readText: ReadText,
): Map<string, string> {
  const files = new Map<string, string>();
  const visit = (path: string, owner: PackageInfo) => {
    if (files.has(path)) return;
    const text = withoutComments(readText(path));
    files.set(path, text);
    for (const [, specifier = ""] of text.matchAll(IMPORTS)) {
      if (specifier.startsWith(".")) visit(joined(path, specifier), owner);
      const other = owner.dependencies.map((key) => packages[key])
        .find((each) => each !== undefined && ofPackage(each.name, specifier));
      if (other !== undefined) visit(entryOf(other, specifier, readText), other);
    }
  };
  for (const { specifier, npmPackage = "" } of modules) {
    const owner = packages[npmPackage];
    if (owner === undefined) throw new TypeError(`${specifier} has no package`);
    const bare = specifier.replace(/^npm:\/?/, "").replace(/(?<=.)@[^/]+/, "");
    visit(entryOf(owner, bare, readText), owner);
  }
  return files;
}

function ofPackage(name: string, specifier: string): boolean {
  return specifier === name || specifier.startsWith(`${name}/`);
}

/** Path of the file behind a bare specifier, as the package's `exports` says. */
function entryOf({ name, localPath }: PackageInfo, specifier: string, readText: ReadText): string {
  if (localPath === undefined) throw new TypeError(`${name} lies nowhere`);
  const { exports } = JSON.parse(readText(`${localPath}/package.json`)) as { exports: Export };
  const key = `.${specifier.slice(name.length)}`;
  const entries = typeof exports === "object" && "." in exports ? exports : { ".": exports };
  const target = conditional(entries[key]);
  if (target === undefined) throw new TypeError(`${name} exports no ${key}`);
  return joined(`${localPath}/package.json`, target);
}

function conditional(entry: Export | undefined): string | undefined {
  if (typeof entry !== "object") return entry;
  return conditional(entry["deno"] ?? entry["import"] ?? entry["default"]);
}

function joined(from: string, specifier: string): string {
  return new URL(specifier, `file://${from}`).pathname;
}

/** Block comments, and line comments that begin a line or follow a blank. */
export function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/(^|\s)\/\/.*$/gm, "$1");
}
