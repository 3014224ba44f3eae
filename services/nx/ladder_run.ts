import { type LadderFailure, LadderJudge, type LadderOptions } from "@runtime/boot/ladder.ts";
import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import { LADDER_ORDERS } from "@runtime/boot/phases/orders.ts";
import { MARKER_GAP_MS } from "@runtime/boot/marker_order.ts";
import { BootError } from "@runtime/boot/isolate.ts";
import { PHASES } from "@runtime/idl/marker.ts";
import { selftest } from "../selftest/protocol.ts";
import type { HeldState } from "../statefsd/client/node_state.ts";
import type { Fault, NodeOptions, NxPorts, RunningNode } from "./ports.ts";
import type { startStrangers, Stranger } from "./strangers.ts";

/** Machines of one run: two identities, joined over the host's TCP. */
export const MACHINES = [1, 2] as const;
export type MachineNumber = typeof MACHINES[number];

/** Lines of one console that are kept; one more ends the run, which is then red. */
export const CONSOLE_LINES_MAX = 100_000;

const LOOPBACK = "127.0.0.1";

/** What a run of the ladder stands on. */
export type LadderPorts = Pick<NxPorts, "startNode" | "clock" | "turns">;

/** One run of the ladder. */
export interface LadderRequest extends LadderOptions {
  /** Without one the run waits for ever. */
  readonly timeoutMs: number | undefined;
  /** Sees each console line as it comes. */
  readonly console: (machine: MachineNumber, line: string) => void;
  /** Ends the run early when it resolves; it then counts as failed. */
  readonly interrupted?: Promise<void> | undefined;
  /** Starts those whom both machines must refuse; without it the run has none. */
  readonly strangers?: typeof startStrangers | undefined;
  /** Where the daemons of both machines live; beside one another unless said. */
  readonly isolation?: NodeOptions["isolation"];
  /**
   * Opens a machine's state, at each of its boots anew: it has booted once before the boot that is
   * judged. Without it the run has one boot, and a state in memory.
   */
  readonly openState?: ((machine: MachineNumber) => Promise<HeldState>) | undefined;
  /** For tests: the daemons of each machine in the place of its own. */
  readonly components?: NodeOptions["components"];
  /** The same for the boot before the judged one. */
  readonly componentsBefore?: NodeOptions["components"];
}

/** What was seen of one machine. */
export interface MachineVerdict {
  readonly machine: MachineNumber;
  /** What is wrong; empty is green. */
  readonly failures: readonly LadderFailure[];
  /** Required markers seen, and all that were asked for. */
  readonly seen: number;
  readonly required: number;
  /** The console, up to the end of the run. */
  readonly lines: readonly string[];
}

/** How a run ended. Only `passed` is green. */
export interface LadderResult {
  readonly outcome: "passed" | "failed" | "timed_out";
  readonly machines: readonly MachineVerdict[];
  /** Why a machine did not boot. */
  readonly bootError: string | undefined;
}

/** The last line of a boot before the judged one. */
const { line: SEEDED } = selftest.markers["coldSeeded"] ?? { line: "" };

type Cause = "finished" | "timed_out" | "interrupted" | "flooded";

/**
 * Boots two machines that dial one another, and judges both consoles until each has what it needs,
 * one is red, or time is up. What the stop itself interrupts is not judged; a fault always is.
 */
export async function runLadder(
  ports: LadderPorts,
  request: LadderRequest,
): Promise<LadderResult> {
  const run = new LadderRun(ports, request);
  const cause = await run.toEnd();
  const machines = run.verdicts();
  const red = machines.some(({ failures }) => failures.length > 0);
  const passed = cause === "finished" && run.bootError === undefined && !red;
  const outcome = passed ? "passed" : cause === "timed_out" ? "timed_out" : "failed";
  return { outcome, machines, bootError: run.bootError };
}

function faultFailure({ name, reason }: Fault): LadderFailure {
  return { kind: "failure", line: `${name}: ${reason}` };
}

/** Strangers show themselves in the phase of sessions: a run that ends before has none. */
function asksForStrangers({ phase, until }: LadderOptions): boolean {
  const declared = LADDER_MARKERS.find(({ line }) => until !== undefined && line === until);
  const last = (declared === undefined ? phase : declared.phase) ?? "end";
  return PHASES.indexOf(last) >= PHASES.indexOf("session");
}

function isRed(judge: LadderJudge): boolean {
  return judge.finished && judge.verdict().length > 0;
}

class LadderRun {
  readonly #ports: LadderPorts;
  readonly #request: LadderRequest;
  readonly #judges: readonly { readonly judge: LadderJudge; readonly lines: string[] }[];
  readonly #nodes: RunningNode[] = [];
  readonly #ended: Promise<Cause>;
  readonly #states: HeldState[] = [];
  /** Judges of the boots before the judged ones: no failure is left unsaid. */
  readonly #before = MACHINES.map(() =>
    new LadderJudge(LADDER_MARKERS, LADDER_ORDERS, { until: SEEDED })
  );
  #strangers: readonly Stranger[] = [];
  #tellEnd: (cause: Cause) => void = () => {};
  #judging = true;
  #deadlineNs = Infinity;
  bootError: string | undefined;

  constructor(ports: LadderPorts, request: LadderRequest) {
    this.#ports = ports;
    this.#request = request;
    this.#ended = new Promise((resolve) => this.#tellEnd = resolve);
    const { phase, until } = request;
    this.#judges = MACHINES.map(() => ({
      judge: new LadderJudge(LADDER_MARKERS, LADDER_ORDERS, { phase, until }),
      lines: [],
    }));
  }

  async toEnd(): Promise<Cause> {
    const { clock, turns } = this.#ports;
    const { timeoutMs, interrupted } = this.#request;
    interrupted?.then(() => this.#finish("interrupted"));
    if (timeoutMs !== undefined) this.#deadlineNs = clock.nowNs() + timeoutMs * 1e6;
    const cancel = timeoutMs === undefined
      ? () => {}
      : turns.at(this.#deadlineNs, () => this.#finish("timed_out"));
    const started = this.#start();
    try {
      return await Promise.race([this.#ended, started.then(() => this.#ended)]);
    } finally {
      cancel();
      await started.catch(() => {}); // what it threw is on its way already
      await Promise.all([...this.#nodes, ...this.#strangers].map((each) => each.stop()));
      await Promise.all(this.#states.map((each) => each.close()));
    }
  }

  verdicts(): readonly MachineVerdict[] {
    return MACHINES.flatMap((machine) => {
      const watched = this.#judges[machine - 1];
      if (watched === undefined) return [];
      const { judge, lines } = watched;
      const faults = this.#nodes[machine - 1]?.faults ?? [];
      const failures = [
        ...this.#before[machine - 1]?.verdict().filter(({ kind }) => kind !== "until") ?? [],
        ...judge.verdict(),
        ...faults.map(faultFailure),
      ];
      return [{ machine, failures, ...judge.progress, lines }];
    });
  }

  async #start(): Promise<void> {
    try {
      await Promise.all(MACHINES.map(this.#seed));
      for (const machine of MACHINES) {
        const first = this.#nodes[0]?.listen;
        const state = await this.#held(machine);
        const options = this.#optionsOf(machine, first);
        this.#nodes.push(await this.#ports.startNode({ ...options, state }));
        if (machine === 1) await this.#startStrangers();
      }
      await Promise.race([this.#ended, this.#visitStrangers()]);
    } catch (error) {
      if (!(error instanceof BootError)) throw error;
      this.bootError = error.message;
      this.#finish("finished");
    }
  }

  async #held(machine: MachineNumber): Promise<HeldState | undefined> {
    const state = await this.#request.openState?.(machine);
    if (state !== undefined) this.#states.push(state);
    return state;
  }

  /** The boot before: it leaves its mark in the machine's state, and is over. */
  readonly #seed = async (machine: MachineNumber): Promise<void> => {
    const state = await this.#request.openState?.(machine);
    if (state === undefined) return;
    const seeded = Promise.withResolvers<void>();
    try {
      const node = await this.#ports.startNode({
        ...this.#optionsOf(machine, undefined),
        ...{ state, selftest: "seed", listen: undefined },
        components: this.#request.componentsBefore,
        console: (line) => {
          if (!this.#judging) return;
          this.#request.console(machine, line);
          const judge = this.#before[machine - 1];
          judge?.take(line);
          if (judge !== undefined && isRed(judge)) this.#finish("finished");
          else if (judge?.finished === true) seeded.resolve();
        },
      });
      await Promise.race([this.#ended, seeded.promise]);
      await node.stop();
    } finally {
      await state.close();
    }
  };

  /** Between the machines: neither comes to its end without the other. */
  async #startStrangers(): Promise<void> {
    if (!this.#judging || !asksForStrangers(this.#request)) return;
    this.#strangers = await this.#request.strangers?.(this.#ports) ?? [];
    for (const { judge } of this.#judges) {
      for (const { expectation } of this.#strangers) judge.expect(expectation);
    }
  }

  /** Each machine dials every stranger, while its own probes run. */
  async #visitStrangers(): Promise<void> {
    const visits = this.#nodes.flatMap((node, index) =>
      this.#strangers.map(async (stranger) => {
        await stranger.visit(node);
        const judge = this.#judges[index]?.judge;
        const { line } = stranger.expectation;
        // From another isolate an answer may come before a line that was printed before it.
        if (judge?.saw(line) === false) await this.#pause(MARKER_GAP_MS);
        if (!this.#judging) return; // the end of the run cut it short
        judge?.due(line);
        if (judge !== undefined && isRed(judge)) this.#finish("finished");
      })
    );
    await Promise.all(visits);
  }

  #pause(milliseconds: number): Promise<void> {
    const { clock, turns } = this.#ports;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = turns.at(clock.nowNs() + milliseconds * 1e6, resolve);
    this.#ended.then(() => (cancel(), resolve()));
    return promise;
  }

  #optionsOf(machine: MachineNumber, first: RunningNode["listen"]): NodeOptions {
    return {
      listen: { host: LOOPBACK, port: 0 },
      advertise: undefined,
      peers: first === undefined
        ? []
        : [{ address: first, deviceId: undefined, noiseStatic: undefined }],
      profile: "dev",
      seed: undefined,
      perAddress: undefined,
      selftest: true,
      console: (line) => this.#take(machine, line),
      isolation: this.#request.isolation,
      components: this.#request.components,
    };
  }

  /** The first cause counts. Not one line more is judged. */
  #finish(cause: Cause): void {
    this.#judging = false;
    this.#tellEnd(cause);
  }

  #take(machine: MachineNumber, line: string): void {
    const watched = this.#judges[machine - 1];
    if (!this.#judging || watched === undefined) return;
    if (watched.lines.length >= CONSOLE_LINES_MAX) return this.#finish("flooded");
    watched.lines.push(line);
    this.#request.console(machine, line);
    watched.judge.take(line);
    const all = this.#judges.map(({ judge }) => judge);
    if (isRed(watched.judge)) return this.#finish("finished");
    if (!all.every(({ finished }) => finished)) return;
    // Time may be up though no turn has come to say so: a boot may take none.
    this.#finish(this.#ports.clock.nowNs() >= this.#deadlineNs ? "timed_out" : "finished");
  }
}
