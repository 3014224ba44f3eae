import type { Clock, HostAddress, Turns } from "@runtime/core/ports.ts";
import type { Child, ChildOptions, Processes } from "@runtime/core/program_ports.ts";
import { printable } from "./output.ts";

/** Lines of a child that are kept for a report of its failure. */
export const TAIL_LINES_MAX = 20;
/** How long a child may take to end after its input did, in milliseconds. */
const END_TIMEOUT_MS = 2_000;

/** Why a step of the demo did not work. */
export class DemoFailure extends Error {
  override readonly name = "DemoFailure";
}

/** Time was up. */
export class DemoTimeout extends DemoFailure {}

/** What a node of the demo says, as it says it. */
export interface DemoNodeObserver {
  marker(line: string): void;
}

/** A node in a process of its own: `nx up --child --json`. */
export class DemoNode {
  readonly #child: Child;
  readonly #observer: DemoNodeObserver;
  readonly #tail: string[] = [];
  readonly #waiting = new Set<() => void>();
  #listen: HostAddress | undefined;
  #socket: string | undefined;
  #ready = false;
  #exitCode: number | undefined;
  readonly markers: string[] = [];

  constructor(
    processes: Pick<Processes, "spawnSelf">,
    { args, reach }: Pick<ChildOptions, "args" | "reach">,
    observer: DemoNodeObserver,
  ) {
    this.#observer = observer;
    this.#child = processes.spawnSelf({
      ...{ args, reach },
      outLine: (line) => this.#take(line),
      errorLine: (line) => this.#keep(printable(line)),
    });
    this.#child.exited.then((code) => {
      this.#exitCode = code;
      this.#wake();
    });
  }

  /** The last lines of its output. */
  get tail(): readonly string[] {
    return this.#tail;
  }

  /** Resolves with its address and control socket once it serves. */
  async ready(): Promise<{ readonly listen: HostAddress; readonly socket: string }> {
    return await this.#until(() => {
      if (!this.#ready || this.#listen === undefined || this.#socket === undefined) {
        return undefined;
      }
      return { listen: this.#listen, socket: this.#socket };
    });
  }

  /** Resolves when `done` is true of the markers so far. */
  async marked(done: (markers: readonly string[]) => boolean): Promise<void> {
    await this.#until(() => done(this.markers) ? true : undefined);
  }

  /** Ends it through its input, and by force when that does not help. */
  async end({ clock, turns }: { readonly clock: Clock; readonly turns: Turns }): Promise<number> {
    this.#child.endInput();
    const cancel = turns.at(
      clock.nowNs() + END_TIMEOUT_MS * 1e6,
      () => this.#child.kill("SIGKILL"),
    );
    const code = await this.#child.exited;
    cancel();
    return code;
  }

  #until<T>(look: () => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = look();
        if (found === undefined && this.#exitCode === undefined) return;
        this.#waiting.delete(check);
        if (found !== undefined) resolve(found);
        else reject(new DemoFailure(`the node ended with exit code ${this.#exitCode}`));
      };
      this.#waiting.add(check);
      check();
    });
  }

  #wake(): void {
    for (const check of [...this.#waiting]) check();
  }

  #take(line: string): void {
    const event = eventOf(line);
    if (event === undefined) return this.#keep(printable(line));
    if (event.event === "marker" && typeof event.line === "string") {
      this.markers.push(event.line);
      this.#keep(event.line);
      this.#observer.marker(event.line);
    } else if (event.event === "listening") {
      this.#listen = { host: String(event.host), port: Number(event.port) };
    } else if (event.event === "control") this.#socket = String(event.path);
    else if (event.event === "ready") this.#ready = true;
    this.#wake();
  }

  #keep(line: string): void {
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES_MAX) this.#tail.shift();
  }
}

interface ChildEvent {
  readonly event: unknown;
  readonly line?: unknown;
  readonly host?: unknown;
  readonly port?: unknown;
  readonly path?: unknown;
}

function eventOf(line: string): ChildEvent | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null && "event" in value ? value : undefined;
  } catch {
    return undefined;
  }
}
