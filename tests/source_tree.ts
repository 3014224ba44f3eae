/** The repository, as a path without a final slash. */
export const ROOT: string = new URL("..", import.meta.url).pathname.replace(/\/$/, "");

/** Folders that hold the project's code. */
export const CODE_FOLDERS = ["runtime", "hw", "net", "services", "tests", "scripts"] as const;

/** Files that hold the project's code beside them. */
const ROOT_FILES = ["main.ts"];

/** Folders whose files nobody writes by hand. */
const SKIPPED = new Set(["runtime/capnp/gen", "tests/vectors", "tests/fuzz/corpus"]);

/** @returns Every file below a folder, by path from the root, sorted; nothing if it is absent. */
export function filesBelow(folder: string): string[] {
  if (SKIPPED.has(folder) || !present(folder)) return [];
  const paths: string[] = [];
  for (const entry of Deno.readDirSync(`${ROOT}/${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) paths.push(...filesBelow(path));
    else paths.push(path);
  }
  return paths.sort();
}

/** @returns Every TypeScript file of the project, by path from the root. */
export function sourceFiles(): string[] {
  const below = CODE_FOLDERS.flatMap(filesBelow).filter((path) => path.endsWith(".ts"));
  return [...ROOT_FILES.filter(present), ...below];
}

/** Whether a file or folder exists, by path from the root. */
export function present(path: string): boolean {
  try {
    Deno.statSync(`${ROOT}/${path}`);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Text of a file, by path from the root. */
export function textOf(path: string): string {
  return Deno.readTextFileSync(`${ROOT}/${path}`);
}

/** Whether a file is written by a program. */
export function generated(path: string): boolean {
  return path.endsWith(".gen.ts") || /GENERATED/.test(textOf(path).split("\n", 1)[0] ?? "");
}
