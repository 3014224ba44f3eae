/**
 * What a daemon's isolate may still name: everything else that the runtime puts on the global object
 * is deleted by `lockdown.ts`. `lockdown_test.ts` compares what is left with this list.
 *
 * @module
 */

/** Names on the global object of a locked worker. */
export const GLOBALS_ALLOWED: ReadonlySet<string> = new Set([
  // The global object itself, and the three values that cannot be deleted.
  "globalThis",
  "Infinity",
  "NaN",
  "undefined",

  // Text to numbers, and the escapes of URIs: pure functions of their arguments.
  "parseInt",
  "parseFloat",
  "isNaN",
  "isFinite",
  "encodeURI",
  "encodeURIComponent",
  "decodeURI",
  "decodeURIComponent",

  // Objects and values. `Function` makes no code from text any more; `eval` is gone.
  "Object",
  "Function",
  "Boolean",
  "Symbol",
  "Number",
  "BigInt",
  "String",
  "RegExp",
  "JSON",
  "Reflect",
  "Proxy",

  // `Math` without `random`, `Date` without a clock (smol-toml extends it).
  "Math",
  "Date",

  // Errors. `captureStackTrace` is gone, and `prepareStackTrace` cannot be set.
  "Error",
  "AggregateError",
  "EvalError",
  "RangeError",
  "ReferenceError",
  "SuppressedError",
  "SyntaxError",
  "TypeError",
  "URIError",

  // Collections. Not `WeakRef` and `FinalizationRegistry`: they tell when memory was collected.
  "Array",
  "Map",
  "Set",
  "WeakMap",
  "WeakSet",
  "Iterator",

  // Bytes. `SharedArrayBuffer`, because the constructor is reached through the region of a device
  // anyway and netstackd asks whether a frame lies in one; without threads it counts nothing.
  // `Atomics` has `load` and `store` alone, which order a driver's accesses to its rings.
  "ArrayBuffer",
  "SharedArrayBuffer",
  "Atomics",
  "DataView",
  "Int8Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Int16Array",
  "Uint16Array",
  "Int32Array",
  "Uint32Array",
  "BigInt64Array",
  "BigUint64Array",
  "Float16Array",
  "Float32Array",
  "Float64Array",

  // Order of execution inside the isolate.
  "Promise",
  "DisposableStack",
  "AsyncDisposableStack",

  // Text to bytes and back: what of the web's own names every daemon uses.
  "TextEncoder",
  "TextDecoder",

  // A stand-in that dispatches nothing: the runtime calls it before it ends a worker by an error.
  "dispatchEvent",
]);
