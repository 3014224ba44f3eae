import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { hostTerminal } from "./terminal.ts";

/** A stream that takes nothing, for the reason given. */
function failing(error: Error) {
  return {
    writeSync(): number {
      throw error;
    },
  };
}

test("hostTerminal names what keeps standard output from being written", () => {
  const full = Object.assign(new Error("No space left on device"), { code: "ENOSPC" });
  const { out, error } = hostTerminal({ out: failing(full), error: failing(full) });
  throws(
    () => out("x"),
    (failure) => failure instanceof FileFailure && failure.code === "no_space",
  );
  equal(error("x"), false);
});

test("hostTerminal tells a reader that went away by its answer", () => {
  const gone = failing(new Deno.errors.BrokenPipe("gone"));
  equal(hostTerminal({ out: gone, error: gone }).out("x"), false);
});

/** Runs a program of this repository to its end. */
async function evaluate(source: string) {
  const command = new Deno.Command(Deno.execPath(), { args: ["eval", source], stdin: "null" });
  const { code, signal, stdout } = await command.output();
  return { code, signal, out: new TextDecoder().decode(stdout) };
}

const PROCESS = new URL("process.ts", import.meta.url);
const MAIN = new URL("../../main.ts", import.meta.url);

test("hostProcesses tells of a signal that came before anybody asked", async () => {
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    const told = await evaluate(`
      import { hostProcesses } from "${PROCESS}";
      const alive = setInterval(() => {}, 1_000);
      Deno.kill(Deno.pid, "${signal}");
      hostProcesses().onStop((signal) => {
        console.log(signal);
        clearInterval(alive);
      });
    `);
    deepEqual(told, { code: 0, signal: null, out: `${signal}\n` });
  }
});

test("a signal for which nobody asks ends the process with the code of its signal", async () => {
  for (const [signal, code] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
    const told = await evaluate(`
      import "${PROCESS}";
      setInterval(() => {}, 1_000);
      Deno.kill(Deno.pid, "${signal}");
    `);
    deepEqual(told, { code, signal: null, out: "" });
  }
});

test("main.ts hears stop signals before it loads anything else", async () => {
  const [first] = (await Deno.readTextFile(MAIN)).split("\n");
  equal(first?.includes("@hw/host/process.ts"), true);
});

test("hostProcesses tells of each stop signal in the place of ending", async () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    const told = await evaluate(`
      import { hostProcesses } from "${PROCESS}";
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

test("hostProcesses keepToChildren() gives up the network and the environment, and no more", async () => {
  const { out } = await evaluate(`
    import { hostProcesses } from "${PROCESS}";
    hostProcesses().keepToChildren();
    const names = ["net", "env", "ffi", "read", "write", "sys", "run"];
    console.log(names.map((name) => Deno.permissions.querySync({ name }).state).join(" "));
  `);
  equal(out, "prompt prompt prompt granted granted granted granted\n");
});

test("hostProcesses names what keeps a child from being started", async () => {
  const { out } = await evaluate(`
    import { hostProcesses } from "${PROCESS}";
    Deno.permissions.revokeSync({ name: "run" });
    try {
      const reach = { listens: [], dials: [], folders: [], socket: undefined, variables: [] };
      hostProcesses().spawnOnConsole([], reach);
    } catch (error) {
      console.log(error.name, error.code);
    }
  `);
  equal(out, "FileFailure permission_denied\n");
});
