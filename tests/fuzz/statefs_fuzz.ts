import { Secret } from "@runtime/core/secret.ts";
import { readUpstream } from "@services/statefsd/client/upstream_image.ts";
import { decodeEnvelope, encodeEnvelope } from "@services/statefsd/envelope.ts";
import { checkImage } from "@services/statefsd/fsck.ts";
import { decodeImageId } from "@services/statefsd/image_id.ts";
import { MemoryDisk } from "@services/statefsd/memory_disk.ts";
import { pathFault } from "@services/statefsd/path.ts";
import { decodeQuotaLimits, encodeQuotaLimits } from "@services/statefsd/quota_limits.ts";
import { encodeRecord, type StateRecord } from "@services/statefsd/record.ts";
import { replay } from "@services/statefsd/replay.ts";
import { openLegacyValue, openValue } from "@services/statefsd/sealed.ts";
import { decodeSequenceMark } from "@services/statefsd/sequence_mark.ts";
import { decodeSuperblock, encodeSuperblock } from "@services/statefsd/superblock.ts";
import { walkLog } from "@services/statefsd/walk.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";
import { parsedOrRefused } from "./refusal.ts";

/** A journal of any bytes: records come out as they went in, and nothing else is taken for one. */
export const name = "statefs";

const KEY = new Secret(new Uint8Array(32));
const SALT = new Uint8Array(12);
const RECORDS_MAX = 12;

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const records = Array.from({ length: choices.below(RECORDS_MAX) }, () => chosenRecord(choices));
  const log = concatBytes(...records.map(encodeRecord));
  const walked = walkLog(concatBytes(log, new Uint8Array(choices.below(600))));
  deepEqual(walked.records.map(encodeRecord), records.map(encodeRecord));
  deepEqual([walked.end, walked.tail], [log.length, "clean"]);
  judged(choices.damaged(log), records.length);
  await replayImage(choices, log);
}

export { corpusCase as replay };

function corpusCase(bytes: Uint8Array): void {
  judged(bytes, Infinity);
}

/** Whatever the bytes are, each decoder gives a value or refuses. */
function judged(bytes: Uint8Array, countMax: number): void {
  const walked = walkLog(bytes);
  ok(walked.end <= bytes.length && walked.records.length <= countMax);
  deepEqual(concatBytes(...walked.records.map(encodeRecord)), bytes.slice(0, walked.end));
  replay(walked.records);
  const envelope = parsedOrRefused(bytes, decodeEnvelope);
  if (envelope !== undefined && envelope.mac === undefined) {
    deepEqual(encodeEnvelope(envelope), bytes.slice());
  }
  parsedOrRefused(bytes, decodeSuperblock);
  parsedOrRefused(bytes, decodeImageId);
  parsedOrRefused(bytes, decodeSequenceMark);
  const limits = parsedOrRefused(bytes, decodeQuotaLimits);
  if (limits !== undefined) deepEqual(encodeQuotaLimits(limits), bytes.slice());
  const path = "/state/app/a";
  parsedOrRefused(bytes, (stored) => openValue(stored, { key: KEY, path }));
  parsedOrRefused(bytes, (stored) => openLegacyValue(stored, { key: KEY, salt: SALT, path }));
}

/** A whole image, damaged: it is judged, whatever it is. */
async function replayImage(choices: Choices, log: Uint8Array): Promise<void> {
  const image = new Uint8Array(512 * choices.between(1, 80));
  if (512 + log.length > image.length) return;
  const checkpoint = encodeRecord({ op: "checkpoint", generation: 1, entries: 0 });
  image.set(encodeSuperblock({ active: "a", generation: 1, entries: 0 }));
  image.set(concatBytes(checkpoint, log).subarray(0, image.length - 512), 512);
  const damaged = choices.damaged(image);
  const { exitCode } = await checkImage(damaged, KEY);
  ok(exitCode <= 2);
  await readAsUpstream(damaged);
  await readAsUpstream(choices.damaged(concatBytes(log, new Uint8Array(1024 - log.length % 512))));
}

/** Each value of a log is taken or left out, and what is taken may be here. */
async function readAsUpstream(image: Uint8Array): Promise<void> {
  const found = await readUpstream(new MemoryDisk(image));
  if (found.status !== "ok") return;
  for (const { path } of found.values) deepEqual(pathFault(path), undefined);
  found.wipe();
}

function chosenRecord(choices: Choices): StateRecord {
  const folder = choices.pick(["app", "boot", "keystore", "selftest/secure"]);
  const key = `/state/${folder}/${choices.below(4)}`;
  const transaction = BigInt(choices.below(4));
  return choices.pick<StateRecord>([
    { op: "put", key, value: choices.bytes(choices.below(700)) },
    { op: "delete", key },
    { op: "checkpoint", generation: choices.u32(), entries: choices.below(4) },
    { op: "prepare", transaction },
    { op: "payload", key, transaction, chunk: choices.bytes(choices.below(100)) },
    { op: "commit", transaction },
    { op: "abort", transaction },
    { op: "sync" },
  ]);
}
