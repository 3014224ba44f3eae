import type { StoredChain } from "@services/statefsd/client/verify_chain.ts";
import { checkpointPath } from "@services/statefsd/client/log_checkpoint.ts";
import { segmentOfPath } from "@services/statefsd/client/log_segment.ts";
import type { LogValues } from "@services/statefsd/log_values.ts";
import type { WriteStatus } from "@services/statefsd/write_queue.ts";

/** Values of a log in memory, whose writes may fail. */
export interface MemoryLogValues extends LogValues {
  readonly map: Map<string, Uint8Array>;
  /** Paths that are there and do not open. */
  readonly unreadable: Set<string>;
  /** Every write that was tried, as `put PATH` and `delete PATH`. */
  readonly tried: string[];
  /** What the next writes answer, from front to back; `ok` when it is empty. */
  readonly answers: WriteStatus[];
}

export function memoryLogValues(): MemoryLogValues {
  const map = new Map<string, Uint8Array>();
  const unreadable = new Set<string>();
  const tried: string[] = [];
  const answers: WriteStatus[] = [];
  const write = (what: string, apply: () => void) => {
    tried.push(what);
    const status = answers.shift() ?? "ok";
    if (status === "ok") apply();
    return Promise.resolve(status);
  };
  return {
    map,
    unreadable,
    tried,
    answers,
    get(path) {
      if (unreadable.has(path)) return { status: "unreadable" };
      const value = map.get(path);
      return value === undefined ? { status: "not_found" } : { status: "ok", value: value.slice() };
    },
    paths: (prefix) => [...map.keys()].filter((path) => path.startsWith(prefix)).sort(),
    put: (path, value) => write(`put ${path}`, () => map.set(path, value.slice())),
    delete: (path) => write(`delete ${path}`, () => map.delete(path)),
  };
}

/** A ring's chain as it lies in values. */
export function chainIn(values: LogValues, ring: number): StoredChain {
  const at = (path: string) => {
    const found = values.get(path);
    return found.status === "ok" ? found.value : undefined;
  };
  const segments = values.paths("/state/log/").flatMap((path) => {
    const first = segmentOfPath(ring, path);
    return first === undefined ? [] : [{ first, value: at(path) }];
  });
  return { ring, segments, checkpoint: at(checkpointPath(ring)) };
}
