import { type Command, InvalidArgumentError, Option } from "commander";
import { failureText } from "@runtime/boot/ladder.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { markerPattern, PHASES } from "@runtime/idl/marker.ts";
import { parseDuration } from "./duration.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { type LadderRequest, type LadderResult, runLadder } from "./ladder_run.ts";
import type { Shell } from "./shell.ts";
import { startStrangers } from "./strangers.ts";
import { durationOption, untilOption } from "./up_options.ts";

/** How long a run may take unless it says so, in milliseconds. Source: Open Nexus OS, `qemu-test`. */
const TIMEOUT_MS = 190_000;
const LOG_MODE = 0o600;
const EXAMPLES = `
Two machines with two identities boot, joined over this host's TCP; both consoles are judged line by
line. Options can also be given as variables:
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
  readonly isolation: string;
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
    .option("--isolation <placement>", "where daemons run: inline", isolationOption, "inline")
    .option("--log-dir <folder>", "where the consoles are kept; a temporary folder unless said")
    .option("--json", "one JSON object a line: console lines and the verdict")
    .addHelpText("after", EXAMPLES)
    .action((options: TestOptions) => testOs(shell, options));
}

function isolationOption(text: string): string {
  if (text !== "inline") {
    throw new InvalidArgumentError("Only inline can be chosen: all daemons share one isolate.");
  }
  return text;
}

async function testOs(shell: Shell, options: TestOptions): Promise<void> {
  const { output, ports } = shell;
  const limits = limitsOf(options, ports.processes.env);
  const logFolder = folderOf(shell, options.logDir);
  let interrupt: () => void = () => {};
  const interrupted = new Promise<void>((resolve) => interrupt = resolve);
  const unwatch = ports.processes.onStop(interrupt);
  try {
    const result = await runLadder(ports, {
      ...limits,
      interrupted,
      strangers: startStrangers,
      console(machine, line) {
        if (options.json) output.json({ event: "line", machine, line });
        else output.line(`${machine}| ${line}`);
      },
    });
    keepLogs(shell, logFolder, result);
    report(shell, { result, logFolder, json: options.json === true });
    shell.finish(EXIT_OF[result.outcome]);
  } finally {
    unwatch();
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
/** What stands for each placeholder of a wanted line, to compare it with what is declared. */
const SAMPLES: Readonly<Record<string, string>> = {
  id: "0".repeat(64),
  ip: "0.0.0.0",
  count: "0",
  name: "a",
};

/** A line that some daemon declares, placeholders filled or not. */
function untilOf(text: string): string | undefined {
  if (WHOLE_LADDER.includes(text)) return undefined;
  const sample = text.replace(/<([a-z]+)>/g, (whole, name: string) => SAMPLES[name] ?? whole);
  if (LADDER_MARKERS.some(({ line }) => markerPattern(line).test(sample))) return text;
  throw new CommandFailure(
    EXIT.usage,
    `no daemon declares the line "${text}"; docs/reference/markers.md lists every one`,
  );
}

function durationOf(text: string): number {
  const ms = text === "" ? TIMEOUT_MS : parseDuration(text);
  if (ms !== undefined) return ms;
  throw new CommandFailure(EXIT.usage, "RUN_TIMEOUT is no duration such as 190s, 90 or 1ms");
}

function folderOf({ ports }: Shell, named: string | undefined): string {
  if (named === undefined) return ports.files.temporaryFolder();
  const folder = named.replace(/(?<=.)\/+$/, "");
  const kind = ports.files.facts(folder)?.kind;
  if (kind === undefined) ports.files.makePrivateFolder(folder);
  else if (kind !== "folder") {
    throw new CommandFailure(EXIT.usage, `${folder} is no folder; name another with --log-dir`);
  }
  return folder;
}

function keepLogs({ ports }: Shell, folder: string, { machines }: LadderResult): void {
  for (const { machine, lines } of machines) {
    const text = lines.map((line) => `${line}\n`).join("");
    ports.files.writeText(`${folder}/uart-${machine}.log`, text, LOG_MODE);
  }
}

function report(
  { output }: Shell,
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
