/** The assertions that tests beside the code use; only `tests/` may name a `node:` module. */
export {
  deepStrictEqual as deepEqual,
  notDeepStrictEqual as notDeepEqual,
  ok,
  rejects,
  strictEqual as equal,
  throws,
} from "node:assert/strict";
