import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { LIST_NAMES_MAX } from "./limits.ts";
import { logValuesOf } from "./log_values.ts";
import type { GetResult, Page, Store } from "./store.ts";

type Target = Parameters<typeof logValuesOf>[0];

/** A store that answers a get as it is told, holds these paths, and remembers who wrote. */
function store(got: GetResult, paths: readonly string[] = []) {
  const written: Parameters<Store["put"]>[] = [];
  const target: Target = {
    get: () => got,
    list: ({ prefix, after, countMax }: Page) =>
      paths.filter((path) => path.startsWith(prefix) && path > after).slice(0, countMax),
    put: (...asked) => (written.push(asked), Promise.resolve("ok")),
    delete: () => Promise.resolve("not_found"),
  };
  return { target, written };
}

const CLOCK = { unixMs: () => 7 };

test("logValuesOf tells a value that does not open from none", () => {
  for (const status of ["integrity", "rollback"] as const) {
    deepEqual(logValuesOf(store({ status }).target, CLOCK).get("/state/x"), {
      status: "unreadable",
    });
  }
  const none = store({ status: "not_found" }).target;
  deepEqual(logValuesOf(none, CLOCK).get("/state/x"), { status: "not_found" });
});

test("logValuesOf lists every path, page by page", () => {
  const paths = Array.from(
    { length: 2 * LIST_NAMES_MAX },
    (_, at) => `/state/log/${String(at).padStart(4, "0")}`,
  );
  const { target } = store({ status: "not_found" }, [...paths, "/state/other"]);
  deepEqual(logValuesOf(target, CLOCK).paths("/state/log/"), paths);
});

test("logValuesOf says who writes and when, by any clock", async () => {
  for (const [unixMs, timestamp] of [[7, 7_000_000n], [-7, 0n]] as const) {
    const { target, written } = store({ status: "not_found" });
    const values = logValuesOf(target, { unixMs: () => unixMs });
    equal(await values.put("/state/x", Uint8Array.of(1)), "ok");
    const about = { subject: "statefsd", purpose: "log", timestamp };
    deepEqual(written, [["/state/x", Uint8Array.of(1), about]]);
    equal(await values.delete("/state/x"), "not_found");
  }
});
