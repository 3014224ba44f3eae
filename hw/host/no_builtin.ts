/**
 * What `deno.json` puts in the place of every module of the runtime (`node:os` and the like): a
 * daemon takes ports. The folders of `NODE_PLACES` in `scripts/lint/table.ts` have their own way.
 *
 * @module
 */

throw new TypeError("a module of the runtime is open to the folders of NODE_PLACES alone");

// Without it this were a script.
export {};
