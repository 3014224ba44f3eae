import { onEarlyStop } from "./early_stops.ts"; // first: it hears signals from now on
import {
  type Child,
  type ChildOptions,
  FileFailure,
  type Processes,
  type Reach,
  type StopSignal,
} from "@runtime/core/program_ports.ts";
import { fileErrorOf } from "./files.ts";
import { flagsOf, giveUp, nodePermissions, processPermissions } from "./permissions.ts";

/** A longer line of a child is cut here. */
const LINE_LENGTH_MAX = 65_536;

/** This process and its children. */
export function hostProcesses(): Processes {
  return {
    env: (name) => Deno.env.get(name),
    id: Deno.pid,
    get userId() {
      return Deno.uid() ?? undefined;
    },
    spawnSelf,
    spawnOnConsole,
    keepToChildren: () => giveUp(["net", "env", "ffi"]),
    onStop,
    inputEnded,
  };
}

/**
 * The arguments before the program's own: none for a compiled executable, which has the permissions
 * that were compiled into it and gives up what it does not need.
 */
function programArgs(reach: Reach): readonly string[] {
  if (Deno.build.standalone) return [];
  const permissions = processPermissions(nodePermissions(reach), reach);
  return ["run", "--quiet", ...flagsOf(permissions), Deno.mainModule];
}

function spawnSelf(options: ChildOptions): Child {
  const child = new Deno.Command(Deno.execPath(), {
    args: [...programArgs(options.reach), ...options.args],
    env: { ...options.env },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  return childOf(
    child,
    Promise.all([
      tellLines(child.stdout, options.outLine),
      tellLines(child.stderr, options.errorLine),
    ]),
  );
}

/** The child stays in this process's group: what a terminal does to one it does to both. */
function spawnOnConsole(args: readonly string[], reach: Reach): Child {
  const command = new Deno.Command(Deno.execPath(), {
    args: [...programArgs(reach), ...args],
    stdin: "piped",
    stdout: "inherit",
    stderr: "inherit",
  });
  try {
    return childOf(command.spawn(), Promise.resolve());
  } catch (error) {
    throw new FileFailure(fileErrorOf(error), Deno.execPath(), { cause: error });
  }
}

/** @param told Resolves once all that it wrote was passed on. */
function childOf(child: Deno.ChildProcess, told: Promise<unknown>): Child {
  const input = child.stdin.getWriter();
  let inputOpen = true;
  const endInput = () => {
    if (inputOpen) input.close().catch(() => {}); // the child may be gone already
    inputOpen = false;
  };
  const tell = (bytes: Uint8Array) => input.write(bytes).catch(() => {}); // the same
  const exited = child.status.then(async ({ code }) => {
    endInput();
    await told;
    return code;
  });
  return { id: child.pid, exited, tell, endInput, kill: (signal) => killChild(child, signal) };
}

function killChild(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    // It has ended: both names occur, by version.
    if (error instanceof TypeError || error instanceof Deno.errors.NotFound) return;
    throw error;
  }
}

async function tellLines(
  bytes: ReadableStream<Uint8Array<ArrayBuffer>>,
  tell: (line: string) => void,
): Promise<void> {
  let rest = "";
  for await (const text of bytes.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = (lines.pop() ?? "").slice(0, LINE_LENGTH_MAX);
    for (const line of lines) tell(line.slice(0, LINE_LENGTH_MAX));
  }
  if (rest !== "") tell(rest);
}

function onStop(stop: (signal: StopSignal) => void): () => void {
  const hangUp = () => stop("SIGHUP");
  Deno.addSignalListener("SIGHUP", hangUp);
  const undo = onEarlyStop(stop);
  return () => {
    Deno.removeSignalListener("SIGHUP", hangUp);
    undo();
  };
}

async function inputEnded(): Promise<void> {
  const bytes = new Uint8Array(1024);
  try {
    while (await Deno.stdin.read(bytes) !== null);
  } catch {
    // An input that cannot be read has ended.
  }
}
