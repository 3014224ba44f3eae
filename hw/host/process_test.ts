import { deepEqual } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

/** Runs a program of this repository to its end. */
async function evaluate(source: string) {
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", source], stdin: "null" });
  const { code, signal, stdout } = await command.output();
  return { code, signal, out: new TextDecoder().decode(stdout) };
}

test("hostProcesses tells of each stop signal in the place of ending", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const told = await evaluate(`
      import { hostProcesses } from "${new URL("process.ts", import.meta.url)}";
      const alive = setInterval(() => {}, 1_000);
      const undo = hostProcesses().onStop((signal) => {
        console.log(signal);
        undo();
        clearInterval(alive);
      });
      Deno.kill(Deno.pid, "${signal}");
    `);
    deepEqual(told, { code: 0, signal: null, out: `${signal}\n` });
  }
});
