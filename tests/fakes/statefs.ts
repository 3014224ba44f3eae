import { Secret } from "@runtime/core/secret.ts";
import type { OpenedStore, StorePorts } from "@services/statefsd/open_store.ts";
import { openStore } from "@services/statefsd/open_store.ts";
import type { Store } from "@services/statefsd/store.ts";
import { ok } from "./assert.ts";
import { type DiskFaults, LossyDisk } from "./lossy_disk.ts";

/** Who writes, in tests where nobody asks. */
export const ABOUT = { subject: "vfsd", purpose: "test", timestamp: 5n };

const UTF8 = new TextEncoder();

/** Random bytes that differ each time, and are the same in each run. */
export function risingRandom(first = 1): StorePorts["random"] {
  let next = first;
  return {
    draw: (length) => {
      const bytes = new Uint8Array(length);
      for (let index = 0; index < length; index++) bytes[index] = (next * 31 + index * 7) & 0xff;
      new DataView(bytes.buffer).setUint32(0, next++);
      return Promise.resolve(bytes);
    },
  };
}

export function recordKey(byte = 9): Secret {
  return new Secret(new Uint8Array(32).fill(byte));
}

/** A disk and the store on it. */
export interface Opened {
  readonly disk: LossyDisk;
  readonly result: OpenedStore;
}

/** Opens an image; what goes wrong is counted from here. */
export async function opened(
  image: Uint8Array,
  faults: DiskFaults = {},
  ports: Partial<StorePorts> = {},
): Promise<Opened> {
  const disk = new LossyDisk(image, faults);
  const key = recordKey();
  const random = risingRandom(1 + image.length);
  return { disk, result: await openStore({ disk, random, recordKey: key, ...ports }) };
}

/** The store of an image that must open. */
export async function storeOn(
  image: Uint8Array,
  faults: DiskFaults = {},
  ports: Partial<StorePorts> = {},
): Promise<{ readonly disk: LossyDisk; readonly store: Store }> {
  const { disk, result } = await opened(image, faults, ports);
  ok(result.status === "ok", result.status);
  return { disk, store: result.store };
}

/** An image that was formatted and nothing else. */
export async function formattedImage(blockCount: number): Promise<Uint8Array> {
  return (await storeOn(new Uint8Array(blockCount * 512))).disk.image;
}

export function bytesOf(text: string): Uint8Array {
  return UTF8.encode(text);
}

/** A value as text, or why there is none. */
export function textAt(store: Store, key: string): string {
  const result = store.get(key);
  return result.status === "ok" ? `=${new TextDecoder().decode(result.payload)}` : result.status;
}

/** Bytes that each owner takes, counted anew from what the store gives out. */
export function countedUsages(store: Store): ReadonlyMap<string, number> {
  const used = new Map<string, number>();
  for (const path of store.list({ prefix: "/", after: "", countMax: Infinity }, () => true)) {
    const value = store.get(path);
    if (value.status !== "ok") continue;
    const sealed = path.startsWith("/state/boot/") ? 0 : 48;
    const texts = UTF8.encode(path + value.subject + value.purpose).length;
    const bytes = 15 + 28 + sealed + texts + value.payload.length;
    const [, root, app, rest] = path.slice(1).split("/");
    const owners = [`subject:${value.subject}`];
    if (rest !== undefined && ["app", "apps", "keystore"].includes(root ?? "")) {
      owners.push(`app:${app}`);
    }
    for (const owner of owners) used.set(owner, (used.get(owner) ?? 0) + bytes);
  }
  return new Map([...used].sort(([left], [right]) => left < right ? -1 : 1));
}

/** Bytes that each owner takes, as the store says. */
export function toldUsages(store: Store): ReadonlyMap<string, number> {
  const taking = store.usages().filter(({ used }) => used > 0);
  return new Map(taking.map(({ owner, used }) => [owner, used]));
}
