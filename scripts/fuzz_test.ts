import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fuzzTargets, line, parsedOptions, targetFiles } from "./fuzz.ts";

const FUZZ = new URL("../tests/fuzz", import.meta.url).pathname;

/** Runs one target, given as source, with a corpus of one file. */
async function fuzzed(source: string, options = {}) {
  const folder = await Deno.makeTempDir();
  const log = console.log;
  console.log = () => {};
  try {
    await Deno.mkdir(`${folder}/corpus/sample`, { recursive: true });
    await Deno.writeFile(`${folder}/corpus/sample/empty.bin`, new Uint8Array());
    await Deno.writeTextFile(`${folder}/sample_fuzz.ts`, `export const name = "sample";${source}`);
    const base = { folder, seconds: 20, seedFirst: 5, seedCount: 10 };
    return await fuzzTargets({ ...base, ...options });
  } finally {
    console.log = log;
    await Deno.remove(folder, { recursive: true });
  }
}

test("fuzzTargets runs each seed once, after the corpus", async () => {
  const source = `
    let next = 4;
    export function replay() { next = 5; }
    export function fuzz(seed: number) { if (seed !== next++) throw "order"; }`;
  deepEqual(await fuzzed(source), [{ name: "sample", cases: 11 }]);
});

test("fuzzTargets stops at the first failure and names its seed", async () => {
  const [result] = await fuzzed('export function fuzz(s: number) { if (s === 7) throw "seven"; }');
  deepEqual(result, { name: "sample", cases: 3, failure: { seed: 7, why: "seven" } });
  ok(result !== undefined && line(result).endsWith("\n--target sample --seed 0x7"));
});

test("fuzzTargets waits for a promise and counts its rejection", async () => {
  const [result] = await fuzzed("export async function fuzz() { await 1; throw 'late'; }");
  deepEqual(result?.failure, { seed: 5, why: "late" });
});

test("fuzzTargets names the file of the corpus that fails", async () => {
  const [result] = await fuzzed("export function fuzz() {} export function replay() { throw 1; }");
  deepEqual(result?.failure, { file: "empty.bin", why: "1" });
});

test("fuzzTargets ends a case that does not end, and names its seed", async () => {
  const [result] = await fuzzed("export function fuzz() { for (;;); }", { caseTimeoutMs: 1 });
  deepEqual(result?.failure, { seed: 5, why: "the case does not end" });
});

test("fuzzTargets reports a target that does not load", async () => {
  const [result] = await fuzzed('throw new Error("broken");');
  ok(result?.failure?.why.includes("broken"));
});

test("every target is named as its file", async () => {
  for (const file of targetFiles(FUZZ)) {
    const { name } = await import(`${FUZZ}/${file}_fuzz.ts`);
    deepEqual(name, file);
  }
});

test("parsedOptions takes one seed alone, and fixed seeds for a smoke run", () => {
  const seedFirst = 0x1f;
  deepEqual(parsedOptions(["--seed", "0x1f"]), { seconds: 30, seedFirst, seedCount: 1 });
  deepEqual(parsedOptions(["--smoke"]), { seconds: 10, seedFirst: 0, seedCount: 2 ** 32 });
  deepEqual(parsedOptions(["--seed=9", "--seconds=2", "--target=a"]), {
    seconds: 2,
    seedFirst: 9,
    seedCount: 2 ** 32,
    target: "a",
  });
});

test("parsedOptions says what makes no sense", () => {
  for (const args of [["--seed", "x"], ["--seed", "0x100000000"], ["--seconds", "0"]]) {
    ok(typeof parsedOptions(args) === "string", args.join(" "));
  }
  for (const args of [["--count", "1.5"], ["--nonsense"], ["stray"]]) {
    ok(typeof parsedOptions(args) === "string", args.join(" "));
  }
});
