/**
 * What the guards inside the daemons are worth: each is taken out of a copy of the source, and
 * `nx test-os` of that copy must fail and name the line behind which the guard stands.
 *
 * @module
 */

import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { ROOT, textOf } from "../source_tree.ts";
import { inspectorPort } from "./inspector_port.ts";
import { MISSING_GUARDS } from "./mutations/guards.ts";

/** What `main.ts` is made of, and what Deno reads beside it. */
const PROGRAM = [
  "hw",
  "net",
  "runtime",
  "services",
  "main.ts",
  "deno.json",
  "deno.lock",
];
const TIMEOUT = "20s";

function copyTree(from: string, to: string): void {
  if (!Deno.statSync(from).isDirectory) return Deno.copyFileSync(from, to);
  Deno.mkdirSync(to);
  for (const { name } of Deno.readDirSync(from)) copyTree(`${from}/${name}`, `${to}/${name}`);
}

/** Exit code and lines of `nx test-os` over the program in a folder. */
async function testOs(folder: string): Promise<{ code: number; lines: readonly string[] }> {
  using _port = await inspectorPort("shared");
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-all", "--quiet", `${folder}/main.ts`, "test-os"].concat(
      ["--timeout", TIMEOUT, "--log-dir", `${folder}/consoles`],
    ),
    cwd: folder,
    stdin: "null",
    stderr: "inherit",
  }).output();
  return { code, lines: new TextDecoder().decode(stdout).split("\n") };
}

/** What a verdict says, without which machine it says it of. */
function reasons(lines: readonly string[]): readonly string[] {
  return lines.map((line) => line.replace(/^machine [12]: /, ""));
}

test("every guard that is taken out stands in its file, once", () => {
  const counts = MISSING_GUARDS.map(({ file, guard }) => textOf(file).split(guard).length - 1);
  deepEqual(counts, MISSING_GUARDS.map(() => 1));
});

test("test-os of a copy of the source is red for each guard that is missing from it", async (t) => {
  const folder = await Deno.makeTempDir({ prefix: "nx-guards-" });
  try {
    for (const name of PROGRAM) copyTree(`${ROOT}/${name}`, `${folder}/${name}`);
    const whole = await testOs(folder);
    equal(whole.code, 0, whole.lines.slice(-10).join("\n"));
    for (const { name, file, guard, without, red } of MISSING_GUARDS) {
      await t.step(name, async () => {
        const text = textOf(file);
        await Deno.writeTextFile(`${folder}/${file}`, text.replace(guard, () => without));
        const { code, lines } = await testOs(folder);
        await Deno.writeTextFile(`${folder}/${file}`, text);
        const shown = lines.slice(-10).join("\n");
        equal(code, 1, shown);
        ok(reasons(lines).some((reason) => reason.startsWith(red)), shown);
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
