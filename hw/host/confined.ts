/**
 * A node's host side in a worker with exactly the permissions that the node needs. The thread around
 * it keeps what a worker cannot have, signals, standard input and the exit code, and makes the workers
 * of daemons, which have no permission at all: started by a worker each would take half a second
 * longer on Deno 2.9. `docs/adr/0026` has the numbers.
 *
 * @module
 */

import type { Processes, Reach, StopSignal } from "@runtime/core/program_ports.ts";
import { randomBytesRepeat } from "./first_bytes.ts";
import { ownInspectorUrl } from "./inspector_door.ts";
import { type MadeIsolate, makeIsolate, type WorkerGreeting } from "./isolates.ts";
import { giveUp, nodePermissions, requirePermissions, workerPermissions } from "./permissions.ts";

/** What a node's worker is told first. */
export interface NodeGreeting {
  readonly argv: readonly string[];
  /** Values of the variables that it may know. */
  readonly variables: Readonly<Record<string, string>>;
  readonly processId: number;
  readonly userId: number | undefined;
  /** The one path at which it makes and reaches Unix sockets. */
  readonly socket: string | undefined;
  /** Whether this runtime's random bytes are a fixed sequence. */
  readonly bytesRepeat: boolean;
}

/** What the thread around it tells it later. */
export type ToNode =
  | { readonly kind: "stop"; readonly signal: StopSignal }
  | { readonly kind: "input_ended" }
  | { readonly kind: "inspector"; readonly open: boolean }
  | { readonly kind: "isolate_failed"; readonly id: number; readonly reason: string };

/** What it asks of the thread around it. */
export type FromNode =
  | { readonly kind: "end"; readonly exitCode: number }
  | { readonly kind: "hear_input" }
  | { readonly kind: "ask_inspector" }
  | { readonly kind: "make_isolate"; readonly id: number; readonly greeting: WorkerGreeting }
  | { readonly kind: "end_isolate"; readonly id: number };

/** How a node is run beside this thread. */
export interface NodeWorkerOptions {
  readonly argv: readonly string[];
  readonly reach: Reach;
  readonly processes: Processes;
}

/** Runs command lines of this process where they can do no more than they are told. */
export function confinedTo(
  processes: Processes,
): (argv: readonly string[], reach: Reach) => Promise<number> {
  return (argv, reach) => runConfined({ argv, reach, processes });
}

/**
 * Runs a command line in a worker that may do what `reach` says, and gives up everything else that
 * this thread may do, for good.
 *
 * @returns The command's exit code.
 * @throws {PermissionFailure} when this process lacks what the worker would need.
 * @throws {HostRefusal} when whether random bytes are random cannot be told.
 */
export async function runConfined(options: NodeWorkerOptions): Promise<number> {
  const { argv, reach, processes } = options;
  const permissions = nodePermissions(reach);
  requirePermissions(permissions);
  const variables: Record<string, string> = {};
  for (const name of reach.variables) {
    const value = processes.env(name);
    if (value !== undefined) variables[name] = value;
  }
  const facts = { processId: processes.id, userId: processes.userId };
  const worker = new Worker(new URL("./node_worker.ts", import.meta.url), {
    type: "module",
    name: "node",
    deno: { permissions: workerPermissions(permissions) },
  });
  const ended = new NodeWorker(worker, processes).ended;
  keepToWorkers(reach);
  const bytesRepeat = await randomBytesRepeat();
  const greeting: NodeGreeting = {
    ...{ argv, variables, ...facts },
    ...{ socket: reach.socket, bytesRepeat },
  };
  worker.postMessage(greeting);
  return await ended;
}

/**
 * What is left is to read the program's own files, from which the workers of daemons are made, and to
 * ask once whether the inspector is open.
 */
function keepToWorkers({ folders, reads = [] }: Reach): void {
  giveUp(["net", "write", "env", "run", "ffi"]);
  if (Deno.build.standalone) giveUp(["read"]);
  for (const path of [...folders, ...reads]) Deno.permissions.revokeSync({ name: "read", path });
}

/** The thread's side of one node's worker. */
class NodeWorker {
  /** Resolves with the exit code. */
  readonly ended: Promise<number>;
  readonly #worker: Worker;
  readonly #processes: Processes;
  readonly #isolates = new Map<number, MadeIsolate>();
  #end: (exitCode: number) => void = () => {};

  constructor(worker: Worker, processes: Processes) {
    this.#worker = worker;
    this.#processes = processes;
    this.ended = new Promise((resolve) => this.#end = resolve);
    worker.addEventListener("message", (event: MessageEvent<FromNode>) => this.#hear(event.data));
    // Heard from now on, or a signal while it loads would end the process in the middle.
    processes.onStop((signal) => this.#tell({ kind: "stop", signal }));
  }

  #tell(message: ToNode): void {
    this.#worker.postMessage(message);
  }

  #hear(message: FromNode): void {
    switch (message.kind) {
      case "end":
        return this.#end(message.exitCode);
      case "hear_input":
        this.#processes.inputEnded().then(() => this.#tell({ kind: "input_ended" }));
        return;
      case "ask_inspector":
        this.#tell({ kind: "inspector", open: ownInspectorUrl() !== undefined });
        return giveUp(["sys"]);
      case "make_isolate":
        return this.#makeIsolate(message.id, message.greeting);
      case "end_isolate":
        this.#isolates.get(message.id)?.terminate();
        this.#isolates.delete(message.id);
        return;
    }
  }

  #makeIsolate(id: number, greeting: WorkerGreeting): void {
    const failed = (reason: string) => this.#tell({ kind: "isolate_failed", id, reason });
    this.#isolates.set(id, makeIsolate(greeting, failed));
  }
}
