import type { Client } from "@runtime/idl/client.ts";
import type { statefsd } from "@services/statefsd/protocol.ts";

/** What keystored calls of statefsd. */
export type KeptState = Pick<
  Client<typeof statefsd>,
  "get" | "put" | "del" | "listAfter" | "stats"
>;

/** Values by path, in the place of statefsd. What is changed beside it is seen. */
export function keptState(
  values: Map<string, Uint8Array> = new Map(),
  persists = true,
): KeptState {
  const counted = { failed: 0, keys: 0, liveBytes: 0n, logBytes: 0n, capacity: 0n };
  return {
    get({ key }) {
      const value = values.get(key)?.slice();
      return Promise.resolve(
        value === undefined ? { status: "not_found" } : { status: "ok", value },
      );
    },
    put({ key, value }) {
      values.set(key, value.slice());
      return Promise.resolve({ status: "ok" });
    },
    del: ({ key }) => Promise.resolve({ status: values.delete(key) ? "ok" : "not_found" }),
    listAfter({ prefix, after, countMax }) {
      const names = [...values.keys()].filter((name) => name.startsWith(prefix) && name > after)
        .toSorted().slice(0, countMax).map((name) => ({ name }));
      return Promise.resolve({ status: "ok", names });
    },
    stats: () =>
      Promise.resolve({
        ...counted,
        status: "ok",
        persists: Number(persists),
        generation: 1,
        sequence: 1n,
      }),
  };
}
