/**
 * `nx` as other programs run it: a process with arguments, an environment and an exit code.
 *
 * @module
 */

import { inspectorPort } from "./inspector_port.ts";

const PROGRAM = new URL("../../main.ts", import.meta.url).pathname;
/** A process that says nothing for so long has hung: the test fails and does not stall the suite. */
const HANG_MS = 20_000;

/** One line of `nx … --json`. */
export type NxEvent = Readonly<Record<string, unknown>>;

/** How a process ended. */
export interface NxEnd {
  readonly code: number;
  readonly events: readonly NxEvent[];
  readonly errors: readonly string[];
}

/** A folder of control sockets of its own, and the processes that use it. */
export class NxWorld {
  /** Variables of the processes that are started from now on. */
  variables: Readonly<Record<string, string>> = {};
  /** In it lie the folders of its nodes, and what is temporary. */
  readonly folder: string;
  readonly #running = new Set<NxProcess>();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Starts `nx` with these arguments and `--json`; a node without a supervisor. */
  start(...args: readonly string[]): NxProcess {
    const [command, ...rest] = args;
    return this.supervised(...(command === "up" ? ["up", "--no-supervise", ...rest] : args));
  }

  /** Starts `nx` with these arguments and `--json`, a node under its supervisor. */
  supervised(...args: readonly string[]): NxProcess {
    return this.flagged([], ...args);
  }

  /** The same, with flags for Deno itself. */
  flagged(flags: readonly string[], ...args: readonly string[]): NxProcess {
    return this.permitted(["--allow-all", ...flags], ...args);
  }

  /** The same, with these permissions and no others. */
  permitted(flags: readonly string[], ...args: readonly string[]): NxProcess {
    const process = new NxProcess(args, {
      ...{ folder: this.folder, flags, variables: this.variables },
    });
    this.#running.add(process);
    return process;
  }

  /** Runs a command to its end. */
  async run(...args: readonly string[]): Promise<NxEnd> {
    return await this.start(...args).ended;
  }

  /** Starts a node and waits until it serves. */
  async up(...args: readonly string[]): Promise<NxNode> {
    const process = this.start("up", ...args);
    const listening = await process.event(({ event }) => event === "listening");
    await process.event(({ event }) => event === "ready");
    return new NxNode(this, process, Number(listening["port"]));
  }

  /** Id of the process in which a node runs, supervised or not. */
  async nodeProcess(port: number): Promise<number> {
    const facts = await Deno.readTextFile(`${this.folder}/nexus/${port}/node.json`);
    return Number(JSON.parse(facts).pid);
  }

  /** Names of what lies in its folder. */
  async files(): Promise<string[]> {
    const entries = await Array.fromAsync(Deno.readDir(this.folder));
    return entries.map(({ name }) => name).sort();
  }

  /** Ends what still runs. */
  async clear(): Promise<void> {
    for (const process of this.#running) process.kill("SIGKILL");
    await Promise.all([...this.#running].map(({ ended }) => ended));
  }
}

/** Runs `body` in a world of its own, and leaves nothing of it behind. */
export async function inWorld(body: (world: NxWorld) => Promise<void>): Promise<void> {
  using _port = await inspectorPort("shared");
  await inWorldAlone(body);
}

/** The same for who holds the inspector's port alone. */
export async function inWorldAlone(body: (world: NxWorld) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "nx-" });
  const world = new NxWorld(folder);
  try {
    await body(world);
  } finally {
    await world.clear();
    await Deno.remove(folder, { recursive: true });
  }
}

/** One process. */
export class NxProcess {
  readonly events: NxEvent[] = [];
  readonly errors: string[] = [];
  /** Resolves with its exit code once all that it wrote was read. */
  readonly ended: Promise<NxEnd>;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #waiting = new Set<() => void>();
  #over = false;

  constructor(
    args: readonly string[],
    { folder, flags, variables }: {
      readonly folder: string;
      readonly flags: readonly string[];
      readonly variables: Readonly<Record<string, string>>;
    },
  ) {
    const run = ["run", "--no-prompt", "--quiet", ...flags];
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...run, PROGRAM, ...args, "--json"],
      env: { ...variables, XDG_RUNTIME_DIR: folder, TMPDIR: folder },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.ended = this.#toEnd();
  }

  /** The first event, past or to come, that is wanted. Rejects when the process ends without it. */
  event(wanted: (event: NxEvent) => boolean): Promise<NxEvent> {
    return new Promise((resolve, reject) => {
      const hung = setTimeout(() => give("it hangs"), HANG_MS);
      const give = (why: string) => {
        this.#waiting.delete(look);
        clearTimeout(hung);
        reject(
          new Error(`no such event, ${why}: ${JSON.stringify(this.events.slice(-20))}
${this.errors.join("\n")}`),
        );
      };
      const look = () => {
        const found = this.events.find(wanted);
        if (found === undefined) {
          if (this.#over) give("it ended");
          return;
        }
        this.#waiting.delete(look);
        clearTimeout(hung);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** The marker with this line, or with one of this shape. */
  async marker(line: string | RegExp): Promise<string> {
    const event = await this.event((event) => {
      const text = event["event"] === "marker" ? String(event["line"]) : "";
      return typeof line === "string" ? text === line : line.test(text);
    });
    return String(event["line"]);
  }

  get id(): number {
    return this.#child.pid;
  }

  kill(signal: Deno.Signal): void {
    if (!this.#over) this.#child.kill(signal);
  }

  /** Closes its standard input. */
  async endInput(): Promise<void> {
    await this.#input.close();
  }

  async #toEnd(): Promise<NxEnd> {
    const told = Promise.all([
      eachLine(this.#child.stdout, (line) => this.events.push(JSON.parse(line)), this.#wake),
      eachLine(this.#child.stderr, (line) => this.errors.push(line), this.#wake),
    ]);
    const { code } = await this.#child.status;
    this.#over = true;
    await told;
    await this.#input.close().catch(() => {}); // closed by the test, or broken with the process
    this.#wake();
    return { code, events: this.events, errors: this.errors };
  }

  readonly #wake = (): void => {
    for (const look of [...this.#waiting]) look();
  };
}

/** A node in a process, and the questions that can be asked of it. */
export class NxNode {
  readonly process: NxProcess;
  readonly port: number;
  readonly #world: NxWorld;

  constructor(world: NxWorld, process: NxProcess, port: number) {
    this.#world = world;
    this.process = process;
    this.port = port;
  }

  /** Where to dial it. */
  get place(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Asks it with a command of its own process. */
  async ask(...args: readonly string[]): Promise<NxEnd> {
    return await this.#world.run(...args, "--node", `${this.port}`);
  }

  async id(): Promise<string> {
    const { events } = await this.ask("id");
    return String(events[0]?.["deviceId"]);
  }

  /** Asks for its peers until one is as wanted: each question is a process, so the wait is its own. */
  async peer(wanted: (peer: NxEvent) => boolean): Promise<NxEvent> {
    const deadline = Date.now() + HANG_MS;
    for (;;) {
      const { events } = await this.ask("peers");
      const found = events.find(wanted);
      if (found !== undefined) return found;
      if (Date.now() > deadline) throw new Error(`no such peer: ${JSON.stringify(events)}`);
    }
  }
}

async function eachLine(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (line: string) => void,
  wake: () => void,
): Promise<void> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    lines.forEach(take);
    wake();
  }
}

/** A port of the loopback that nobody listens on just now. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
