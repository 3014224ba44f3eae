import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { run } from "./process.ts";

const quiet = { quiet: true, timeoutMs: 60_000 };

function evaluate(source: string, options = {}) {
  return run(Deno.execPath(), ["eval", source], { ...quiet, ...options });
}

test("run keeps both outputs and the exit code", async () => {
  const { code, output, timedOut, signal } = await evaluate(
    'console.log("one"); console.error("two"); Deno.exit(3);',
  );
  deepEqual({ code, timedOut, signal }, { code: 3, timedOut: false, signal: undefined });
  deepEqual(output.split("\n").sort(), ["", "one", "two"]);
});

test("run kills a child that outlives its time", async () => {
  const { timedOut, signal } = await evaluate("setTimeout(() => {}, 1e6);", { timeoutMs: 1 });
  deepEqual({ timedOut, signal }, { timedOut: true, signal: "SIGKILL" });
});

test("run names the signal that ended a child", async () => {
  const { signal, timedOut } = await evaluate('Deno.kill(Deno.pid, "SIGTERM");');
  deepEqual({ signal, timedOut }, { signal: "SIGTERM", timedOut: false });
});

test("run gives a child the environment it is told and no more", async () => {
  const source = "console.log(JSON.stringify(Deno.env.toObject()));";
  const env = { PATH: "", NO_COLOR: "1" };
  const { output } = await evaluate(source, { env, clearEnv: true });
  ok(output.startsWith("{"), output);
  const seen = Object.keys(JSON.parse(output)).filter((name) => !name.startsWith("DENO_"));
  deepEqual(seen.sort(), ["NO_COLOR", "PATH"]);
});

test("run takes a program that is not there for one that failed", async () => {
  const { code, output } = await run("/nowhere/nx", [], quiet);
  deepEqual({ code, output }, { code: 127, output: "/nowhere/nx: not found" });
});
