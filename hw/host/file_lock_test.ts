import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { lockedElsewhere, takeLock } from "./file_lock.ts";

test("a lock is tried where the runtime can, and waited for where it cannot", async () => {
  const tried = (free: boolean) => ({
    tryLockSync: () => free,
    lock: () => Promise.reject(new TypeError("it is not waited for")),
  });
  deepEqual([await takeLock(tried(true)), await takeLock(tried(false))], [true, false]);
  deepEqual([lockedElsewhere(tried(true), true), lockedElsewhere(tried(false), true)], [
    false,
    true,
  ]);
  equal(await takeLock({ lock: () => Promise.resolve() }), true);
  equal(await takeLock({ lock: () => new Promise(() => {}) }), false, "somebody holds it");
  equal(lockedElsewhere({}, true), false);
});
