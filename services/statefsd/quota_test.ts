import { WireError } from "@runtime/core/error.ts";
import { toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { choices } from "@tests/fakes/random.ts";
import {
  bytesOf,
  countedUsages,
  formattedImage,
  opened,
  storeOn,
  textAt,
  toldUsages,
} from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import type { Provenance } from "./envelope.ts";
import { type QuotaPorts, type QuotaWarning, WARNING_WINDOW_NS } from "./quota.ts";
import { decodeQuotaLimits, encodeQuotaLimits } from "./quota_limits.ts";
import { namesOwner, ownersOf } from "./quota_owner.ts";
import type { Store, WriteOutcome } from "./store.ts";

const UNLIMITED = { soft: Infinity, hard: Infinity };
const ADMIN = by("admin");
/** What a value at `/state/v/<one letter>` by a subject of one letter takes beside its payload. */
const OVERHEAD = 15 + 10 + 48 + 28 + 1 + 1;

function by(subject: string): Provenance {
  return { subject, purpose: "t", timestamp: 5n };
}

/** Ports with limits for subjects, and what they were told. */
function portsWith(limits: Partial<QuotaPorts>) {
  const clock = manualClock();
  const warnings: QuotaWarning[] = [];
  const quotas: QuotaPorts = {
    subjects: UNLIMITED,
    apps: UNLIMITED,
    clock,
    warned: (warning) => void warnings.push(warning),
    ...limits,
  };
  return { clock, warnings, quotas };
}

async function storeWith(limits: Partial<QuotaPorts>, blocks = 257) {
  const ports = portsWith(limits);
  const { quotas } = ports;
  const { disk, store } = await storeOn(await formattedImage(blocks), {}, { quotas });
  return { ...ports, disk, store };
}

function put(store: Store, key: string, length: number, subject = "s"): Promise<WriteOutcome> {
  return store.put(key, new Uint8Array(length), by(subject));
}

function exceeded(owner: string, used: number, limit: number): WriteOutcome {
  return { status: "quota_exceeded", owner, used, limit };
}

/** Sets the limits of an owner, as an administrator does. */
function limit(store: Store, owner: string, soft: number, hard: number): Promise<WriteOutcome> {
  return store.put(`/state/statefsd/quota/${owner}`, encodeQuotaLimits({ soft, hard }), ADMIN);
}

test("encodeQuotaLimits equals the page's bytes, and decodeQuotaLimits reads no others", () => {
  const bytes = encodeQuotaLimits({ soft: 0x10000, hard: 0x20000 });
  equal(toHex(bytes), "4e585154" + "01000000" + "0000010000000000" + "0000020000000000");
  deepEqual(decodeQuotaLimits(bytes), { soft: 0x10000, hard: 0x20000 });
  for (let length = 0; length < bytes.length; length++) {
    throws(() => decodeQuotaLimits(bytes.subarray(0, length)), WireError);
  }
  throws(() => decodeQuotaLimits(Uint8Array.of(...bytes, 0)), /trailing_bytes/);
  for (let at = 0; at < 8; at++) throws(() => decodeQuotaLimits(bytes.with(at, 9)), WireError);
  throws(() => decodeQuotaLimits(bytes.with(22, 0x20)), /value_out_of_range/);
  throws(() => decodeQuotaLimits(bytes.with(10, 3)), /value_out_of_range/);
});

test("ownersOf: a value is its writer's, and its application's when its path is below one's", () => {
  const value = { stored: new Uint8Array(1), sequence: 1n, subject: "s", fault: undefined };
  const apps = ["/state/app/x/a", "/state/apps/x/a/b", "/state/keystore/x/a"];
  for (const path of apps) deepEqual(ownersOf(path, value), ["subject:s", "app:x"]);
  const none = ["/state/app/x", "/state/apple/x/a", "/state/a/app/x/a", "/state/statefsd/quota/a"];
  for (const path of none) deepEqual(ownersOf(path, value), ["subject:s"]);
  deepEqual(ownersOf("/state/app/x/a", { ...value, subject: "" }), ["app:x"]);
  deepEqual(ownersOf("/state/statefsd/seq.v1", value), []);
  deepEqual(ownersOf("/state/app/x/a", undefined), []);
  deepEqual(["app:x", "subject:a", "app:", "x", ""].map(namesOwner), [
    true,
    true,
    false,
    false,
    false,
  ]);
});

test("a write up to the hard limit is taken, one byte more is refused and nothing is written", async () => {
  const hard = 2 * OVERHEAD + 100;
  const { disk, store } = await storeWith({ subjects: { soft: hard, hard } });
  equal(await put(store, "/state/v/a", 60), "ok");
  const { operations } = disk;
  deepEqual(await put(store, "/state/v/b", 41), exceeded("subject:s", OVERHEAD + 60, hard));
  equal(disk.operations, operations);
  equal(textAt(store, "/state/v/b"), "not_found");
  equal(await put(store, "/state/v/b", 40), "ok");
  deepEqual(store.usage("subject:s"), { owner: "subject:s", used: hard, soft: hard, hard });
  equal(await put(store, "/state/v/c", 0, "t"), "ok", "another subject has its own");
});

test("an application's limit counts what every subject writes below its path", async () => {
  const { store } = await storeWith({ apps: { soft: 400, hard: 400 } });
  equal(await put(store, "/state/app/x/a", 80, "s"), "ok");
  equal(await put(store, "/state/apps/x/a", 80, "t"), "ok");
  const { used } = store.usage("app:x");
  deepEqual(await put(store, "/state/keystore/x/a", 80, "u"), exceeded("app:x", used, 400));
  equal(await put(store, "/state/app/y/a", 80, "u"), "ok");
});

test("writes that wait together are counted against one another", async () => {
  const hard = OVERHEAD + 100;
  const { store } = await storeWith({ subjects: { soft: hard, hard } });
  const outcomes = await Promise.all([
    put(store, "/state/v/a", 50),
    put(store, "/state/v/b", 50),
    store.delete("/state/v/a"),
    put(store, "/state/v/c", 50),
  ]);
  deepEqual(outcomes, ["ok", exceeded("subject:s", OVERHEAD + 50, hard), "ok", "ok"]);
});

test("a transaction above the hard limit is refused as a whole", async () => {
  const hard = 3 * OVERHEAD;
  const { disk, quotas, store } = await storeWith({ subjects: { soft: hard, hard } });
  const begun = await store.begin(1n);
  const id = begun.status === "ok" ? begun.transaction : 0n;
  for (const key of ["/state/v/a", "/state/v/b", "/state/v/c"]) {
    equal(store.putChunk(id, 1n, { key, chunk: bytesOf("1") }), "ok");
  }
  deepEqual(await store.commit(id, 1n, by("s")), exceeded("subject:s", 0, hard));
  deepEqual(store.usages(), []);
  const { result } = await opened(disk.image, {}, { quotas });
  deepEqual([result.status === "ok" && result.report.orphans, store.usages()], [0, []]);
});

test("what does not grow is taken above the limit, and a delete gives back", async () => {
  const { store } = await storeWith({});
  equal(await put(store, "/state/v/a", 100), "ok");
  equal(await put(store, "/state/v/b", 100), "ok");
  equal(await limit(store, "subject:s", 0, 50), "ok");
  equal(await put(store, "/state/v/a", 100), "ok");
  equal(await put(store, "/state/v/a", 99), "ok");
  deepEqual(
    await put(store, "/state/v/a", 100),
    exceeded("subject:s", 2 * OVERHEAD + 199, 50),
  );
  equal(await store.delete("/state/v/b"), "ok");
  equal(store.usage("subject:s").used, OVERHEAD + 99);
});

test("an overwrite by another subject moves the charge", async () => {
  const { store } = await storeWith({});
  equal(await put(store, "/state/v/a", 100, "s"), "ok");
  equal(await put(store, "/state/v/a", 10, "t"), "ok");
  deepEqual(toldUsages(store), new Map([["subject:t", OVERHEAD + 10]]));
  equal(await limit(store, "subject:s", 0, 50), "ok");
  deepEqual(await put(store, "/state/v/a", 10, "s"), exceeded("subject:s", 0, 50));
});

test("limits of an owner survive a restart, and end with their value", async () => {
  const subjects = { soft: 1000, hard: 1000 };
  const { disk, quotas, store } = await storeWith({ subjects });
  equal(await limit(store, "subject:s", 10, 20), "ok");
  equal(await limit(store, "app:x", 30, 40), "ok");
  deepEqual(await put(store, "/state/v/a", 0), exceeded("subject:s", 0, 20));
  const { store: again } = await storeOn(disk.image, {}, { quotas });
  deepEqual(again.usages(), store.usages());
  deepEqual(again.usage("app:x"), { owner: "app:x", used: 0, soft: 30, hard: 40 });
  equal(await again.delete("/state/statefsd/quota/subject:s"), "ok");
  deepEqual(again.usage("subject:s"), { owner: "subject:s", used: 0, ...subjects });
  equal(await put(again, "/state/v/a", 0), "ok");
});

test("limits that are none leave the default in force, and are counted", async () => {
  const { disk, quotas, store } = await storeWith({ subjects: { soft: 7, hard: 999 } });
  const good = encodeQuotaLimits({ soft: 1, hard: 2 });
  const folder = "/state/statefsd/quota/";
  equal(await store.put(`${folder}subject:s`, good.subarray(1), ADMIN), "ok");
  equal(await store.put(`${folder}nobody`, good, ADMIN), "ok");
  equal(store.stats.malformedLimits, 2);
  equal(store.usage("subject:s").hard, 999);
  const { store: again } = await storeOn(disk.image, {}, { quotas });
  equal(again.stats.malformedLimits, 2);
  equal(await again.put(`${folder}subject:s`, good, ADMIN), "ok");
  equal(await again.delete(`${folder}nobody`), "ok");
  deepEqual([again.stats.malformedLimits, again.usage("subject:s").hard], [0, 2]);
});

test("an administrator above every limit may still write limits", async () => {
  const { store } = await storeWith({ subjects: { soft: 0, hard: 0 } });
  equal(await limit(store, "subject:admin", 0, 1), "ok");
  equal(await limit(store, "subject:s", 500, 500), "ok");
  equal(await put(store, "/state/v/a", 1), "ok");
  equal((await store.put("/state/v/b", bytesOf("v"), ADMIN)) === "ok", false);
});

test("an owner above its soft limit is warned of once a window, when it grows", async () => {
  const { clock, store, warnings } = await storeWith({
    subjects: { soft: OVERHEAD + 10, hard: 4 * OVERHEAD },
  });
  equal(await put(store, "/state/v/a", 10), "ok");
  deepEqual(warnings, []);
  equal(await put(store, "/state/v/a", 11), "ok");
  const first = { owner: "subject:s", used: OVERHEAD + 11, soft: OVERHEAD + 10 };
  deepEqual(warnings, [first]);
  equal(await put(store, "/state/v/a", 12), "ok");
  clock.advanceNs(WARNING_WINDOW_NS - 1);
  equal(await put(store, "/state/v/a", 13), "ok");
  deepEqual(warnings, [first]);
  clock.advanceNs(1);
  equal(await put(store, "/state/v/a", 13), "ok");
  equal((await put(store, "/state/v/b", 4 * OVERHEAD)) === "ok", false);
  deepEqual(warnings, [first]);
  equal(await put(store, "/state/v/a", 14), "ok");
  equal(await put(store, "/state/v/b", 0, "t"), "ok");
  equal(await put(store, "/state/v/c", 0, "t"), "ok");
  deepEqual(warnings.slice(1).map(({ owner, used }) => [owner, used]), [
    ["subject:s", OVERHEAD + 14],
    ["subject:t", 2 * OVERHEAD],
  ]);
});

/** What the ledger must do, told slowly: a write is refused that ends with a grown owner too large. */
function refusedByModel(store: Store, key: string, after: Map<string, number>, hard: number) {
  const before = countedUsages(store);
  return [...after].some(([owner, used]) => used > hard && used > (before.get(owner) ?? 0)) &&
    !key.startsWith("/state/statefsd/");
}

/** Usages as they would be after a put, by the model. */
function afterPut(store: Store, key: string, length: number, subject: string) {
  const value = store.get(key);
  const used = new Map(countedUsages(store));
  const charge = (name: string, bytes: number) => {
    const [, root, app, rest] = key.slice(1).split("/");
    const owners = [`subject:${name}`];
    if (rest !== undefined && root === "app") owners.push(`app:${app}`);
    for (const owner of owners) used.set(owner, (used.get(owner) ?? 0) + bytes);
  };
  const fixed = 15 + key.length + (key.startsWith("/state/boot/") ? 0 : 48) + 28 + 1;
  if (value.status === "ok") {
    charge(value.subject, -(fixed + value.subject.length + value.payload.length));
  }
  charge(subject, fixed + subject.length + length);
  return used;
}

test("the ledger equals a slow model over writes by chance, and after each restart", async () => {
  const hard = 900;
  const limits = { soft: 500, hard };
  const keys = [
    "/state/app/x/1",
    "/state/app/x/2",
    "/state/app/y/1",
    "/state/boot/b",
    "/state/v/a",
  ];
  for (let seed = 1; seed <= 25; seed++) {
    const choose = choices(seed);
    const { quotas } = portsWith({ subjects: limits, apps: limits });
    let { disk, store } = await storeOn(await formattedImage(129), {}, { quotas });
    for (let step = 0; step < 50; step++) {
      const key = keys[choose(keys.length)] ?? "";
      const [length, subject] = [choose(400), ["s", "t"][choose(2)] ?? ""];
      const where = `seed ${seed}, step ${step}`;
      if (choose(8) === 0) await store.delete(key);
      else if (choose(12) === 0) ({ disk, store } = await storeOn(disk.image, {}, { quotas }));
      else {
        const refused = refusedByModel(store, key, afterPut(store, key, length, subject), hard);
        const outcome = await put(store, key, length, subject);
        equal(typeof outcome !== "string", refused, where);
      }
      deepEqual(toldUsages(store), countedUsages(store), where);
    }
  }
});
