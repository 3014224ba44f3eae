import type { ProvenMarker } from "@runtime/boot/marker.ts";
import { keys } from "../keystored/client/keys_protocol.ts";
import { markerPattern } from "@runtime/idl/marker.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import type { HeldState } from "../statefsd/client/node_state.ts";
import { hostPortText } from "./address.ts";
import { type ControlServer, serveControl } from "./control_bridge.ts";
import { EXIT } from "./exit_code.ts";
import { dialLater } from "./late_peers.ts";
import {
  checkEntry,
  claimEntry,
  type NodeEntry,
  pointTo,
  releaseEntry,
  unpoint,
} from "./node_registry.ts";
import type { NodeOptions, RunningNode } from "./ports.ts";
import { RunReport } from "./run_report.ts";
import type { Shell } from "./shell.ts";
import { StateWatch } from "./state_watch.ts";
import { within } from "./within.ts";

/** How long a node may take to stop before the process ends without it. */
export const STOP_TIMEOUT_MS = 900;

/** When a node in the foreground ends, and how it tells. */
export interface RunPlan {
  /** Line of the console that ends it, with typed placeholders. */
  readonly until: string | undefined;
  readonly timeoutMs: number | undefined;
  /** Whether it ends with its standard input. */
  readonly child: boolean;
  readonly control: boolean;
  readonly json: boolean;
  /** File for what a supervisor reads after a crash. */
  readonly report?: string | undefined;
  /** What the node boots on, and the directory that it lies in. Whoever opened it closes it. */
  readonly state?: { readonly held: HeldState; readonly path: string } | undefined;
}

/** Why a node in the foreground ended. */
export interface RunEnd {
  readonly reason: "signal" | "until" | "timed_out" | "runaway" | "input_ended";
  readonly exitCode: number;
  /** What a person should read about it. */
  readonly complaint: string | undefined;
}

const DONE: RunEnd = { reason: "until", exitCode: EXIT.ok, complaint: undefined };
const LATE: RunEnd = { reason: "timed_out", exitCode: EXIT.timedOut, complaint: "timed out" };

/** The end of a node in which a task loops: only a new process is rid of it. */
function runawayEnd(task: string): RunEnd {
  const complaint = `degraded: runaway ${task}`;
  return { reason: "runaway", exitCode: EXIT.restart, complaint };
}

/** What a node is started with beside what {@linkcode NodeRun} adds. */
export type AskedNode = Omit<NodeOptions, "console" | "observe" | "suspect">;

/** One node from its start to its end, in this process. */
export class NodeRun {
  readonly #shell: Shell;
  readonly #plan: RunPlan;
  readonly #report: RunReport;
  readonly #ended: Promise<RunEnd>;
  #end: (end: RunEnd) => void = () => {};
  readonly #undo: (() => void)[] = [];
  #deadlineNs = Infinity;
  /** A boot that does not end in time goes on until the process is gone, and nobody hears of it. */
  #over = false;

  constructor(shell: Shell, plan: RunPlan) {
    this.#shell = shell;
    this.#plan = plan;
    this.#report = new RunReport(shell.ports.files, plan.report);
    this.#ended = new Promise((resolve) => this.#end = resolve);
  }

  /**
   * Starts the node unless it could not register, waits for its end, and stops it.
   *
   * @throws whatever `startNode` does, and {@linkcode CommandFailure} when it cannot register.
   */
  async toEnd(options: AskedNode): Promise<RunEnd> {
    this.#watch();
    const { ports } = this.#shell;
    try {
      if (this.#plan.control) await checkEntry(ports, nameOf(options.listen, ports.processes.id));
      const started = this.#start(options);
      await Promise.race([started, this.#ended]);
      const node = await this.#withinStopTime(started);
      if (node === undefined) return await this.#ended;
      return await this.#serve(node);
    } finally {
      this.#over = true;
      for (const undo of this.#undo) undo();
    }
  }

  #start(options: AskedNode): Promise<RunningNode> {
    const { output, ports } = this.#shell;
    const { json, until } = this.#plan;
    const wanted = until === undefined ? undefined : markerPattern(until);
    return ports.startNode({
      ...options,
      state: this.#plan.state?.held,
      console: (line) => {
        if (this.#over) return;
        if (!json) output.line(line);
        if (wanted?.test(line)) this.#end(this.#late() ? LATE : DONE);
      },
      suspect: (suspect) => this.#report.suspect(suspect),
      observe: json ? (marker) => this.#observe(marker) : undefined,
    });
  }

  #observe(marker: ProvenMarker): void {
    if (!this.#over) this.#shell.output.json({ event: "marker", ...marker });
  }

  async #serve(node: RunningNode): Promise<RunEnd> {
    node.runaway.then((task) => this.#end(runawayEnd(task)));
    let entry: NodeEntry | undefined;
    let server: ControlServer | undefined;
    let endLate = () => {};
    const { state } = this.#plan;
    const watch = state && new StateWatch(this.#shell.ports, state.held, node);
    try {
      if (this.#plan.control) {
        entry = await claimEntry(
          this.#shell.ports,
          nameOf(node.listen, this.#shell.ports.processes.id),
          node.listen,
        );
        this.#pointTo(entry);
        const routes = [controld, keys].map((service) => ({
          service,
          channel: node.connect(CONTROL_PRINCIPAL, service),
        }));
        server = await serveControl({ ...this.#shell.ports, routes }, entry.socket);
      }
      await watch?.begin();
      this.#report.listening(node.listen);
      this.#announce(node, entry);
      endLate = dialLater(this.#shell, node);
      return await this.#ended;
    } finally {
      endLate();
      await this.#withinStopTime(this.#stop(node, { server, watch }));
      if (entry !== undefined) releaseEntry(this.#shell.ports.files, entry);
      this.#unpoint();
    }
  }

  /** The state directory says where the node that runs on it is to be found. */
  #pointTo({ folder }: NodeEntry): void {
    const { state } = this.#plan;
    if (state !== undefined) pointTo(this.#shell.ports.files, state.path, folder);
  }

  #unpoint(): void {
    const { state } = this.#plan;
    if (state !== undefined) unpoint(this.#shell.ports.files, state.path);
  }

  async #stop(
    node: RunningNode,
    { server, watch }: {
      readonly server: ControlServer | undefined;
      readonly watch: StateWatch | undefined;
    },
  ): Promise<true> {
    await watch?.end();
    await Promise.all([server?.close(), node.stop()]);
    return true;
  }

  #announce({ listen }: RunningNode, entry: NodeEntry | undefined): void {
    const { output } = this.#shell;
    if (this.#plan.json) {
      output.json(
        listen === undefined ? { event: "not_listening" } : { event: "listening", ...listen },
      );
      if (entry !== undefined) output.json({ event: "control", path: entry.socket });
      output.json({ event: "ready" });
    } else {
      output.complain(
        listen === undefined
          ? "not listening: no peer can connect to this node; --listen HOST:PORT lets them"
          : `listening on ${hostPortText(listen)}`,
      );
    }
  }

  /** Whether time is up, though no turn has come to say so: a boot may take none. */
  #late(): boolean {
    return this.#shell.ports.clock.nowNs() >= this.#deadlineNs;
  }

  #watch(): void {
    const { clock, processes, turns } = this.#shell.ports;
    const { child, timeoutMs } = this.#plan;
    // Heard until the process is gone: Ctrl-C reaches a whole group, and a supervisor passes its own
    // on, so a second signal comes at any time and must not cut the orderly stop short.
    processes.onStop(() =>
      this.#end({ reason: "signal", exitCode: EXIT.ok, complaint: undefined })
    );
    if (timeoutMs !== undefined) {
      this.#deadlineNs = clock.nowNs() + timeoutMs * 1e6;
      this.#undo.push(turns.at(this.#deadlineNs, () => this.#end(LATE)));
    }
    if (child) {
      processes.inputEnded().then(() =>
        this.#end({ reason: "input_ended", exitCode: EXIT.ok, complaint: undefined })
      );
    }
  }

  #withinStopTime<T>(work: Promise<T>): Promise<T | undefined> {
    const { clock, turns } = this.#shell.ports;
    return within(work, { clock, turns, timeoutMs: STOP_TIMEOUT_MS });
  }
}

function nameOf(listen: RunningNode["listen"], processId: number): string {
  return listen === undefined ? `pid-${processId}` : String(listen.port);
}
