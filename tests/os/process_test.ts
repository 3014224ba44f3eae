import { deepEqual } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

const PROGRAM = new URL("../fakes/child_program.ts", import.meta.url).href;

/** What the program's parent printed about its child, sorted: two pipes have no common order. */
async function run(how: string): Promise<string[]> {
  const args = ["run", "--allow-all", "--no-check", "--quiet", PROGRAM, "parent", how];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args, stderr: "inherit" }).output();
  return new TextDecoder().decode(stdout).trim().split("\n").sort();
}

test("hostProcesses spawnSelf() tells a child's lines and ends it with its input", async () => {
  deepEqual(await run("input"), [
    "code: 7",
    "error: complaint",
    "out: hello name",
    "out: unfinished",
  ]);
});

test("hostProcesses onStop() hears the signal that kill() sends", async () => {
  deepEqual(await run("term"), [
    "code: 3",
    "error: complaint",
    "out: hello name",
    "out: unfinishedstopped by SIGTERM",
  ]);
});

test("hostProcesses kill() ends a child for good, as 128 plus the signal", async () => {
  const lines = await run("kill");
  deepEqual(lines.filter((line) => line.startsWith("code")), ["code: 137"]);
});
