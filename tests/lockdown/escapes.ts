/**
 * What a hostile daemon tries. Each attempt gives something when it gets out; it gives nothing, or
 * throws, when it is refused. Without the lockdown most of them must get out, or they test nothing.
 *
 * @module
 */

type Attempt = () => unknown;
/** What no type knows any more. */
type Anything = Record<PropertyKey, unknown>;

const world = globalThis as unknown as Anything;

/** A member of something that may be absent: then it throws, as it does for a daemon. */
function call(holder: unknown, name: PropertyKey, ...args: unknown[]): unknown {
  const member = (holder as Anything)[name];
  if (typeof member !== "function") throw new TypeError(`${String(name)} is no function`);
  return Reflect.apply(member, holder, args);
}

function make(name: string, ...args: unknown[]): object {
  const constructor = world[name];
  if (typeof constructor !== "function") throw new TypeError(`${name} is no constructor`);
  return Reflect.construct(constructor, args);
}

const CLOCKS: Readonly<Record<string, Attempt>> = {
  "new Date()": () => Number(new Date()),
  "Date() as a function": () => Reflect.apply(Date, undefined, [0]),
  "Date.now": () => Date.now(),
  "Date through its prototype": () => call(new Date(0).constructor, "now"),
  "Date as another's constructor": () => Reflect.construct(Date, [], Object).constructor,
  "a class below Date": () => Number(new (class Later extends Date {})()),
  "performance.now": () => call(world["performance"], "now"),
  "performance.timeOrigin": () => (world["performance"] as Performance).timeOrigin,
  "Temporal.Now": () => call((world["Temporal"] as Anything)["Now"], "instant"),
  "Date to Temporal": () => call(new Date(0), "toTemporalInstant"),
  "Intl's present time": () => call(new Intl.DateTimeFormat(), "format"),
  "an event's time": () => make("Event", "x"),
  "a file's time": () => (make("File", [], "x") as File).lastModified,
  "Atomics.wait": () => call(Atomics, "wait", new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0),
  "Atomics.waitAsync": () =>
    call(Atomics, "waitAsync", new Int32Array(new SharedArrayBuffer(4)), 0, 1, 0),
  "a timer": () => call(world, "setTimeout", () => {}, 0),
  "an immediate": () => call(world, "setImmediate", () => {}),
  "a thread that counts": () => typeof world["Worker"] === "function",
  "WebAssembly's waiting and threads": () => world["WebAssembly"],
  "when memory is collected": () => make("WeakRef", {}),
  "a call when memory is collected": () => make("FinalizationRegistry", () => {}),
};

const ENTROPY: Readonly<Record<string, Attempt>> = {
  "Math.random": () => Math.random() + 1,
  "crypto.getRandomValues": () => call(world["crypto"], "getRandomValues", new Uint8Array(1)),
  "crypto.randomUUID": () => call(world["crypto"], "randomUUID"),
  "crypto.subtle": () =>
    call((world["crypto"] as Crypto).subtle, "generateKey", "Ed25519", true, ["sign"]),
  "the name of a blob": () => call(world["URL"], "createObjectURL", make("Blob", [])),
};

const CODE: Readonly<Record<string, Attempt>> = {
  "eval": () => call(world, "eval", "1"),
  "Function": () => make("Function", "return 1"),
  "a function's constructor": () => call(() => {}, "constructor", "return 1"),
  "a generator's constructor": () => call(function* () {}, "constructor", "yield 1"),
  "an asynchronous function's constructor": () => call(async () => {}, "constructor", "return 1"),
  "an asynchronous generator's constructor": () =>
    call(async function* () {}, "constructor", "yield 1"),
};

/** The tables of listeners that lie open on the global object. */
function listenerTables(): Anything[] {
  return Object.getOwnPropertySymbols(world)
    .map((symbol) => (world[symbol] as Anything | undefined)?.["listeners"])
    .filter((table) => table !== undefined) as Anything[];
}

const MESSAGES: Readonly<Record<string, Attempt>> = {
  "addEventListener": () => call(world, "addEventListener", "message", noticed) ?? true,
  "removeEventListener": () => call(world, "removeEventListener", "other", noticed) ?? true,
  "a forged event": () => call(world, "dispatchEvent", make("MessageEvent", "message")),
  "onmessage": () => {
    const { set } = Object.getOwnPropertyDescriptor(world, "onmessage") ?? {};
    return set === undefined ? undefined : Reflect.apply(set, world, [noticed]) ?? true;
  },
  "the listeners that are there": () => listenerTables().some((table) => "message" in table),
  "a listener in the table": () =>
    listenerTables().some((table) =>
      Reflect.set(table, "message", [{ callback: noticed, options: {} }])
    ),
  "events through the prototypes": () => {
    const chain = prototypesOf(world).map((prototype) => prototype.constructor.name);
    return chain.some((name) => name === "EventTarget");
  },
  "a hook where the runtime dispatches": () => Reflect.set(world, "dispatchEvent", () => true),
  "postMessage": () => typeof world["postMessage"] === "function",
  "close": () => typeof world["close"] === "function",
  "a channel of its own": () => make("MessageChannel"),
  "a channel to everybody": () => (make("BroadcastChannel", "x") as BroadcastChannel).close() ?? 1,
  "queueMicrotask": () => typeof world["queueMicrotask"] === "function",
};

/** What a hostile listener got to see. */
export const caught: unknown[] = [];

function noticed(event: unknown): void {
  caught.push(String(event));
}

function prototypesOf(value: object): object[] {
  const next = Object.getPrototypeOf(value);
  return next === null ? [] : [next, ...prototypesOf(next)];
}

/** Defines again what is there already: that it could be done is the escape. */
function redefinable(holder: object, key: PropertyKey): boolean {
  const { configurable, ...found } = Object.getOwnPropertyDescriptor(holder, key) ?? {};
  return Reflect.defineProperty(holder, key, { ...found, enumerable: !found.enumerable }) &&
    configurable === true;
}

/** Whether whoever writes `key` to another object can be overheard. */
function overheard(holder: object, key: PropertyKey): boolean {
  const set = (value: unknown) => caught.push(String(value));
  const done = Reflect.defineProperty(holder, key, { set, configurable: true });
  Reflect.deleteProperty(holder, key);
  return done;
}

const asynchronous = Object.getPrototypeOf(async function* () {}).prototype;

const PATCHES: Readonly<Record<string, Attempt>> = {
  "Promise.prototype.then": () => redefinable(Promise.prototype, "then"),
  "Promise's species": () => redefinable(Promise, Symbol.species),
  "Array.prototype.push": () => redefinable(Array.prototype, "push"),
  "an array's iterator": () => redefinable(Object.getPrototypeOf([][Symbol.iterator]()), "next"),
  "a map's iterator": () => redefinable(Object.getPrototypeOf(new Map().values()), "next"),
  "Map.prototype.get": () => redefinable(Map.prototype, "get"),
  "Uint8Array.prototype.set": () => redefinable(Object.getPrototypeOf(Uint8Array.prototype), "set"),
  "an asynchronous generator": () => redefinable(asynchronous, "next"),
  "Function.prototype.call": () => redefinable(Function.prototype, "call"),
  "TextEncoder.prototype.encode": () => redefinable(TextEncoder.prototype, "encode"),
  "JSON.parse": () => redefinable(JSON, "parse"),
  "Object.prototype.toString": () => redefinable(Object.prototype, "toString"),
  "a setter for every object": () => overheard(Object.prototype, "data"),
  "a setter for every array": () => overheard(Array.prototype, 0),
  "a setter for every function": () => overheard(Function.prototype, "data"),
  "a setter for every error": () => overheard(Error.prototype, "cause"),
  "a new name": () => Reflect.defineProperty(world, "added", { configurable: true }),
  "another TextEncoder": () => redefinable(world, "TextEncoder"),
  "Error.prepareStackTrace": () => {
    const set = Reflect.set(Error, "prepareStackTrace", undefined);
    Reflect.deleteProperty(Error, "prepareStackTrace");
    return set;
  },
  "Error.captureStackTrace": () => call(Error, "captureStackTrace", {}) ?? true,
  "what was matched last": () => Reflect.has(RegExp, "$1"),
};

const AMBIENT = [
  "Deno",
  "Buffer",
  "process",
  "console",
  "fetch",
  "navigator",
  "location",
  "caches",
];

/** Every attempt, by what it is after. */
export const ESCAPES: Readonly<Record<string, Attempt>> = {
  ...CLOCKS,
  ...ENTROPY,
  ...CODE,
  ...MESSAGES,
  ...PATCHES,
  ...Object.fromEntries(AMBIENT.map((name) => [name, () => world[name]])),
  "structuredClone": () => world["structuredClone"],
};

/** @returns What became of each: `out`, or why not. */
export function tryAll(): Record<string, string> {
  const outcome = Object.entries(ESCAPES).map(([name, attempt]) => [name, outcomeOf(attempt)]);
  return Object.fromEntries(outcome);
}

function outcomeOf(attempt: Attempt): string {
  try {
    const got = attempt();
    return got === undefined || got === false ? "nothing" : "out";
  } catch (error) {
    return String(error);
  }
}
