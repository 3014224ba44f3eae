/**
 * nx: the command line. A file per command; every one is a client of the daemons, or starts nodes
 * through the ports that `main.ts` hands in.
 *
 * @module
 */

import { Command, CommanderError } from "commander";
import { HostSocketFailure } from "@runtime/core/ports.ts";
import { FileFailure, HostRefusal } from "@runtime/core/program_ports.ts";
import { StateFailure } from "../statefsd/client/state_failure.ts";
import { BootError } from "@runtime/boot/isolate.ts";
import { hostPortText } from "./address.ts";
import { bootFailureText } from "./boot_failure.ts";
import { CommandFailure, EXIT, EXIT_CODES_TEXT } from "./exit_code.ts";
import { addDemo } from "./demo.ts";
import { addFsck } from "./fsck.ts";
import { addId } from "./id.ts";
import { addInit } from "./init.ts";
import { addKey, KEY_COMMANDS } from "./key/key.ts";
import { addLog } from "./log.ts";
import { addNodes } from "./nodes.ts";
import { outputOver, printable } from "./output.ts";
import { addPeers } from "./peers.ts";
import { addPing } from "./ping.ts";
import { addPolicy } from "./policy.ts";
import type { NxPorts } from "./ports.ts";
import { addProvoke } from "./provoke.ts";
import { refuseRepeats } from "./repeats.ts";
import { addQuota } from "./quota.ts";
import { addResolve } from "./resolve.ts";
import { addSandbox } from "./sandbox.ts";
import type { Shell } from "./shell.ts";
import { addPs } from "./ps.ts";
import { addState } from "./state.ts";
import { addStats } from "./stats.ts";
import { addTestOs } from "./test_os.ts";
import { addUp } from "./up.ts";
import { addVersion, versionText } from "./version.ts";

/** Columns of a help text. */
const HELP_WIDTH = 100;
/** An argument in a complaint of the parser, where it is longer than a line can hold. */
const QUOTED = /(?<=(?:value|argument) ')(.{64}).+(?=' is invalid)/;
const EXAMPLES = `
Examples:
  nx demo                                                  two nodes and their session, live
  nx up --listen 127.0.0.1:7401
  nx up --listen 127.0.0.1:7402 --peer 127.0.0.1:7401
  nx peers --node 7402

nx COMMAND --help shows a command's options and examples.
${EXIT_CODES_TEXT}
`;

/** Every command that has a help of its own, in order; the first is the program itself. */
export const COMMAND_PATHS: readonly (readonly string[])[] = [
  [],
  ["demo"],
  ["init"],
  ["up"],
  ["nodes"],
  ["id"],
  ["peers"],
  ["stats"],
  ["ps"],
  ["provoke"],
  ["ping"],
  ["resolve"],
  ["log"],
  ["log", "export"],
  ["log", "verify"],
  ["policy"],
  ["policy", "check"],
  ["quota"],
  ["quota", "set"],
  ["quota", "clear"],
  ["key"],
  ...KEY_COMMANDS.map((name) => ["key", name]),
  ["fsck"],
  ["state"],
  ["state", "rekey"],
  ["sandbox"],
  ["test-os"],
  ["version"],
];

/** In the order of the help. */
const COMMANDS = [
  addDemo,
  addInit,
  addUp,
  addNodes,
  addId,
  addPeers,
  addStats,
  addPs,
  addProvoke,
  addPing,
  addResolve,
  addLog,
  addPolicy,
  addQuota,
  addKey,
  addFsck,
  addState,
  addSandbox,
  addTestOs,
  addVersion,
] as const;

/**
 * Runs one command line.
 *
 * @param argv Arguments after the program's name.
 * @returns The exit code, one of {@linkcode EXIT}. Every expected failure is told in one line on
 *   standard error; anything else is thrown, being a bug.
 */
export async function runNx(argv: readonly string[], ports: NxPorts): Promise<number> {
  const output = outputOver(ports.terminal);
  let exitCode: number = EXIT.ok;
  const shell: Shell = { ports, output, argv, finish: (code) => void (exitCode = code) };
  try {
    await nxProgram(shell).parseAsync(argv, { from: "user" });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const missing = ports.missingPermission(error);
    if (missing !== undefined) {
      output.complain(`needs ${missing.flag}: without it this program may not ${missing.purpose}`);
      return EXIT.failed;
    }
    const failure = failureOf(error);
    if (failure === undefined) throw error;
    output.complain(failure.message);
    return failure.exitCode;
  }
}

/** The commands, ready to parse; also what the reference page is made from. */
export function nxProgram(shell: Shell): Command {
  const { terminal } = shell.ports;
  const program = new Command("nx")
    .description("A whole device in one process: boot it, ask it, join it with others.")
    .exitOverride()
    // What stands behind a command's name is that command's: nx log verify --json.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => void terminal.out(text),
      writeErr: (text) => void terminal.error(text),
      getOutHelpWidth: () => HELP_WIDTH,
      getErrHelpWidth: () => HELP_WIDTH,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      outputError: (text, write) => write(`nx: ${usageText(text)}\n`),
    })
    .version(versionText(shell.ports.version), "--version", "the same as nx version")
    .showHelpAfterError("nx: see nx --help")
    .addHelpText("after", EXAMPLES);
  for (const add of COMMANDS) add(program, shell);
  refuseRepeats(program);
  return program;
}

/** The parser's complaint in one line, in which a long argument is cut. */
function usageText(text: string): string {
  return printable(text.replace(/^error: /, "")).replace(QUOTED, "$1…");
}

/** What can go wrong without a bug, as the command that failed would say it. */
function failureOf(error: unknown): CommandFailure | undefined {
  if (error instanceof CommandFailure) return error;
  if (error instanceof HostSocketFailure) {
    const { address } = error;
    const place = address.port === 0 ? address.host : hostPortText(address);
    return new CommandFailure(
      EXIT.failed,
      `cannot use ${place}: ${SOCKET[error.code] ?? error.code}`,
    );
  }
  if (error instanceof BootError) return new CommandFailure(EXIT.failed, bootFailureText(error));
  const told = [FileFailure, HostRefusal, StateFailure];
  if (error instanceof Error && told.some((kind) => error instanceof kind)) {
    return new CommandFailure(EXIT.failed, error.message);
  }
  return undefined;
}

const SOCKET: Readonly<Record<string, string>> = {
  "address_in_use": "it is in use; choose another port, or 0 for any",
  "not_found": "its name leads nowhere",
  "address_not_available": "no such address can be used from here",
  "permission_denied": "it is not permitted; use a port above 1023",
};
