/**
 * Runs one fuzz target on its own thread, so that a case that never ends can be named.
 *
 * @module
 */

import type { FuzzTarget } from "@tests/fuzz/target.ts";

/** What a worker is told to do. */
export interface FuzzOrder {
  /** The target's module, as an address. */
  readonly address: string;
  /** The target's corpus, as a path; it need not exist. */
  readonly corpus: string;
  readonly seedFirst: number;
  readonly seedCount: number;
  readonly durationMs: number;
  /** [0] the seed under work, [1] how many cases were begun; shared with whoever watches. */
  readonly progress: Int32Array;
}

/** What a worker found. */
export interface FuzzResult {
  readonly name: string;
  readonly cases: number;
  /** What failed: a seed or a file of the corpus, and why. */
  readonly failure?: { readonly seed?: number; readonly file?: string; readonly why: string };
}

async function runTarget(order: FuzzOrder): Promise<FuzzResult> {
  const target: FuzzTarget = await import(order.address);
  const replayed = await replayCorpus(target, `${order.corpus}/${target.name}`, order.progress);
  if (replayed.failure !== undefined) return replayed;
  let cases = replayed.cases;
  const endMs = performance.now() + order.durationMs;
  for (let index = 0; index < order.seedCount && performance.now() < endMs; index++) {
    const seed = (order.seedFirst + index) >>> 0;
    order.progress[0] = seed;
    Atomics.add(order.progress, 1, 1);
    try {
      await target.fuzz(seed);
    } catch (error) {
      return { name: target.name, cases, failure: { seed, why: reason(error) } };
    }
    cases++;
  }
  return { name: target.name, cases };
}

/** A file of the corpus is a case that once failed, or a shape that is hard to find by chance. */
async function replayCorpus(
  target: FuzzTarget,
  folder: string,
  progress: Int32Array,
): Promise<FuzzResult> {
  let cases = 0;
  for (const file of filesOf(folder)) {
    Atomics.add(progress, 1, 1);
    try {
      await target.replay?.(await Deno.readFile(`${folder}/${file}`));
    } catch (error) {
      return { name: target.name, cases, failure: { file, why: reason(error) } };
    }
    cases++;
  }
  return { name: target.name, cases };
}

function filesOf(folder: string): string[] {
  try {
    return [...Deno.readDirSync(folder)].map(({ name }) => name)
      .filter((name) => name.endsWith(".bin")).sort();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.stack ?? error.message : String(error);
}

/** The part of a worker's global scope that is used here; the checker knows the window's only. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<FuzzOrder>) => void) | null;
  postMessage(result: FuzzResult): void;
}

const scope = globalThis as unknown as WorkerScope;
scope.onmessage = async ({ data }) => {
  try {
    scope.postMessage(await runTarget(data));
  } catch (error) {
    scope.postMessage({ name: data.address, cases: 0, failure: { why: reason(error) } });
  }
};
