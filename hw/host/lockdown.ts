import "node:buffer"; // Both put themselves together with what lockdown takes away.
import "node:crypto";
import { assert } from "@runtime/core/assert.ts";
import { GLOBALS_ALLOWED } from "./globals_allowed.ts";
import { harden } from "./harden.ts";
import { tameIntrinsics } from "./tamed.ts";

/** What a worker's own code takes of the host before the lockdown; no daemon may reach it. */
export interface HostAccess {
  /** All of it: a daemon keeps `load` and `store`. */
  readonly atomics: typeof Atomics;
  readonly messageChannel: () => MessageChannel;
  /** To the thread that made this worker. */
  readonly post: (message: unknown, transfer: Transferable[]) => void;
  readonly close: () => void;
  readonly memoryUsage: () => Deno.MemoryUsage;
  readonly queueMicrotask: (work: () => void) => void;
}

/** The part of a worker's global object that is used here: the compiler takes it for a window. */
interface WorkerScope {
  postMessage(message: unknown, transfer: Transferable[]): void;
  close(): void;
}

/** @returns References that go on working after {@linkcode lockdown}. */
export function hostAccess(): HostAccess {
  const { postMessage, close } = globalThis as unknown as WorkerScope;
  const { MessageChannel, queueMicrotask, Deno: { memoryUsage } } = globalThis;
  return {
    atomics: Atomics,
    messageChannel: () => new MessageChannel(),
    post: (message, transfer) => postMessage.call(globalThis, message, transfer),
    close: () => close.call(globalThis),
    memoryUsage,
    queueMicrotask,
  };
}

/**
 * Takes the ambient world out of this isolate, for good: names that are not on the list, the clock,
 * chance and code from text in what stays, and every way to change what others use.
 *
 * The worker's entry calls it before any daemon's module is loaded, and after it has the message with
 * its port: no listener of the global object is left, and none can be added. A port's own stays.
 *
 * @param parts Further values that nobody may change, with all that is reached from them.
 */
export function lockdown(parts: readonly unknown[] = []): void {
  // At its first use of it the runtime looks below its own `queueMicrotask` for the engine's, which
  // would be uncovered by a deletion before.
  queueMicrotask(() => {});
  tameIntrinsics();
  // Their names go, and whoever comes by a port has them still.
  const messaging = [MessageChannel, MessagePort, MessageEvent, EventTarget];
  const others = Object.getOwnPropertyNames(globalThis).filter((name) =>
    !GLOBALS_ALLOWED.has(name)
  );
  for (const name of others) Reflect.deleteProperty(globalThis, name);
  dropListeners();
  Object.setPrototypeOf(globalThis, Object.prototype);
  const kept = pinGlobals();
  harden([...kept, ...messaging, ...parts], globalThis);
}

/**
 * The global object's table of listeners lies under a symbol, open to whoever looks: a daemon could
 * call a listener with an event of its own, or put itself in its place.
 */
function dropListeners(): void {
  for (const symbol of Object.getOwnPropertySymbols(globalThis)) {
    const value: unknown = Reflect.get(globalThis, symbol);
    if (typeof value !== "object" || value === null) continue;
    const emptied = "listeners" in value ? { ...value, listeners: Object.create(null) } : undefined;
    Object.defineProperty(globalThis, symbol, { value: emptied });
  }
}

/**
 * The runtime dispatches an error on the global object before it ends the worker with it, and lets it
 * pass when this answers true. What lies behind the global object's own prototypes cannot be emptied
 * (a port finds its `dispatchEvent` there), so it was cut off.
 */
function deafDispatchEvent(): boolean {
  return true;
}

/**
 * Makes what is left unchangeable. Deno 2.4 refuses to close its global object: there a daemon can
 * still add names, which no code of others asks for.
 *
 * @returns The values that are left.
 */
function pinGlobals(): unknown[] {
  Object.defineProperty(globalThis, "dispatchEvent", { value: deafDispatchEvent });
  const kept: unknown[] = [];
  for (const key of Reflect.ownKeys(globalThis)) {
    assert(typeof key === "symbol" || GLOBALS_ALLOWED.has(key), "what is not allowed is deleted");
    const value: unknown = Reflect.get(globalThis, key);
    kept.push(value);
    // Some are pairs of functions that make the value at its first use: it is used here.
    const pinned = { value, writable: false, enumerable: false, configurable: false };
    assert(Reflect.defineProperty(globalThis, key, pinned), "what is left can be pinned");
  }
  Reflect.preventExtensions(globalThis);
  return kept;
}
