/**
 * Writes every derived file, or with `--check` compares each with what it should be.
 *
 *     deno task gen [--check]
 */
import { generateCommandLine } from "./gen/command_line.ts";
import { generateComponents } from "./gen/components.ts";
import { generateReference } from "./gen/reference.ts";
import { runStep } from "./gen/step.ts";

/** A derived file: where, and what it must hold. */
export interface Derived {
  readonly path: string;
  readonly text: string;
}

const check = Deno.args.includes("--check");
const root = new URL("../", import.meta.url);

async function stale(derived: readonly Derived[]): Promise<string[]> {
  const changed: string[] = [];
  for (const { path, text } of derived) {
    const url = new URL(path, root);
    const before = await Deno.readTextFile(url).catch((error) => {
      if (error instanceof Deno.errors.NotFound) return undefined;
      throw error;
    });
    if (before === text) continue;
    changed.push(path);
    if (check) continue;
    await Deno.mkdir(new URL(".", url), { recursive: true });
    await Deno.writeTextFile(url, text);
  }
  return changed;
}

// The registry is what the reference reads, so it is written first.
const changed = [
  ...await stale(await generateComponents(root)),
  ...await stale(await generateReference(root)),
  ...await stale(await generateCommandLine()),
];
const failed = await runStep("scripts/gen_capnp.ts", check) +
  await runStep("scripts/gen_wasm.ts", check) +
  await runStep("scripts/gen_blake2s.ts", check);
for (const path of changed) console.log(`${check ? "stale" : "written"}: ${path}`);
if (check && (changed.length > 0 || failed > 0)) {
  console.error("Derived files are stale: run `deno task gen` and commit what it writes.");
  Deno.exit(1);
}
