import type { Isolates, Turns } from "@runtime/core/ports.ts";
import { hostWires, openWire } from "./wire.ts";

/** What a worker is told before anything else happens in it. */
export interface WorkerGreeting {
  readonly name: string;
  readonly control: { readonly port: MessagePort; readonly cells: SharedArrayBuffer };
  /** One cell: how many markers the node's isolates have numbered. */
  readonly order: SharedArrayBuffer;
  /** One cell, see {@linkcode StartedIsolate.activity}. */
  readonly activity: SharedArrayBuffer;
  /** When the node's clock read 0, in milliseconds since the Unix epoch. */
  readonly originMs: number;
}

/** Its text is known to hold no bytes of a frame: it names a kind of error. */
const REASON_LENGTH_MAX = 64;

/** Makes an isolate, tells it the greeting, and ends it when it is asked to. */
export type MakeIsolate = (
  greeting: WorkerGreeting,
  failed: (reason: string) => void,
) => MadeIsolate;

/** An isolate as its maker ends it. */
export interface MadeIsolate {
  terminate(): void;
}

/** Makes workers without any permission, from the one entry. */
export const makeIsolate: MakeIsolate = isolatesFrom(
  () => new URL("./task_worker.ts", import.meta.url),
);

/** Makes workers without any permission. @param entry What they start from: tests name another. */
export function isolatesFrom(entry: () => URL): MakeIsolate {
  return (greeting, failed) => startWorker(entry(), greeting, failed);
}

function startWorker(
  entry: URL,
  greeting: WorkerGreeting,
  failed: (reason: string) => void,
): MadeIsolate {
  const worker = new Worker(entry, {
    type: "module",
    name: greeting.name,
    deno: { permissions: "none" },
  });
  worker.addEventListener("error", (event) => {
    event.preventDefault(); // it ends this isolate, not the process
    failed(event.message.slice(0, REASON_LENGTH_MAX));
  });
  worker.postMessage(greeting, [greeting.control.port]);
  return { terminate: () => worker.terminate() };
}

/**
 * @param originMs When the node's clock read 0, in milliseconds since the Unix epoch.
 * @param order See {@linkcode WorkerGreeting.order}.
 */
function hostIsolates(originMs: number, order: SharedArrayBuffer, make: MakeIsolate): Isolates {
  const wires = hostWires();
  return {
    wires,
    start(name, failed) {
      const [own, theirs] = wires.pair();
      const control = { port: theirs.port as MessagePort, cells: theirs.cells };
      const activity = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
      const made = make({ name, control, order, activity, originMs }, failed);
      return {
        activity: new Int32Array(activity),
        control: openWire(own),
        terminate: () => made.terminate(),
      };
    },
  };
}

/** What the boot needs to place daemons in isolates of this host. */
export interface HostPlacement {
  readonly isolates: Isolates;
  /** One cell: how many markers were numbered. */
  readonly order: Int32Array;
  readonly turn: () => Promise<void>;
  /** Wakes who waits for a cell. */
  readonly wake: (cells: Int32Array, index: number) => void;
}

/** @param clock Its origin becomes that of every isolate's clock. */
export function hostPlacement(
  { originMs }: { readonly originMs: number },
  turns: Turns,
  make: MakeIsolate = makeIsolate,
): HostPlacement {
  const order = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  return {
    isolates: hostIsolates(originMs, order, make),
    order: new Int32Array(order),
    turn: () => new Promise<void>((resolve) => turns.later(resolve)),
    wake: (cells, index) => void Atomics.notify(cells, index),
  };
}
