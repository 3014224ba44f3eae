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

/** The product's own entry. */
const TASK_WORKER = new URL("./task_worker.ts", import.meta.url);

/** Its text is known to hold no bytes of a frame: it names a kind of error. */
const REASON_LENGTH_MAX = 64;

/**
 * Workers without any permission, each from the one entry.
 *
 * @param originMs When the node's clock read 0, in milliseconds since the Unix epoch.
 * @param order See {@linkcode WorkerGreeting.order}.
 */
function hostIsolates(originMs: number, order: SharedArrayBuffer, entry: URL): Isolates {
  const wires = hostWires();
  return {
    wires,
    start(name, failed) {
      const worker = new Worker(entry, {
        type: "module",
        name,
        deno: { permissions: "none" },
      });
      worker.addEventListener("error", (event) => {
        event.preventDefault(); // it ends this isolate, not the process
        failed(event.message.slice(0, REASON_LENGTH_MAX));
      });
      const [own, theirs] = wires.pair();
      const activity = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
      const greeting = { name, control: theirs, order, activity, originMs };
      worker.postMessage(greeting, [theirs.port as MessagePort]);
      return {
        activity: new Int32Array(activity),
        control: openWire(own),
        terminate: () => worker.terminate(),
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

/**
 * @param clock Its origin becomes that of every isolate's clock.
 * @param entry What every isolate starts from; tests have one that lets a hostile daemon in.
 */
export function hostPlacement(
  { originMs }: { readonly originMs: number },
  turns: Turns,
  entry: URL = TASK_WORKER,
): HostPlacement {
  const order = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  return {
    isolates: hostIsolates(originMs, order, entry),
    order: new Int32Array(order),
    turn: () => new Promise<void>((resolve) => turns.later(resolve)),
    wake: (cells, index) => void Atomics.notify(cells, index),
  };
}
