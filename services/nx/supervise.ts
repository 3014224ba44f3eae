/**
 * The process around a node: `nx up` starts this program again as the node, and starts it anew when
 * it crashes. The child writes to the same console by itself; what must be known of it after a crash
 * it has left in a file.
 *
 * @module
 */

import {
  type Child,
  FileFailure,
  type Reach,
  type StopSignal,
} from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { EXIT } from "./exit_code.ts";
import { losingOutput, shortDuration } from "./output.ts";
import { folderOf, reachAt } from "./node_reach.ts";
import { type Restart, RESTART_WINDOW_MS, RestartBudget, RESTARTS_MAX } from "./restart_budget.ts";
import { readReport, type Suspect } from "./run_report.ts";
import type { Shell } from "./shell.ts";

/**
 * How long a node may take to end once it was asked, or its time was up, before it is killed. Several
 * times what it allows itself, for it may have a busy host.
 */
export const STOP_LIMIT_MS = 5_000;

const REPORT_NAME = "report.json";
const NS_PER_MS = 1e6;
const LINE_FEED = 0x0a;

/** The ends of a node after which it is started again, by exit code: 128 and a signal, or its word. */
const CRASHES: Readonly<Record<number, string>> = {
  [EXIT.restart]: "it asked to be started again",
  132: "SIGILL",
  133: "SIGTRAP, as when memory is exhausted",
  134: "SIGABRT",
  135: "SIGBUS",
  137: "SIGKILL",
  139: "SIGSEGV",
};

/** What a supervisor is to do. */
export interface SupervisePlan {
  /** What the node must reach. */
  readonly reach: Reach;
  /** Counted from the first start. */
  readonly timeoutMs: number | undefined;
  /** Whether the node may leave a report. */
  readonly reports: boolean;
  /** Whether the host chooses the port, which the node then keeps. */
  readonly anyPort: boolean;
  /** Whether it ends with its standard input. */
  readonly child: boolean;
  readonly json: boolean;
  /** What somebody was asked for, and the node is told at each start. */
  readonly passphrase: Secret | undefined;
}

/** The hidden options with which a node is started under a supervisor. */
interface NodeFacts {
  readonly report: string;
  readonly draft: string;
  readonly keptPort: number | undefined;
  readonly timeLeftMs: number | undefined;
  /** Whether it is told a passphrase. */
  readonly told: boolean;
}

/** Keeps one node running, in another process. */
export class Supervisor {
  readonly #shell: Shell;
  readonly #plan: SupervisePlan;
  readonly #budget = new RestartBudget();
  readonly #undo: (() => void)[] = [];
  /** The signal, or the end of the input, that ends it all. */
  #asked: "signal" | "input_ended" | undefined;
  #deadlineNs = Infinity;
  #child: Child | undefined;
  #keptPort: number | undefined;
  #wake: () => void = () => {};

  constructor(shell: Shell, plan: SupervisePlan) {
    const output = losingOutput(shell.output, () => {}); // the node says so itself
    this.#shell = { ...shell, output };
    this.#plan = plan;
  }

  /** Runs the node until it ends for good. @returns The exit code for this process. */
  async toEnd(): Promise<number> {
    const { clock, files, processes } = this.#shell.ports;
    const { timeoutMs } = this.#plan;
    const folder = files.temporaryFolder("nx-up-");
    const report = `${folder}/${REPORT_NAME}`;
    processes.keepToChildren();
    if (timeoutMs !== undefined) this.#deadlineNs = clock.nowNs() + timeoutMs * NS_PER_MS;
    this.#watch();
    try {
      return await this.#keepRunning(report);
    } finally {
      for (const undo of this.#undo) undo();
      this.#remove(folder);
    }
  }

  /** With what is in it: a node that died while it wrote leaves a draft beside its report. */
  #remove(folder: string): void {
    const { files } = this.#shell.ports;
    try {
      for (const name of files.list(folder)) files.remove(`${folder}/${name}`);
      files.remove(folder);
    } catch (error) {
      // It lies among the host's temporary files; the node's exit code matters more.
      if (!(error instanceof FileFailure)) throw error;
    }
  }

  async #keepRunning(report: string): Promise<number> {
    const { clock, files } = this.#shell.ports;
    for (;;) {
      const code = await this.#run(report);
      if (this.#asked !== undefined) return code;
      if (CRASHES[code] === undefined) return code;
      if (this.#late()) return this.#tellLate();
      const { port, suspect } = readReport(files, report);
      files.remove(report);
      if (this.#plan.anyPort) this.#keptPort ??= port;
      const restart = this.#budget.take(clock.nowNs());
      this.#tellCrash({ code, suspect, restart });
      if (restart === undefined) return EXIT.failed;
      await this.#wait(restart.delayMs);
      if (this.#asked !== undefined) return this.#tellStopped(this.#asked);
      if (this.#late()) return this.#tellLate();
    }
  }

  /** One node, from its start to its end. */
  async #run(report: string): Promise<number> {
    const { clock, processes, turns } = this.#shell.ports;
    const { passphrase } = this.#plan;
    const leftNs = this.#deadlineNs - clock.nowNs();
    const draft = `${processes.id}`;
    const args = nodeArgs(this.#shell.argv, {
      ...{ report, draft },
      keptPort: this.#keptPort,
      timeLeftMs: leftNs === Infinity ? undefined : Math.max(1, Math.ceil(leftNs / NS_PER_MS)),
      told: passphrase !== undefined,
    });
    this.#child = processes.spawnOnConsole(
      args,
      this.#reach(report),
    );
    const overstayed = leftNs === Infinity
      ? () => {}
      : turns.at(this.#deadlineNs + STOP_LIMIT_MS * NS_PER_MS, () => this.#kill());
    try {
      if (passphrase !== undefined) await tellLine(this.#child, passphrase);
      return await this.#child.exited;
    } finally {
      overstayed();
      this.#child = undefined;
    }
  }

  /** What the node must reach: its report beside what it was asked, and the port that it had. */
  #reach(report: string): Reach {
    const { folders, ...reach } = reachAt(this.#plan.reach, this.#keptPort);
    return { ...reach, folders: this.#plan.reports ? [...folders, folderOf(report)] : folders };
  }

  #watch(): void {
    const { processes } = this.#shell.ports;
    // Never taken away: a signal in this process's last moments is one more for what ends already.
    processes.onStop((signal) => this.#stop(signal));
    if (this.#plan.child) processes.inputEnded().then(() => this.#stop(undefined));
  }

  /** Passes on what asks it to end: a signal, or the end of its input. */
  #stop(signal: StopSignal | undefined): void {
    const { clock, turns } = this.#shell.ports;
    if (this.#asked === undefined) {
      const limitNs = clock.nowNs() + STOP_LIMIT_MS * NS_PER_MS;
      this.#undo.push(turns.at(limitNs, () => this.#kill()));
    }
    this.#asked ??= signal === undefined ? "input_ended" : "signal";
    if (signal === undefined) this.#child?.endInput();
    else this.#child?.kill(signal);
    this.#wake();
  }

  #kill(): void {
    if (this.#child === undefined) return;
    this.#shell.output.complain(`the node does not end: it is killed`);
    this.#child.kill("SIGKILL");
  }

  /** Resolves after so long, when time is up, or when it is asked to end. */
  #wait(delayMs: number): Promise<void> {
    const { clock, turns } = this.#shell.ports;
    const untilNs = Math.min(clock.nowNs() + delayMs * NS_PER_MS, this.#deadlineNs);
    return new Promise((resolve) => {
      const cancel = turns.at(untilNs, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #late(): boolean {
    return this.#shell.ports.clock.nowNs() >= this.#deadlineNs;
  }

  #tellLate(): number {
    const { output } = this.#shell;
    if (this.#plan.json) output.json({ event: "stopped", reason: "timed_out" });
    else output.complain("timed out");
    return EXIT.timedOut;
  }

  #tellStopped(reason: "signal" | "input_ended"): number {
    if (this.#plan.json) this.#shell.output.json({ event: "stopped", reason });
    return EXIT.ok;
  }

  #tellCrash(
    { code, suspect, restart }: {
      readonly code: number;
      readonly suspect: Suspect | undefined;
      readonly restart: Restart | undefined;
    },
  ): void {
    const { output } = this.#shell;
    if (this.#plan.json) {
      const task = suspect?.task ?? null;
      output.json(
        restart === undefined
          ? { event: "gave_up", exitCode: code, suspect: task, restarts: RESTARTS_MAX }
          : {
            ...{ event: "restarting", exitCode: code, suspect: task, delayMs: restart.delayMs },
            ...{ restart: restart.number, restartsMax: RESTARTS_MAX },
          },
      );
    }
    const silentSince = suspect && shortDuration(suspect.sinceNs / NS_PER_MS);
    const who = suspect === undefined
      ? ""
      : `; suspect: ${suspect.task}, silent since ${silentSince} after its start`;
    const next = restart === undefined
      ? `${RESTARTS_MAX} restarts in ${RESTART_WINDOW_MS / 60_000} minutes are spent: giving up`
      : `it starts again in ${shortDuration(restart.delayMs)}, restart ${restart.number} of ` +
        `${RESTARTS_MAX}`;
    output.complain(`the node ended with ${code} (${CRASHES[code]})${who}; ${next}`);
  }
}

/** The same command line for the node itself; what is added stands first, where no `--` hides it. */
function nodeArgs(
  argv: readonly string[],
  { report, draft, keptPort, timeLeftMs, told }: NodeFacts,
): readonly string[] {
  const command = argv.indexOf("up");
  return [
    ...["up", "--no-supervise", "--child", "--report", report, "--draft", draft],
    ...(keptPort === undefined ? [] : ["--kept-port", `${keptPort}`]),
    ...(timeLeftMs === undefined ? [] : ["--time-left", `${timeLeftMs}ms`]),
    ...(told ? ["--passphrase-input"] : []),
    ...argv.filter((_, index) => index !== command),
  ];
}

/** Writes a line to a child's standard input, and forgets it. */
async function tellLine(child: Child, secret: Secret): Promise<void> {
  const line = secret.use((bytes) => Uint8Array.of(...bytes, LINE_FEED));
  await child.tell(line);
  line.fill(0);
}
