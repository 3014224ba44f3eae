import type { Clock } from "@runtime/core/ports.ts";
import { LIST_NAMES_MAX } from "./limits.ts";
import type { Store } from "./store.ts";
import type { WriteStatus } from "./write_queue.ts";

/** Who writes the log, as its values say. */
const SUBJECT = "statefsd";
const PURPOSE = "log";
const NS_PER_MS = 1_000_000n;

/** A value of the log; `unreadable` where there is one that does not open. */
export type LogValue =
  | { readonly status: "ok"; readonly value: Uint8Array }
  | { readonly status: "not_found" | "unreadable" };

/** Values under paths, as the log needs them. */
export interface LogValues {
  get(path: string): LogValue;
  /** Every path that begins so, in order. */
  paths(prefix: string): readonly string[];
  /** `no_space` also where the log takes all that it may. */
  put(path: string, value: Uint8Array): Promise<WriteStatus>;
  delete(path: string): Promise<WriteStatus>;
}

/** The log's values in a store. The store seals them as every other value. */
export function logValuesOf(
  store: Pick<Store, "get" | "list" | "put" | "delete">,
  clock: Pick<Clock, "unixMs">,
): LogValues {
  return {
    get(path) {
      const value = store.get(path);
      if (value.status === "ok") return { status: "ok", value: value.payload };
      return { status: value.status === "not_found" ? "not_found" : "unreadable" };
    },
    paths(prefix) {
      const paths: string[] = [];
      for (let after = ""; true; after = paths.at(-1) ?? "") {
        const page = store.list({ prefix, after, countMax: LIST_NAMES_MAX }, () => true);
        paths.push(...page);
        if (page.length < LIST_NAMES_MAX) return paths;
      }
    },
    async put(path, value) {
      const timestamp = BigInt(Math.max(0, Math.floor(clock.unixMs()))) * NS_PER_MS;
      const about = { subject: SUBJECT, purpose: PURPOSE, timestamp };
      const outcome = await store.put(path, value, about);
      return typeof outcome === "string" ? outcome : "no_space";
    },
    delete: (path) => store.delete(path),
  };
}
