/**
 * A store's guards, tried on an image in memory: what a caller cannot do to the image in use.
 *
 * @module
 */

import { concatBytes, indexOfBytes } from "@runtime/core/bytes.ts";
import { Secret } from "@runtime/core/secret.ts";
import type { Provenance } from "./envelope.ts";
import { BLOCK_SIZE } from "./limits.ts";
import { MemoryDisk } from "./memory_disk.ts";
import { openStore } from "./open_store.ts";
import type { RandomSource } from "./random_source.ts";
import { encodeRecord, type StateRecord } from "./record.ts";
import type { Store } from "./store.ts";
import { walkLog } from "./walk.ts";

const BLOCK_COUNT = 65;
const KEY_LENGTH = 32;
const PATH = "/state/selftest/secure/value";
const ABOUT: Provenance = { subject: "statefsd", purpose: "self-check", timestamp: 0n };
const UTF8 = new TextEncoder();
const EARLIER = UTF8.encode("statefsd self-check: the value before");
const LATER = UTF8.encode("statefsd self-check: the value now at");

/** How many attempts each guard withstood. */
export interface SelfCheck {
  /** Values whose plaintext is nowhere in the image. */
  readonly sealed: number;
  /** Bytes of a stored value that were changed, each found. */
  readonly tampered: number;
  /** Earlier values that were put back, each found. */
  readonly rolledBack: number;
  /** Cuts of the log inside a transaction, of which none showed half of it. */
  readonly cuts: number;
}

/** Runs every attempt. @returns `undefined` when a guard let one through. */
export async function selfCheck(random: RandomSource): Promise<SelfCheck | undefined> {
  const drawn = await random.draw(KEY_LENGTH);
  if (drawn === undefined) return undefined;
  const scratch = new Scratch(random, new Secret(drawn));
  try {
    return await scratch.check();
  } finally {
    scratch.wipe();
  }
}

class Scratch {
  readonly #random: RandomSource;
  readonly #key: Secret;

  constructor(random: RandomSource, key: Secret) {
    this.#random = random;
    this.#key = key;
  }

  wipe(): void {
    this.#key.wipe();
  }

  async check(): Promise<SelfCheck | undefined> {
    const disk = new MemoryDisk(new Uint8Array(BLOCK_COUNT * BLOCK_SIZE));
    const store = await this.#open(disk);
    for (const value of [EARLIER, LATER]) {
      if (await store?.put(PATH, value, ABOUT) !== "ok") return undefined;
    }
    const { image } = disk;
    const sealed = [EARLIER, LATER].filter((value) => indexOfBytes(image, value) < 0).length;
    const tampered = await this.#tampered(image);
    const rolledBack = await this.#rolledBack(image);
    const cuts = await this.#cuts(image);
    const held = sealed === 2 && tampered !== undefined && rolledBack && cuts !== undefined;
    return held ? { sealed, tampered, rolledBack: 1, cuts } : undefined;
  }

  /** Changes each byte of the stored value in turn; its record stays whole. */
  async #tampered(image: Uint8Array): Promise<number | undefined> {
    const [record] = putsOf(image).slice(-1);
    if (record === undefined) return undefined;
    for (let at = 0; at < record.value.length; at++) {
      const value = record.value.slice();
      value[at] = (value[at] ?? 0) ^ 0x80;
      const changed = replaced(image, [record], [{ ...record, value }]);
      const found = (await this.#open(new MemoryDisk(changed)))?.get(PATH);
      if (found?.status === "ok" || found?.status === "not_found") return undefined;
    }
    return record.value.length;
  }

  /** Puts the earlier value behind the later one. */
  async #rolledBack(image: Uint8Array): Promise<boolean> {
    const puts = putsOf(image);
    const changed = replaced(image, puts, puts.toReversed());
    return (await this.#open(new MemoryDisk(changed)))?.get(PATH).status === "rollback";
  }

  /** Loses power before each write of a transaction of two values. */
  async #cuts(image: Uint8Array): Promise<number | undefined> {
    for (let writes = 0;; writes++) {
      const disk = new MemoryDisk(image.slice(), writes);
      const whole = await commitTwo(await this.#open(disk));
      const store = await this.#open(new MemoryDisk(disk.image));
      const [a, b] = [store?.get(`${PATH}.a`).status, store?.get(`${PATH}.b`).status];
      if (a !== b || a === undefined || whole && a !== "ok") return undefined;
      if (whole) return writes;
    }
  }

  async #open(disk: MemoryDisk): Promise<Store | undefined> {
    const opened = await openStore({ disk, random: this.#random, recordKey: this.#key });
    return opened.status === "ok" ? opened.store : undefined;
  }
}

type Put = Extract<StateRecord, { readonly op: "put" }>;

/** Records of the checked value, oldest first. The log begins behind block 0. */
function putsOf(image: Uint8Array): readonly Put[] {
  const { records } = walkLog(image.subarray(BLOCK_SIZE));
  return records.flatMap((record) => record.op === "put" && record.key === PATH ? [record] : []);
}

/** The image with records in the place of others that are as long. */
function replaced(
  image: Uint8Array,
  before: readonly Put[],
  after: readonly Put[],
): Uint8Array {
  const changed = image.slice();
  for (const [index, record] of before.entries()) {
    const at = indexOfBytes(image, encodeRecord(record));
    const other = after[index];
    if (at >= 0 && other !== undefined) changed.set(encodeRecord(other), at);
  }
  return changed;
}

/** @returns Whether the transaction was answered as kept. */
async function commitTwo(store: Store | undefined): Promise<boolean> {
  const begun = await store?.begin(1n);
  if (store === undefined || begun?.status !== "ok") return false;
  for (const name of ["a", "b"]) {
    const chunk = { key: `${PATH}.${name}`, chunk: concatBytes(LATER, UTF8.encode(name)) };
    if (store.putChunk(begun.transaction, 1n, chunk) !== "ok") return false;
  }
  return await store.commit(begun.transaction, 1n, ABOUT) === "ok";
}
