/**
 * What a disk, or a person, may do to a state directory, and what is said of it.
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { encodeRecord, type StateRecord } from "@services/statefsd/record.ts";
import { decodeSuperblock, encodeSuperblock, regionOf } from "@services/statefsd/superblock.ts";
import { recordAt } from "@services/statefsd/walk.ts";

const BLOCK = 512;
export const IMAGE = "state.img";
export const KEY = "record.key";
export const FACTS = "state.json";
const DEVICE_KEY = "/state/keystore/device.signing";
const DEVICE_PUBLIC = "/state/keystore/device.public";
/** A directory that is damaged, and what there is to damage it with. */
export interface Damaged {
  /** The directory, a copy of its own. */
  readonly at: string;
  /** The image as `nx init` made it. */
  readonly first: Uint8Array;
  /** The image as it was one boot before. */
  readonly earlier: Uint8Array;
  /** Another device's directory. */
  readonly other: string;
}

/** One damage, and what is said of it. */
export interface Row {
  readonly what: string;
  readonly damage: (damaged: Damaged) => void;
  /** Exit code and verdict of `nx fsck`. */
  readonly fsck: string;
  /** Exit code and last word of `nx up`. */
  readonly up: string;
}

interface Placed {
  readonly record: StateRecord;
  /** Offsets in the image: where it begins and ends. */
  readonly start: number;
  readonly end: number;
}

/** The log of an image. */
function logOf(image: Uint8Array): readonly Placed[] {
  const { active } = decodeSuperblock(image);
  const { firstBlock } = regionOf(active, image.length / BLOCK);
  const placed: Placed[] = [];
  let at = firstBlock * BLOCK;
  for (;;) {
    const found = recordAt(image, at);
    if (typeof found === "string") return placed;
    placed.push({ record: found.record, start: at, end: found.next });
    at = found.next;
  }
}

/** The first record behind the snapshot, with others behind it. */
function firstWrite(image: Uint8Array): Placed {
  const log = logOf(image);
  const found = log[log.findIndex(({ record }) => record.op === "sync") + 1];
  assert(found !== undefined, "the node has written behind its snapshot");
  return found;
}

function putOf(image: Uint8Array, key: string): Extract<StateRecord, { readonly op: "put" }> {
  for (const { record } of logOf(image).toReversed()) {
    if (record.op === "put" && record.key === key) return record;
  }
  throw new Error(`the image has no ${key}`);
}

function onImage(
  change: (image: Uint8Array, damaged: Damaged) => Uint8Array | void,
): Row["damage"] {
  return (damaged) => {
    const path = `${damaged.at}/${IMAGE}`;
    const image = Deno.readFileSync(path);
    Deno.writeFileSync(path, change(image, damaged) ?? image);
  };
}

function onFile(name: string, change: (text: string) => string): Row["damage"] {
  return ({ at }) => {
    const path = `${at}/${name}`;
    Deno.writeTextFileSync(path, change(Deno.readTextFileSync(path)));
  };
}

function flip(image: Uint8Array, offset: number): void {
  image[offset] = (image[offset] ?? 0) ^ 1;
}

/** Appends records with right checksums, as whoever can write the file would. */
function append(image: Uint8Array, ...records: readonly StateRecord[]): void {
  const end = logOf(image).at(-1)?.end ?? 0;
  image.set(concatBytes(...[...records, { op: "sync" } as const].map(encodeRecord)), end);
}

/** Puts a record in the place of the last one but SYNC, and SYNC behind it. */
function replaceLast(image: Uint8Array, record: StateRecord): void {
  const log = logOf(image);
  const last = log.findLast(({ record: { op } }) => op === "put");
  assert(last !== undefined, "the node has put something");
  image.fill(0, last.start, log.at(-1)?.end);
  image.set(concatBytes(...[record, { op: "sync" } as const].map(encodeRecord)), last.start);
}

export const BOOTS = "0, boots as the same device";
const CLEAN = "0 clean";
const FOREIGN = "2 beyond repair: it is another image than its directory was made with";
const LENGTH =
  "2 beyond repair: it has another length than it was made with; put it back from a copy";
const RESIZED = "1 DIR holds an image of another length than it was made with";
const UNDELETED = "2 beyond repair: 1 values were deleted without the key, see above";
const DAMAGED = "2 beyond repair: no log is to be found, or valid records follow a damage";
const REFUSED = "1 Cannot boot statefsd: daemon_faulted (state_damaged)";

export const ROWS: readonly Row[] = [
  { what: "nothing", damage() {}, fsck: CLEAN, up: BOOTS },
  {
    what: "one bit of the superblock",
    damage: onImage((image) => flip(image, 8)),
    fsck: "0 clean, 1 to mend",
    up: BOOTS,
  },
  {
    what: "a superblock with a right checksum that names the other region",
    damage: onImage((image) => {
      const block = decodeSuperblock(image);
      image.set(encodeSuperblock({ ...block, active: block.active === "a" ? "b" : "a" }), 0);
    }),
    fsck: DAMAGED,
    up: REFUSED,
  },
  {
    what: "one bit of a value of the snapshot",
    damage: onImage((image) => flip(image, (logOf(image)[1]?.end ?? 0) - 20)),
    fsck: DAMAGED,
    up: REFUSED,
  },
  {
    what: "one bit of a record's header",
    damage: onImage((image) => flip(image, firstWrite(image).start + 7)),
    fsck: DAMAGED,
    up: REFUSED,
  },
  {
    what: "one bit of a value",
    damage: onImage((image) => flip(image, firstWrite(image).end - 20)),
    fsck: DAMAGED,
    up: REFUSED,
  },
  {
    what: "one bit of the last SYNC",
    damage: onImage((image) => flip(image, (logOf(image).at(-1)?.start ?? 0) + 4)),
    fsck: "0 clean, 3 to mend",
    up: BOOTS,
  },
  {
    what: "one bit of the device key's value, its checksum made right",
    damage: onImage((image) => {
      const record = putOf(image, DEVICE_KEY);
      const value = record.value.slice();
      flip(value, 60);
      append(image, { ...record, value });
    }),
    fsck: "2 beyond repair: 1 values do not open, see above, 1 forged",
    up: "1 Cannot boot keystored: daemon_faulted (device_key_unreadable_integrity)",
  },
  {
    what: "the device key's value under another name",
    damage: onImage((image) => {
      append(image, { ...putOf(image, DEVICE_PUBLIC), value: putOf(image, DEVICE_KEY).value });
    }),
    fsck: "2 beyond repair: 1 values do not open, see above, 1 forged",
    up: BOOTS,
  },
  {
    what: "the device key's value of another device",
    damage: onImage((image, { other }) => {
      append(image, putOf(Deno.readFileSync(`${other}/${IMAGE}`), DEVICE_KEY));
    }),
    fsck: "2 beyond repair: 1 values do not open, see above, 1 forged",
    up: "1 Cannot boot keystored: daemon_faulted (device_key_unreadable_integrity)",
  },
  {
    what: "a value written once more, as it was",
    damage: onImage((image) => append(image, putOf(image, DEVICE_KEY))),
    fsck: "2 beyond repair: 1 values do not open, see above, 1 older",
    up: "1 Cannot boot keystored: daemon_faulted (device_key_unreadable_rollback)",
  },
  {
    what: "a DELETE of the device key, appended without the key",
    damage: onImage((image) => append(image, { op: "delete", key: DEVICE_KEY })),
    fsck: UNDELETED,
    up: "1 Cannot boot keystored: daemon_faulted (device_key_unreadable_integrity)",
  },
  {
    what: "a DELETE of another value, appended without the key",
    damage: onImage((image) => append(image, { op: "delete", key: DEVICE_PUBLIC })),
    fsck: UNDELETED,
    up: BOOTS,
  },
  {
    what: "a DELETE of the device key in the place of a value",
    damage: onImage((image) => replaceLast(image, { op: "delete", key: DEVICE_KEY })),
    fsck: UNDELETED,
    up: "1 Cannot boot keystored: daemon_faulted (device_key_unreadable_integrity)",
  },
  {
    what: "the image as `nx init` left it",
    damage: onImage((_, { first }) => first),
    fsck: "2 beyond repair: it is older than it was seen to be; put the newer one back",
    up: "1 Cannot boot statefsd: daemon_faulted (state_rollback)",
  },
  {
    what: "the image of two boots before",
    damage: onImage((_, { earlier }) => earlier),
    fsck: "2 beyond repair: it is older than it was seen to be; put the newer one back",
    up: "1 Cannot boot statefsd: daemon_faulted (state_rollback)",
  },
  {
    what: "the image of another device",
    damage: onImage((_, { other }) => Deno.readFileSync(`${other}/${IMAGE}`)),
    fsck: FOREIGN,
    up: "1 Cannot boot statefsd: daemon_faulted (state_foreign)",
  },
  {
    what: "an image of zeros",
    damage: onImage((image) => void image.fill(0)),
    fsck: FOREIGN,
    up: "1 Cannot boot statefsd: daemon_faulted (state_rollback)",
  },
  {
    what: "an image of ones",
    damage: onImage((image) => void image.fill(255)),
    fsck: DAMAGED,
    up: REFUSED,
  },
  {
    what: "an image cut to half",
    damage: onImage((image) => image.slice(0, image.length / 2)),
    fsck: LENGTH,
    up: RESIZED,
  },
  {
    what: "an image that ends inside a sector",
    damage: onImage((image) => image.slice(0, -1)),
    fsck: "2 DIR/state.img is no image: its length is no whole number of sectors",
    up: "1 DIR/state.img is no image: its length is no whole number of sectors",
  },
  {
    what: "an image with a sector more",
    damage: onImage((image) => concatBytes(image, new Uint8Array(BLOCK))),
    fsck: LENGTH,
    up: RESIZED,
  },
  {
    what: "no image",
    damage: ({ at }) => Deno.removeSync(`${at}/${IMAGE}`),
    fsck: "2 DIR has lost its image",
    up: "1 DIR has lost its image",
  },
  {
    what: "an image that others may read",
    damage: ({ at }) => Deno.chmodSync(`${at}/${IMAGE}`, 0o644),
    fsck: "2 DIR/state.img can be opened by others or belongs to another user",
    up: "1 DIR/state.img can be opened by others or belongs to another user",
  },
  {
    what: "no key file",
    damage: ({ at }) => Deno.removeSync(`${at}/${KEY}`),
    fsck: "2 beyond repair: the key is gone",
    up: "1 DIR has lost its key, and without it its values are lost",
  },
  {
    what: "the key file of another device",
    damage: ({ at, other }) => Deno.copyFileSync(`${other}/${KEY}`, `${at}/${KEY}`),
    fsck: "2 DIR is under another key or passphrase than this one",
    up: "1 DIR is under another key or passphrase than this one",
  },
  {
    what: "half a key file",
    damage: onFile(KEY, (text) => text.slice(32)),
    fsck: "2 DIR holds a key file that is none",
    up: "1 DIR holds a key file that is none",
  },
  {
    what: "a key file that others may read",
    damage: ({ at }) => Deno.chmodSync(`${at}/${KEY}`, 0o644),
    fsck: "2 DIR/record.key can be opened by others or belongs to another user",
    up: "1 DIR/record.key can be opened by others or belongs to another user",
  },
  {
    what: "no state.json",
    damage: ({ at }) => Deno.removeSync(`${at}/${FACTS}`),
    fsck: "2 DIR has an image and no state.json",
    up: "1 DIR has an image and no state.json",
  },
  {
    what: "a state.json with a blank more",
    damage: onFile(FACTS, (text) => ` ${text}`),
    fsck: "2 DIR holds a state.json that this version does not read",
    up: "1 DIR holds a state.json that this version does not read",
  },
  {
    what: "a state.json with another check",
    damage: onFile(FACTS, (text) => text.replace(/"check": "\w+"/, `"check": "${"0".repeat(32)}"`)),
    fsck: "2 DIR is under another key or passphrase than this one",
    up: "1 DIR is under another key or passphrase than this one",
  },
  {
    what: "a state.json with another image id",
    damage: onFile(
      FACTS,
      (text) => text.replace(/"imageId": "\w+"/, `"imageId": "${"0".repeat(32)}"`),
    ),
    fsck: FOREIGN,
    up: "1 Cannot boot statefsd: daemon_faulted (state_foreign)",
  },
  {
    what: "a state.json with a bit of keystored's key turned",
    damage: onFile(
      FACTS,
      (text) =>
        text.replace(
          /"keystore": "(.)/,
          (all, digit) => all.slice(0, -1) + (digit === "0" ? "1" : "0"),
        ),
    ),
    fsck:
      "2 beyond repair: keystored's own key in state.json is damaged; put state.json back from " +
      "a copy",
    up: "1 DIR holds a state.json in which keystored's own key is damaged",
  },
  {
    what: "a state.json that says that nothing was made yet",
    damage: onFile(FACTS, (text) => text.replace(/"imageId": "\w+"/, '"imageId": null')),
    fsck: CLEAN,
    up: "1 DIR was begun with another --size and not completed",
  },
  {
    what: "the directory open to others",
    damage: ({ at }) => Deno.chmodSync(at, 0o755),
    fsck: "2 DIR can be opened by others or belongs to another user",
    up: "1 DIR can be opened by others or belongs to another user",
  },
];
