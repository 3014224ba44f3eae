/** Where the language itself tells of the host, or makes code, it is replaced by what refuses. */

/** Each makes code from text, through the constructor of its own kind. */
const CODE_MAKERS = [
  function () {},
  function* () {},
  async function () {},
  async function* () {},
];

/** What `RegExp` keeps of the last match, whoever made it: the kernel's too. */
const LAST_MATCH = ["input", "lastMatch", "lastParen", "leftContext", "rightContext"];
const LAST_MATCH_SHORT = [..."_&+`'123456789"].map((sign) => `$${sign}`);

const NO_CLOCK = "time comes from the clock port";
const NO_ENTROPY = "random bytes come from rngd";
const NO_CODE = "code is not made from text";

/** Takes clock, chance, waiting and code from text out of the language, behind prototypes too. */
export function tameIntrinsics(): void {
  tameDate();
  replace(Math, "random", refusal("Math.random", NO_ENTROPY));
  tameAtomics();
  for (const maker of CODE_MAKERS) tameCodeMaker(Object.getPrototypeOf(maker));
  for (const name of [...LAST_MATCH, ...LAST_MATCH_SHORT]) Reflect.deleteProperty(RegExp, name);
  Reflect.deleteProperty(Error, "captureStackTrace");
}

/** @returns A function that throws, and says which way is open instead. */
function refusal(name: string, why: string): () => never {
  return function () {
    throw new TypeError(`${name} is not here: ${why}`);
  };
}

/** `Date` goes on computing, under the prototype that it always had. */
function tameDate(): void {
  const original = Date;
  const clockless = refusal("Date()", NO_CLOCK);
  const tamed = function Date(...args: unknown[]): object {
    // Called as a function it gives the present time, whatever the arguments.
    if (new.target === undefined || args.length === 0) clockless();
    return Reflect.construct(original, args, new.target);
  };
  Object.defineProperties(tamed, {
    length: { value: original.length },
    prototype: { value: original.prototype, writable: false },
    now: { value: refusal("Date.now", NO_CLOCK) },
    parse: { value: original.parse },
    UTC: { value: original.UTC },
  });
  Reflect.deleteProperty(original.prototype, "toTemporalInstant");
  replace(original.prototype, "constructor", tamed);
  replace(globalThis, "Date", tamed);
}

/** A driver orders its accesses to a ring with these two; nothing here waits or wakes. */
function tameAtomics(): void {
  const { load, store } = Atomics;
  replace(globalThis, "Atomics", { load, store, [Symbol.toStringTag]: "Atomics" });
}

/**
 * Code from text has the way to modules that its maker's caller has: called back by `runtime/crypto`,
 * a maker of asynchronous functions would open that folder's `node:` modules.
 */
function tameCodeMaker(prototype: object): void {
  const { name } = prototype.constructor;
  const tamed = refusal(name, NO_CODE);
  Object.defineProperty(tamed, "name", { value: name });
  Object.defineProperty(tamed, "prototype", { value: prototype, writable: false });
  replace(prototype, "constructor", tamed);
  if (Object.hasOwn(globalThis, name)) replace(globalThis, name, tamed);
}

function replace(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, {
    value,
    writable: true,
    enumerable: false,
    configurable: true,
  });
}
