/**
 * A node's worker, as the command line in it sees the process: what it cannot have itself it asks of
 * the thread around it.
 *
 * @module
 */

import type { Processes, StopSignal } from "@runtime/core/program_ports.ts";
import type { FromNode, NodeGreeting, ToNode } from "./confined.ts";
import type { MakeIsolate } from "./isolates.ts";
import { permission, PermissionFailure } from "./missing_permission.ts";

/** What the thread around a node's worker does for it. */
export interface Surroundings {
  readonly processes: Processes;
  readonly makeIsolate: MakeIsolate;
  readonly inspectorOpen: () => Promise<boolean>;
}

// The lib of a window, which checks this file too, knows no worker's postMessage.
const scope = globalThis as unknown as {
  postMessage(message: FromNode, moved?: readonly Transferable[]): void;
};

/** Runs `run` once the thread around says what with, and tells that thread its exit code. */
export function serveNode(
  run: (greeting: NodeGreeting, surroundings: Surroundings) => Promise<number>,
): void {
  const early: ToNode[] = [];
  let hear = (message: ToNode): void => void early.push(message);
  addEventListener("message", (event) => {
    if (!(event instanceof MessageEvent)) return;
    const message: ToNode | NodeGreeting = event.data;
    if ("kind" in message) return hear(message);
    const surroundings = new ThreadAround(message);
    hear = (later) => surroundings.hear(later);
    const ended = run(message, surroundings);
    early.splice(0).forEach(hear);
    ended.then((exitCode) => scope.postMessage({ kind: "end", exitCode }));
  });
}

class ThreadAround implements Surroundings {
  readonly processes: Processes;
  readonly #stops = new Set<(signal: StopSignal) => void>();
  readonly #isolates = new Map<number, (reason: string) => void>();
  #inputEnded: () => void = () => {};
  #tellInspector: (open: boolean) => void = () => {};

  constructor({ variables, processId, userId }: NodeGreeting) {
    this.processes = {
      env: (name) => Object.hasOwn(variables, name) ? variables[name] : undefined,
      ...{ id: processId, userId },
      ...{ spawnSelf: noChild, spawnOnConsole: noChild, keepToChildren: noChild },
      onStop: (stop) => {
        this.#stops.add(stop);
        return () => void this.#stops.delete(stop);
      },
      inputEnded: () =>
        new Promise((resolve) => {
          this.#inputEnded = resolve;
          scope.postMessage({ kind: "hear_input" });
        }),
    };
  }

  readonly makeIsolate: MakeIsolate = (greeting, failed) => {
    const id = this.#isolates.size;
    this.#isolates.set(id, failed);
    scope.postMessage({ kind: "make_isolate", id, greeting }, [greeting.control.port]);
    return { terminate: () => scope.postMessage({ kind: "end_isolate", id }) };
  };

  readonly inspectorOpen = (): Promise<boolean> =>
    new Promise((resolve) => {
      this.#tellInspector = resolve;
      scope.postMessage({ kind: "ask_inspector" });
    });

  hear(message: ToNode): void {
    switch (message.kind) {
      case "stop":
        for (const stop of [...this.#stops]) stop(message.signal);
        return;
      case "input_ended":
        return this.#inputEnded();
      case "inspector":
        return this.#tellInspector(message.open);
      case "isolate_failed":
        return this.#isolates.get(message.id)?.(message.reason);
    }
  }
}

function noChild(): never {
  throw new PermissionFailure(permission("run"));
}
