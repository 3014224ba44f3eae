/* A program that starts itself: `parent` tells what its child said, `child` ends with its input. */
import { hostProcesses, hostTerminal } from "@hw/host/process.ts";

const processes = hostProcesses();
const terminal = hostTerminal();
const [role, how] = Deno.args;

if (role === "child") {
  const forget = processes.onStop((signal) => {
    terminal.out(`stopped by ${signal}\n`);
    processes.exit(3);
  });
  terminal.out(`hello ${processes.env("FAKE_NAME")}\nunfinished`);
  terminal.error("complaint\n");
  await processes.inputEnded();
  forget();
  processes.setExitCode(7);
} else {
  const child = processes.spawnSelf({
    args: ["child"],
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
