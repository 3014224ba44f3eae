/**
 * A daemon's `import()` of names that are computed, from a module that no scope of `deno.json` knows.
 * Its code comes as a `data:` URL, which is no more than a daemon: it is looked up by the same map and
 * evaluated in the same locked isolate.
 *
 * @module
 */

const SOURCE = `export default (name, options) => import(name, options);`;

/** What stands in the place of builtins is part of this graph, and so may be loaded. */
export const noBuiltin = (): Promise<unknown> => import("@hw/host/no_builtin.ts");

/** @returns Which names gave a module, and what the others said. */
export async function tryImports(
  names: readonly string[],
): Promise<{ loaded: string[]; refused: Record<string, string> }> {
  const hostile = await import(`data:text/javascript,${encodeURIComponent(SOURCE)}`);
  const loaded: string[] = [];
  const refused: Record<string, string> = {};
  for (const name of names) {
    try {
      await hostile.default(name);
      loaded.push(name);
    } catch (error) {
      refused[name] = String(error);
    }
  }
  return { loaded, refused };
}
