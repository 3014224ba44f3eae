/**
 * Power cuts: at every write and flush of small workloads, with every fate of what was not flushed,
 * and at places and with fates by chance for large ones.
 *
 * @module
 */

import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { type DiskFaults, type Fate, LossyDisk } from "@tests/fakes/lossy_disk.ts";
import { choices } from "@tests/fakes/random.ts";
import {
  ABOUT,
  bytesOf,
  countedUsages,
  formattedImage,
  recordKey,
  risingRandom,
  storeOn,
  textAt,
  toldUsages,
} from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { openStore } from "./open_store.ts";
import type { Store } from "./store.ts";

/** What a key may hold after a cut: what was acknowledged, or what was asked for since. */
class Expected {
  readonly #may = new Map<string, Set<string>>();
  /** Keys that change together or not at all. */
  readonly groups: { readonly keys: readonly string[]; readonly texts: readonly string[] }[] = [];
  sequence = 0n;

  ask(key: string, text: string): void {
    const may = this.#may.get(key) ?? new Set(["not_found"]);
    this.#may.set(key, may.add(text));
  }

  acknowledge(key: string, text: string): void {
    this.#may.set(key, new Set([text]));
  }

  check(store: Store, where: string): void {
    for (const [key, may] of this.#may) {
      const text = textAt(store, key);
      ok(
        may.has(text),
        `${where}: ${key} holds ${text.slice(0, 20)}, not ${[...may].join(" or ")}`,
      );
    }
    for (const { keys, texts } of this.groups) {
      const changed = keys.filter((key, index) => textAt(store, key) === texts[index]);
      ok(changed.length === 0 || changed.length === keys.length, `${where}: half a transaction`);
    }
    ok(store.stats.sequence >= this.sequence, `${where}: the sequence fell`);
    deepEqual(toldUsages(store), countedUsages(store), `${where}: usage`);
  }
}

/** Steps of a workload; each ends when the store has answered. */
type Step = (store: Store, expected: Expected) => Promise<void>;

function put(key: string, text: string): Step {
  return async (store, expected) => {
    expected.ask(key, `=${text}`);
    if (await store.put(key, bytesOf(text), ABOUT) !== "ok") return;
    expected.acknowledge(key, `=${text}`);
    expected.sequence = store.stats.sequence;
  };
}

function remove(key: string): Step {
  return async (store, expected) => {
    expected.ask(key, "not_found");
    if (await store.delete(key) !== "ok") return;
    expected.acknowledge(key, "not_found");
    expected.sequence = store.stats.sequence;
  };
}

function together(...steps: readonly Step[]): Step {
  return async (store, expected) => {
    await Promise.all(steps.map((step) => step(store, expected)));
  };
}

function transaction(keys: readonly string[], text: string): Step {
  return async (store, expected) => {
    const begun = await store.begin(1n);
    if (begun.status !== "ok") return;
    for (const key of keys) {
      store.putChunk(begun.transaction, 1n, { key, chunk: bytesOf(text) });
      expected.ask(key, `=${text}`);
    }
    const group = { keys, texts: keys.map(() => `=${text}`) };
    expected.groups.push(group);
    const status = await store.commit(begun.transaction, 1n, ABOUT);
    expected.groups.splice(expected.groups.indexOf(group), status === "ok" ? 1 : 0);
    if (status === "ok") { for (const key of keys) expected.acknowledge(key, `=${text}`); }
  };
}

const compact: Step = async (store) => void await store.compact();

const [A, B, C] = ["/state/app/a/1", "/state/boot/b", "/state/app/c/1"];
const LONG = "l".repeat(1300);

const WORKLOADS: Readonly<Record<string, readonly Step[]>> = {
  "puts and overwrites": [put(A, "one"), put(A, "two"), put(B, LONG), put(A, LONG), put(A, "3")],
  "puts that share a flush": [together(put(A, LONG), put(B, LONG), put(C, "c")), put(A, "a")],
  "deletes": [put(A, "one"), put(B, "two"), remove(A), put(C, LONG), remove(B), remove(C)],
  "transactions": [
    put(A, "a"),
    transaction([A, B], "t"),
    transaction([A, C], LONG),
    together(transaction([A, C], "u"), put(B, "v")),
  ],
  "puts over an older generation": [
    ...Array.from({ length: 8 }, (_, index) => put([A, B][index & 1] ?? A, `${index}${LONG}`)),
    compact,
    compact,
    put(A, LONG),
    together(put(A, LONG), put(B, LONG)),
    put(C, "c"),
    put(B, LONG),
  ],
  "compaction": [
    put(A, LONG),
    put(B, "b"),
    remove(A),
    compact,
    put(C, LONG),
    compact,
    put(A, "a"),
    compact,
    remove(C),
  ],
};

/** Runs a workload until the power goes, or whatever else goes wrong. */
async function cutAt(
  image: Uint8Array,
  steps: readonly Step[],
  faults: number | DiskFaults,
): Promise<{ readonly disk: LossyDisk; readonly expected: Expected }> {
  const disk = new LossyDisk(image, typeof faults === "number" ? { cutAt: faults } : faults);
  const opened = await openStore({ disk, random: risingRandom(), recordKey: recordKey() });
  const expected = new Expected();
  if (opened.status !== "ok") return { disk, expected };
  for (const step of steps) await step(opened.store, expected);
  deepEqual(toldUsages(opened.store), countedUsages(opened.store), "usage where the cut was");
  return { disk, expected };
}

/** Blocks of which each subset is tried. */
const SUBSETS_MAX = 8;

/**
 * Fates of so many blocks: all of them when they are few, or each subset, lost or kept, and each block
 * torn; of many, each prefix, and each block alone.
 */
function fatesOf(count: number): Fate[][] {
  const kinds: readonly Fate[] = ["lost", "kept", "torn"];
  if (count <= 3) return combinations(kinds, count);
  const fates = count <= SUBSETS_MAX ? combinations(["lost", "kept"], count) : [];
  const of = (fate: (index: number) => Fate) => Array.from({ length: count }, (_, at) => fate(at));
  for (let cut = 0; cut <= count; cut++) {
    fates.push(of((index) => index < cut ? "kept" : "lost"));
    fates.push(of((index) => index === cut ? "kept" : "lost"));
    fates.push(of((index) => index === cut ? "torn" : "kept"));
    fates.push(of((index) => index === cut ? "torn" : "lost"));
    fates.push(of((index) => index === cut ? "lost" : "kept"));
  }
  return fates;
}

function combinations(kinds: readonly Fate[], count: number): Fate[][] {
  return Array.from({ length: kinds.length ** count }, (_, number) =>
    Array.from(
      { length: count },
      (_, index) => kinds[Math.floor(number / kinds.length ** index) % kinds.length] ?? "lost",
    ));
}

/** Opens what a cut left, checks it, and goes on with it. */
async function survives(image: Uint8Array, expected: Expected, where: string): Promise<void> {
  const disk = new LossyDisk(image);
  const first = await openStore({ disk, random: risingRandom(9_000), recordKey: recordKey() });
  ok(first.status === "ok", `${where}: ${first.status}`);
  expected.check(first.store, where);
  const before = first.store.stats.sequence;
  ok(await first.store.put("/state/app/new", bytesOf("new"), ABOUT) === "ok", where);
  ok(first.store.stats.sequence > before, `${where}: the sequence stays`);
  const { store } = await storeOn(disk.afterCut(() => "lost"));
  expected.check(store, `${where}, again`);
  ok(textAt(store, "/state/app/new") === "=new", `${where}: a write after the cut is lost`);
}

for (const [name, steps] of Object.entries(WORKLOADS)) {
  test(`a cut at any write of ${name} loses nothing that was acknowledged`, async () => {
    const image = await formattedImage(65);
    const { disk: whole } = await cutAt(image, steps, Infinity);
    ok(whole.operations > steps.length);
    for (let operation = 0; operation <= whole.operations; operation++) {
      const { disk, expected } = await cutAt(image, steps, operation);
      for (const fates of fatesOf(disk.unsyncedCount)) {
        const where = `operation ${operation}, ${fates.join(" ")}`;
        const tornAt = 1 + operation * 37 % 511;
        const left = disk.afterCut((index) => fates[index] ?? "lost", tornAt);
        await survives(left, expected, where);
      }
    }
  });
}

for (const [name, steps] of Object.entries(WORKLOADS)) {
  test(`a block of ${name} that is refused loses nothing that was acknowledged`, async () => {
    const image = await formattedImage(65);
    const { disk: whole } = await cutAt(image, steps, Infinity);
    for (let failAt = 1; failAt < whole.operations; failAt++) {
      for (const writesOn of [false, true]) {
        const { disk, expected } = await cutAt(image, steps, { failAt, writesOn });
        const where = `operation ${failAt}, ${writesOn ? "written on" : "not written on"}`;
        await survives(disk.image, expected, where);
        for (const fates of fatesOf(disk.unsyncedCount)) {
          const left = disk.afterCut((index) => fates[index] ?? "lost");
          await survives(left, expected, `${where}, ${fates.join(" ")}`);
        }
      }
    }
  });
}

test("a host without room for any block loses nothing that was acknowledged", async () => {
  const image = await formattedImage(65);
  for (const [name, steps] of Object.entries(WORKLOADS)) {
    for (let fullFrom = 1; fullFrom < 65; fullFrom++) {
      const { disk, expected } = await cutAt(image, steps, { fullFrom });
      await survives(disk.afterCut(() => "lost"), expected, `${name}, full from ${fullFrom}`);
      await survives(disk.image, expected, `${name}, full from ${fullFrom}`);
    }
  }
});

test("a cut while an image is formatted leaves one that opens", async () => {
  const blank = new Uint8Array(65 * 512);
  for (let operation = 0; operation < 6; operation++) {
    const { disk, expected } = await cutAt(blank, [], operation);
    for (const fates of fatesOf(disk.unsyncedCount)) {
      for (const tornAt of [1, 5, 12, 17, 60, 200, 300]) {
        const left = disk.afterCut((index) => fates[index] ?? "lost", tornAt);
        await survives(left, expected, `operation ${operation}, ${fates.join(" ")}, ${tornAt}`);
      }
    }
  }
});

/** A workload by chance. */
function chosenSteps(choose: (below: number) => number): Step[] {
  return Array.from({ length: 40 }, (_, index) => {
    const key = `/state/${choose(4) === 0 ? "boot" : "app"}/${choose(6)}`;
    const text = `${index}`.padEnd(choose(3) === 0 ? choose(3000) : 4, ".");
    const kind = choose(10);
    if (kind < 5) return put(key, text);
    if (kind < 7) return remove(key);
    if (kind < 8) return transaction([key, "/state/app/pair"], text);
    if (kind < 9) return together(put("/state/app/x", text), put("/state/app/y", text));
    return compact;
  });
}

test("cuts by chance in large workloads lose nothing that was acknowledged", async () => {
  const image = await formattedImage(257);
  const kinds: readonly Fate[] = ["lost", "kept", "torn"];
  for (let seed = 1; seed <= 60; seed++) {
    const choose = choices(seed);
    const steps = chosenSteps(choose);
    const { disk, expected } = await cutAt(image, steps, 10 + choose(150));
    for (let round = 0; round < 4; round++) {
      const left = disk.afterCut(() => kinds[choose(3)] ?? "lost", 1 + choose(511));
      await survives(left, expected, `seed ${seed}, round ${round}`);
    }
  }
});

test("a disk that lies about flushes is found out by a counter outside the image", async () => {
  const image = await formattedImage(65);
  const disk = new LossyDisk(image, { liesAboutFlush: true });
  const ports = { random: risingRandom(), recordKey: recordKey() };
  const opened = await openStore({ disk, ...ports });
  ok(opened.status === "ok");
  ok(await opened.store.put(A, bytesOf("v"), ABOUT) === "ok");
  const left = new LossyDisk(disk.afterCut(() => "lost"));
  const sequenceMin = opened.store.stats.sequence;
  const again = await openStore({ disk: left, ...ports, sequenceMin });
  ok(again.status === "rollback", again.status);
});
