import { type Command, Option } from "commander";
import { failureText } from "@runtime/boot/ladder.ts";
import type { Isolation } from "@runtime/boot/placement.ts";
import { PHASES } from "@runtime/idl/marker.ts";
import { openConsoleLogs } from "./console_logs.ts";
import { parseDuration } from "./duration.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type LadderRequest, type LadderResult, runLadder } from "./ladder_run.ts";
import { LadderStates } from "./ladder_states.ts";
import { losingOutput, type Output } from "./output.ts";
import type { Shell } from "./shell.ts";
import { startStrangers } from "./strangers.ts";
import { declaredLine } from "./until_line.ts";
import { durationOption, isolationOption, untilOption } from "./up_options.ts";

/** How long a run may take unless it says so, in milliseconds. Source: Open Nexus OS, `qemu-test`. */
const TIMEOUT_MS = 190_000;
const EXAMPLES = `
Two machines with two identities boot, joined over this host's TCP; both consoles are judged line by
line. Each machine boots once before, on a state directory of its own, and is judged at its second
boot: it must be the same device. Options can also be given as variables:
  RUN_PHASE=<phase>         end at the phase's last required marker: ${PHASES.join(", ")}
  RUN_UNTIL_MARKER=<text>   end at this line; 0 and 1 are the last required marker
  RUN_TIMEOUT=<duration>    190s unless said; 0 is none

Examples:
  nx test-os
  RUN_PHASE=entropy nx test-os
  nx test-os --until "init: ready" --timeout 30s --json
`;

interface TestOptions {
  readonly phase?: string;
  readonly until?: string;
  readonly timeout?: number;
  readonly isolation: Isolation;
  readonly logDir?: string;
  readonly json?: true;
}

/** `nx test-os`: the ladder on two machines. */
export function addTestOs(program: Command, shell: Shell): void {
  program.command("test-os")
    .description("boot two machines and judge their consoles against the ladder")
    .addOption(new Option("--phase <name>", "end at this phase").choices(PHASES))
    .option(
      "--until <marker>",
      "end at this line; 0 and 1 are the last required marker",
      untilOption,
    )
    .option("--timeout <duration>", "0 is none; exit code 124 when time is up", durationOption)
    .addOption(isolationOption())
    .option(
      "--log-dir <folder>",
      "where the consoles are kept; a temporary folder nx-test-os-* unless said",
    )
    .option("--json", "one JSON object a line: console lines and the verdict")
    .addHelpText("after", EXAMPLES)
    .action((options: TestOptions) => testOs(shell, options));
}

async function testOs(shell: Shell, options: TestOptions): Promise<void> {
  const { ports } = shell;
  const limits = limitsOf(options, ports.processes.env);
  const logs = openConsoleLogs(ports.files, options.logDir);
  let interrupt: () => void = () => {};
  const interrupted = new Promise<void>((resolve) => interrupt = resolve);
  const unwatch = ports.processes.onStop(interrupt);
  let lost: Error | undefined;
  const lose = (failure: Error) => {
    lost ??= failure;
    interrupt();
  };
  const output = losingOutput(shell.output, lose);
  const states = new LadderStates(ports);
  try {
    const result = await runLadder(ports, {
      ...limits,
      isolation: options.isolation,
      interrupted,
      strangers: startStrangers,
      openState: (machine) => states.open(machine),
      console(machine, line) {
        keepLine(() => logs.keep(machine, line), lose);
        if (options.json) output.json({ event: "line", machine, line });
        else output.line(`${machine}| ${line}`);
      },
    });
    report(output, { result, logFolder: logs.folder, json: options.json === true });
    if (lost !== undefined) throw lost;
    shell.finish(EXIT_OF[result.outcome]);
  } finally {
    unwatch();
    states.remove();
  }
}

/** A console is no place for an error of the disk. */
function keepLine(keep: () => void, lose: (failure: Error) => void): void {
  try {
    keep();
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    lose(error);
  }
}

const EXIT_OF = { passed: EXIT.ok, failed: EXIT.failed, timed_out: EXIT.timedOut } as const;

/** Where a run ends: options first, then the variables, then the whole ladder. */
export function limitsOf(
  options: Pick<TestOptions, "phase" | "until" | "timeout">,
  env: (name: string) => string | undefined,
): Pick<LadderRequest, "phase" | "until" | "timeoutMs"> {
  const named = options.phase ?? env("RUN_PHASE") ?? "";
  const phase = PHASES.find((each) => each === named);
  if (named !== "" && phase === undefined) {
    throw new CommandFailure(EXIT.usage, `RUN_PHASE is none of ${PHASES.join(", ")}`);
  }
  const until = untilOf(options.until ?? env("RUN_UNTIL_MARKER") ?? "");
  const waitMs = options.timeout ?? durationOf(env("RUN_TIMEOUT") ?? "");
  return {
    phase,
    until,
    timeoutMs: waitMs === 0 ? undefined : waitMs,
  };
}

/** Values that name no line: the whole ladder. */
const WHOLE_LADDER: readonly string[] = ["", "0", "1"];
/** A line that some daemon declares, placeholders filled or not. */
function untilOf(text: string): string | undefined {
  if (WHOLE_LADDER.includes(text)) return undefined;
  return declaredLine(text);
}

function durationOf(text: string): number {
  const ms = text === "" ? TIMEOUT_MS : parseDuration(text);
  if (ms !== undefined) return ms;
  throw new CommandFailure(EXIT.usage, "RUN_TIMEOUT is no duration such as 190s, 90 or 1ms");
}

function report(
  output: Output,
  { result, logFolder, json }: {
    readonly result: LadderResult;
    readonly logFolder: string;
    readonly json: boolean;
  },
): void {
  const { outcome, machines, bootError } = result;
  const told = machines.map(({ machine, failures, seen, required }) => ({
    machine,
    seen,
    required,
    failures: failures.map(failureText),
  }));
  if (json) return output.json({ event: "verdict", outcome, bootError, machines: told, logFolder });
  for (const { machine, seen, required, failures } of told) {
    output.line(`machine ${machine}: ${seen} of ${required} required markers`);
    for (const failure of failures) output.line(`machine ${machine}: ${failure}`);
  }
  if (bootError !== undefined) output.line(bootError);
  output.line(`consoles are kept in ${logFolder}`);
  output.line(`test-os ${outcome.replace("_", " ")}`);
}
