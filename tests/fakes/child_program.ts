/* A program that starts itself: `parent` tells what its child said, `child` ends with its input. */
import { hostProcesses } from "@hw/host/process.ts";
import { hostTerminal } from "@hw/host/terminal.ts";

const processes = hostProcesses();
const terminal = hostTerminal();
const [role, how] = Deno.args;

if (role === "child") {
  const forget = processes.onStop((signal) => {
    terminal.out(`stopped by ${signal}\n`);
    Deno.exit(3);
  });
  terminal.out(`hello ${processes.env("FAKE_NAME")}\nunfinished`);
  terminal.error("complaint\n");
  await processes.inputEnded();
  forget();
  Deno.exitCode = 7;
} else {
  const child = processes.spawnSelf({
    args: ["child"],
    reach: { listens: [], dials: [], folders: [], socket: undefined, variables: ["FAKE_NAME"] },
    env: { FAKE_NAME: "name" },
    outLine(line) {
      terminal.out(`out: ${line}\n`);
      if (!line.startsWith("hello")) return;
      if (how === "input") child.endInput();
      else child.kill(how === "kill" ? "SIGKILL" : "SIGTERM");
    },
    errorLine: (line) => terminal.out(`error: ${line}\n`),
  });
  const code = await child.exited;
  child.kill("SIGTERM");
  child.endInput();
  terminal.out(`code: ${code}\n`);
}
