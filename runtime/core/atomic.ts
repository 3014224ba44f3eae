/**
 * Shared cells. The functions are taken when this module is loaded: an isolate takes `Atomics` away
 * from its daemons before any of them runs, and what the kernel and a driver do to their own shared
 * memory must go on. None of these waits: only the kernel's entry may.
 *
 * @module
 */

export const {
  add: atomicAdd,
  exchange: atomicExchange,
  load: atomicLoad,
  store: atomicStore,
} = Atomics;
