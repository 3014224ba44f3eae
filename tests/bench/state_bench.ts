/**
 * The journal of `statefsd` over a disk file, against the bare file and SQLite, in one run.
 *
 *     deno run -A tests/bench/state_bench.ts [FOLDER]
 *
 * - a put of 256 bytes that is safe, against an overwrite and fdatasync of a file that is all there;
 * - 32 puts at once, against one at a time, also over many compactions;
 * - gets of 256 bytes, sealed, alone and during a compaction of 65,000 values;
 * - a replay of a journal of 64 MiB.
 *
 * Puts go turn by turn to each contender, so that all of them meet the same host.
 *
 * @module
 */

import { hostClock } from "@hw/host/clock.ts";
import { type DiskFile, openDiskFile } from "@hw/host/disk_file.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { assert } from "@runtime/core/assert.ts";
import { Secret } from "@runtime/core/secret.ts";
import type { JournalDisk } from "@services/statefsd/journal_disk.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import type { Store } from "@services/statefsd/store.ts";
import { cpuUsage } from "node:process";
import { DatabaseSync } from "node:sqlite";

const MIB = 1024 * 1024;
const ABOUT = { subject: "bench", purpose: "bench", timestamp: 1n };
const VALUE = crypto.getRandomValues(new Uint8Array(256));
const KEYS = 500;
const ROUNDS = 1500;
const ROUNDS_WARM = 200;
const MANY_KEYS = 65_000;
const JOURNAL_BYTES = 64 * MIB;
const TURNS = hostTurns(hostClock());
/** Transfers from here on are where others get their turn, as with a driver, which waits for its device. */
const LONG_TRANSFER = 32 * 1024;

function turn(): Promise<void> {
  return new Promise((resolve) => TURNS.later(resolve));
}

function journalDisk(file: DiskFile): JournalDisk {
  return {
    blockSize: 512,
    blockCount: file.sectorCount,
    async read(block, into) {
      if (into.length >= LONG_TRANSFER) await turn();
      return await file.read(block, into);
    },
    async write(block, bytes) {
      if (bytes.length >= LONG_TRANSFER) await turn();
      return await file.write(block, bytes);
    },
    flush: () => file.flush(),
  };
}

interface Opened {
  readonly file: DiskFile;
  readonly store: Store;
}

async function openAt(path: string, bytes: number): Promise<Opened> {
  const file = openDiskFile({ path, sectorCount: bytes / 512, id: "bench" });
  const opened = await openStore({
    disk: journalDisk(file),
    random: {
      draw: (length) => Promise.resolve(crypto.getRandomValues(new Uint8Array(length))),
    },
    recordKey: new Secret(new Uint8Array(32).fill(1)),
  });
  assert(opened.status === "ok", "the image opens");
  return { file, store: opened.store };
}

function keyAt(index: number): string {
  return `/state/app/bench/${index}`;
}

async function put(store: Store, index: number): Promise<void> {
  assert(await store.put(keyAt(index), VALUE, ABOUT) === "ok", "a put is safe");
}

/** Puts so many values, `width` of them at once. */
async function putMany(store: Store, count: number, width: number, keys: number): Promise<void> {
  for (let done = 0; done < count; done += width) {
    const puts = Array.from({ length: width }, (_, index) => put(store, (done + index) % keys));
    await Promise.all(puts);
  }
}

async function timedMs(work: () => Promise<void> | void): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** What this process took of the processors: it does not grow with what else they do. */
function cpuMs(): number {
  const { user, system } = cpuUsage();
  return (user + system) / 1000;
}

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >>> 1] ?? 0;
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

/** What does one durable write of a value, by the name that is printed. */
type Contenders = Readonly<Record<string, (round: number) => Promise<void> | void>>;

function bareFile(path: string): Contenders {
  Deno.writeFileSync(path, new Uint8Array(2 * MIB));
  const file = Deno.openSync(path, { read: true, write: true });
  file.syncSync();
  const overwrite = (round: number) => {
    file.seekSync(round % KEYS * 512, Deno.SeekMode.Start);
    file.writeSync(VALUE);
  };
  return {
    "file, waiting": (round) => {
      overwrite(round);
      file.syncDataSync();
    },
    "file, thread": async (round) => {
      overwrite(round);
      await file.syncData();
    },
  };
}

function sqlite(path: string): Contenders {
  const base = new DatabaseSync(path);
  base.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
  base.exec("CREATE TABLE state (key TEXT PRIMARY KEY, value BLOB) WITHOUT ROWID");
  const insert = base.prepare("INSERT OR REPLACE INTO state VALUES (?, ?)");
  return { sqlite: (round) => void insert.run(keyAt(round % KEYS), VALUE) };
}

/** A value at a time, each safe before the next. */
async function oneAtATime(folder: string): Promise<void> {
  const { file, store } = await openAt(`${folder}/one.img`, 2 * MIB);
  const contenders: Contenders = {
    statefs: (round) => put(store, round % KEYS),
    ...bareFile(`${folder}/bare`),
    ...sqlite(`${folder}/base.sqlite`),
  };
  const times = new Map(Object.keys(contenders).map((name) => [name, [] as number[]]));
  for (let round = 0; round < ROUNDS + ROUNDS_WARM; round++) {
    for (const [name, work] of Object.entries(contenders)) {
      const ms = await timedMs(() => work(round));
      if (round >= ROUNDS_WARM) times.get(name)?.push(ms);
    }
  }
  const own = times.get("statefs") ?? [];
  for (const [name, values] of times) {
    const rate = 1000 / median(values);
    const [middle, all] = [median(values) / median(own), mean(values) / mean(own)];
    console.log(
      `put and sync  ${name.padEnd(14)} ${rate.toFixed(0).padStart(6)} /s   statefs at ` +
        `${(100 * middle).toFixed(0)} % by median, ${(100 * all).toFixed(0)} % by mean`,
    );
  }
  console.log(`              compactions meanwhile: ${store.stats.generation - 1}`);
  await file.close();
}

async function manyAtOnce(folder: string): Promise<void> {
  const { file, store } = await openAt(`${folder}/many.img`, 2 * MIB);
  await putMany(store, 6400, 32, KEYS);
  const before = store.stats.generation;
  const rateOf = async (count: number, width: number) =>
    1000 * count / await timedMs(() => putMany(store, count, width, KEYS));
  const one: number[] = [];
  const many: number[] = [];
  for (let round = 0; round < 10; round++) {
    one.push(await rateOf(150, 1));
    many.push(await rateOf(3200, 32));
  }
  const [single, wide] = [median(one), median(many)];
  console.log(
    `puts          one at a time ${single.toFixed(0)} /s, 32 at once ${wide.toFixed(0)} /s: ` +
      `${(wide / single).toFixed(1)}x (bar 5x), over ${
        store.stats.generation - before
      } compactions`,
  );
  await file.close();
}

/** Makes a journal of 64 MiB: an open transaction keeps it from being compacted. */
async function fillJournal(path: string): Promise<void> {
  const { file, store } = await openAt(path, 129 * MIB);
  const begun = await store.begin(1n);
  assert(begun.status === "ok", "a transaction begins");
  for (let from = 0; store.stats.logBytes < JOURNAL_BYTES - 256 * 1024; from += 250) {
    const puts = Array.from({ length: 250 }, (_, index) => put(store, (from + index) % MANY_KEYS));
    await Promise.all(puts);
  }
  await file.close();
}

async function replayAndRead(folder: string): Promise<void> {
  const path = `${folder}/large.img`;
  await fillJournal(path);
  const times: string[] = [];
  for (let round = 0; round < 3; round++) {
    const [start, before] = [performance.now(), cpuMs()];
    const { file, store } = await openAt(path, 129 * MIB);
    const [ms, cpu] = [performance.now() - start, cpuMs() - before];
    times.push(`${ms.toFixed(0)} (${cpu.toFixed(0)} of a processor)`);
    assert(store.stats.keys >= MANY_KEYS, "the journal holds every value");
    await file.close();
  }
  console.log(`replay        64 MiB, ${MANY_KEYS} keys: ${times.join(", ")} ms (bar 1500)`);
  const { file, store } = await openAt(path, 129 * MIB);
  const count = 200_000;
  const ms = await timedMs(() => {
    for (let index = 0; index < count; index++) store.get(keyAt(index % MANY_KEYS));
  });
  console.log(`get           ${(1000 * count / ms).toFixed(0)} /s (bar 100000)`);
  await readDuringCompaction(store);
  await file.close();
}

async function readDuringCompaction(store: Store): Promise<void> {
  const start = performance.now();
  let running = true;
  const compaction = store.compact().finally(() => running = false);
  let [gets, longest, last] = [0, 0, start];
  while (running) {
    for (let index = 0; index < 10; index++) {
      assert(store.get(keyAt(gets++ % MANY_KEYS)).status === "ok", "a get succeeds");
    }
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
    await turn();
  }
  assert(await compaction === "ok", "a compaction succeeds");
  console.log(
    `compaction    ${MANY_KEYS} values in ${
      (last - start).toFixed(0)
    } ms, ${gets} gets meanwhile, ` +
      `the longest pause between gets ${longest.toFixed(1)} ms`,
  );
}

if (import.meta.main) {
  const folder = Deno.makeTempDirSync({ dir: Deno.args[0] ?? "/tmp", prefix: "nx-state-bench-" });
  await oneAtATime(folder);
  await manyAtOnce(folder);
  await replayAndRead(folder);
  Deno.removeSync(folder, { recursive: true });
}
