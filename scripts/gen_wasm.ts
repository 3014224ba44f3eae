/**
 * Builds the WebAssembly modules from their AssemblyScript sources.
 *
 * `deno run -A scripts/gen_wasm.ts` writes them; `--check` builds again and fails when a committed
 * module differs by a byte.
 *
 * @module
 */

/** The compiler, run as a program of its own: in the lock file it would be a download for everyone. */
const COMPILER = "npm:assemblyscript@0.28.20/asc";

/** Modules, each with its source beside it: `.as` because the dialect is not TypeScript. */
const MODULES = ["runtime/crypto/wasm/chacha_poly"] as const;

/** No run-time, no data, no imports: two pages hold everything and never grow. */
const OPTIONS = [
  ["--optimizeLevel", "3"],
  ["--shrinkLevel", "0"],
  ["--converge"],
  ["--noAssert"],
  ["--runtime", "stub"],
  ["--initialMemory", "2"],
  ["--maximumMemory", "2"],
  ["--use", "abort="],
  ["--enable", "simd"],
  ["--enable", "relaxed-simd"],
].flat();

const ROOT = new URL("../", import.meta.url);

/** Compiles one source file and returns the module's bytes. */
export async function buildWasm(source: string): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "nx-wasm-" });
  try {
    await Deno.writeTextFile(`${folder}/module.ts`, source);
    const compiler = ["run", "-A", "--quiet", "--no-config", "--no-lock", COMPILER];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...compiler, "module.ts", "--outFile", "module.wasm", ...OPTIONS],
      cwd: folder,
    }).output();
    if (!success) {
      throw new Error(`assemblyscript refused the source: ${new TextDecoder().decode(stderr)}`);
    }
    return await Deno.readFile(`${folder}/module.wasm`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function generate(module: string, check: boolean): Promise<boolean> {
  const source = await Deno.readTextFile(new URL(`${module}.as`, ROOT));
  const target = new URL(`${module}.wasm`, ROOT);
  const built = await buildWasm(source);
  if (!check) {
    await Deno.writeFile(target, built);
    console.log(`${module}.wasm: ${built.length} bytes`);
    return true;
  }
  const committed = await Deno.readFile(target);
  const same = committed.length === built.length &&
    committed.every((byte, index) => byte === built[index]);
  if (!same) console.error(`${module}.wasm is stale: run deno run -A scripts/gen_wasm.ts`);
  return same;
}

if (import.meta.main) {
  let fresh = true;
  for (const module of MODULES) {
    if (!await generate(module, Deno.args.includes("--check"))) fresh = false;
  }
  if (!fresh) Deno.exit(1);
}
