/**
 * An image of upstream's, from a disk to its values.
 *
 * @module
 */

import { DEVICE_PUBLIC_PATH } from "../../keystored/protocol.ts";
import { type Envelope, envelopeLength } from "../envelope.ts";
import type { FirstValue } from "../format_image.ts";
import type { JournalDisk } from "../journal_disk.ts";
import { INDEX_BYTES_MAX, STORED_LENGTH_MAX } from "../limits.ts";
import { type LocatedLog, locateLog } from "../locate.ts";
import { IMAGE_ID_PATH, pathFault, sortedPaths } from "../path.ts";
import { SEAL_OVERHEAD } from "../sealed.ts";
import { upstreamKeys } from "./upstream_keys.ts";
import { UpstreamState } from "./upstream_replay.ts";
import {
  openUpstream,
  type Unreadable,
  UPSTREAM_DEVICE_KEY_PATH,
  UPSTREAM_SALT_PATH,
  upstreamSalt,
  type UpstreamSecrets,
  upstreamSeed,
} from "./upstream_values.ts";

/** Values here are a node's own, or were upstream's own. */
const OWN = ["/state/statefsd/", "/state/log/"] as const;

/** Why a value is not taken although nothing is wrong with it. */
export type NotTaken = "device_key" | "own";

/** Why a value cannot be taken. `bad_name` and `too_long`: it may not be, here. */
export type Untakable = Unreadable | "bad_name" | "too_long";

/** A value that is not among those that are taken. */
export interface LeftOut {
  readonly path: string;
  readonly reason: NotTaken | Untakable;
}

/** What an image of upstream's holds. */
export interface UpstreamImage {
  readonly status: "ok";
  readonly layout: "legacy" | "regions";
  /** `damaged`: records follow that are not read. */
  readonly tail: "clean" | "torn" | "damaged";
  readonly records: number;
  /** Transactions without an end; nothing of them is among the values. */
  readonly orphans: number;
  /** Records of transactions that did not begin, or exceeded a cap. */
  readonly ignored: number;
  readonly values: readonly FirstValue[];
  readonly leftOut: readonly LeftOut[];
  /** Overwrites what was read, the device key's seed in it. */
  wipe(): void;
}

/** Why there is nothing to take. `ours`: the image is one that this program made. */
export type UpstreamFault = "blank" | "damaged" | "io_error" | "ours" | "too_large";

/** Reads an image of upstream's first layout, or of its second. Nothing is written. */
export async function readUpstream(
  disk: JournalDisk,
): Promise<UpstreamImage | { readonly status: UpstreamFault }> {
  const located = await locateLog(disk);
  if (located.status !== "ok") return located;
  const { walked } = located.log;
  const read = imageOf(located.log);
  if (typeof read !== "string") return read;
  walked.log.fill(0);
  return { status: read };
}

function imageOf({ walked, active }: LocatedLog): UpstreamImage | UpstreamFault {
  const { records, tail, log } = walked;
  if (records.some((record) => record.op === "put" && record.key === IMAGE_ID_PATH)) return "ours";
  if (tail === "endless") return "too_large";
  const state = new UpstreamState();
  for (const record of records) state.apply(record);
  if (!state.complete || state.values.liveBytes > INDEX_BYTES_MAX) return "too_large";
  const { values, leftOut } = judged(state);
  const wipe = () => {
    for (const { payload } of values) payload.fill(0);
    log.fill(0);
  };
  const { ignored, transactions: { count: orphans } } = state;
  const layout = active === undefined ? "legacy" : "regions";
  const found = { layout, tail, records: records.length, orphans, ignored } as const;
  return { status: "ok", ...found, values, leftOut, wipe };
}

/** Each live value, judged under the keys that the image holds itself. */
function judged(state: UpstreamState): Pick<UpstreamImage, "values" | "leftOut"> {
  const secrets = secretsOf(state);
  try {
    const values: FirstValue[] = [];
    const leftOut: LeftOut[] = [];
    for (const path of sortedPaths(state.values.paths())) {
      const value = valueAt(state, path, secrets);
      if (typeof value === "string") leftOut.push({ path, reason: value });
      else values.push(value);
    }
    return { values, leftOut };
  } finally {
    secrets.keys?.wipe();
  }
}

function secretsOf({ values }: UpstreamState): UpstreamSecrets {
  const seedValue = values.get(UPSTREAM_DEVICE_KEY_PATH)?.stored;
  const saltValue = values.get(UPSTREAM_SALT_PATH)?.stored;
  const salt = saltValue && upstreamSalt(saltValue);
  const seed = seedValue && upstreamSeed(seedValue);
  try {
    return { salt, keys: seed && upstreamKeys(seed) };
  } finally {
    seed?.wipe();
  }
}

function valueAt(
  state: UpstreamState,
  path: string,
  secrets: UpstreamSecrets,
): FirstValue | LeftOut["reason"] {
  if (path === UPSTREAM_DEVICE_KEY_PATH) return "device_key";
  if (path === DEVICE_PUBLIC_PATH || OWN.some((prefix) => path.startsWith(prefix))) return "own";
  if (pathFault(path) !== undefined) return "bad_name";
  if (state.rolledBack(path)) return "rolled_back";
  const stored = state.values.get(path)?.stored ?? new Uint8Array(0);
  const value = openUpstream(path, stored, secrets);
  if (typeof value === "string") return value;
  const { subject, purpose, timestamp, payload } = value;
  const taken = { path, subject, purpose, timestamp, payload };
  return storedLength(taken) > STORED_LENGTH_MAX ? "too_long" : taken;
}

/** Most bytes of a value as it will be stored. */
export function storedLength(value: Omit<Envelope, "sequence">): number {
  return envelopeLength({ ...value, sequence: 0n }) + SEAL_OVERHEAD;
}
