/** A specifier in what is emitted. */
export interface Specifier {
  readonly text: string;
  /** The package that it names, if it names one. */
  readonly packageName?: string;
}

/**
 * The specifier that stands in emitted code for one of a source.
 *
 * @param from The importing file, from the root.
 * @param aliases Prefixes, and the folders from the root that they stand for.
 */
export function relativeSpecifier(
  from: string,
  specifier: string,
  aliases: Readonly<Record<string, string>>,
): Specifier {
  if (specifier.startsWith("node:")) return { text: specifier };
  if (specifier.startsWith(".")) return { text: emittedName(specifier) };
  for (const [alias, folder] of Object.entries(aliases)) {
    if (!specifier.startsWith(alias)) continue;
    return { text: emittedName(pathBetween(from, folder + specifier.slice(alias.length))) };
  }
  const parts = specifier.split("/").slice(0, specifier.startsWith("@") ? 2 : 1);
  return { text: specifier, packageName: parts.join("/") };
}

/** The way from one file to another, both from the root. */
function pathBetween(from: string, to: string): string {
  const [here, there] = [from.split("/").slice(0, -1), to.split("/")];
  let shared = 0;
  while (shared < here.length && here[shared] === there[shared]) shared += 1;
  const up = here.slice(shared).map(() => "..");
  const path = [...up, ...there.slice(shared)].join("/");
  return up.length === 0 ? `./${path}` : path;
}

function emittedName(path: string): string {
  return path.replace(/\.ts$/, ".js");
}
