/**
 * The log from a daemon's word to its signature, through everybody who takes part: logd keeps records
 * and calls nobody, statefsd's drain fetches them into a store, controld has keystored sign the end.
 *
 * @module
 */

import { Secret } from "@runtime/core/secret.ts";
import { createLogd } from "@services/logd/service.ts";
import { logdAudit, logdQuery, logdV2, RING } from "@services/logd/protocol.ts";
import { type CheckpointPorts, signLogHeads } from "@services/controld/log_checkpoints.ts";
import { KeySlot } from "@services/keystored/key_slot.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { scopedValues } from "@services/keystored/scoped_values.ts";
import { createKeystored } from "@services/keystored/service.ts";
import { rngd } from "@services/rngd/protocol.ts";
import { readCheckpoint } from "@services/statefsd/client/log_checkpoint.ts";
import { NO_HASH } from "@services/statefsd/client/log_entry.ts";
import { endLine, entryLine } from "@services/statefsd/client/log_export.ts";
import { readSegment, segmentPath } from "@services/statefsd/client/log_segment.ts";
import { verifyChain } from "@services/statefsd/client/verify_chain.ts";
import { verifyExport } from "@services/statefsd/client/verify_export.ts";
import { LogDrain } from "@services/statefsd/log_drain.ts";
import { segmentPiece, storedCheckpoint } from "@services/statefsd/log_reading.ts";
import { type LogValues, logValuesOf } from "@services/statefsd/log_values.ts";
import { deepEqual, equal, ok } from "./fakes/assert.ts";
import { manualClock } from "./fakes/clock.ts";
import { directClient } from "./fakes/direct.ts";
import { chainIn } from "./fakes/log_values.ts";
import { formattedImage, storeOn } from "./fakes/statefs.ts";
import { keptState } from "./fakes/kept_state.ts";
import { test } from "./fakes/test.ts";

const RECORD = { level: 2, scope: "a", message: "b", fields: "c=d\n" };
const DECISION = {
  ...{ decision: 1, reason: 0, check: "decide", subject: "eve", capability: "rng.entropy" },
  ...{ operation: "", target: "" },
};

/** Everybody who takes part, around one store. @param random Whether keystored gets a key. */
async function node({ random = true } = {}) {
  const clock = manualClock();
  const logd = createLogd({ clock, prove: () => {} });
  const { store } = await storeOn(await formattedImage(4_096));
  const values = logValuesOf(store, clock);
  const log = directClient(logdQuery, logd.query);
  const bootId = new Uint8Array(16).fill(3);
  const drain = new LogDrain({ values, log, clock, bootId, tell: () => {} });
  const entropy = directClient(rngd, {
    getEntropy: () =>
      random ? { status: "ok", entropy: new Uint8Array(56).fill(4) } : { status: "unavailable" },
  });
  const kek = new Secret(new Uint8Array(32).fill(5));
  const slot = new KeySlot({ entropy, state: keptState(), kek });
  const keys = directClient(keystored, createKeystored(slot, scopedValues(keptState())));
  const chain: CheckpointPorts["chain"] = {
    heads: () => Promise.resolve(drain.heads()),
    keep: async (checkpoint) => await drain.keepCheckpoint(checkpoint) === "ok",
  };
  const say = directClient(logdV2, logd.logdV2, { sender: "vfsd" });
  const audit = directClient(logdAudit, logd.audit, { sender: "policyd" });
  const sign = () => signLogHeads({ chain, keys, clock });
  return { clock, values, drain, keys, chain, sign, say, audit };
}

/** The chain as lines, as `nx log export` writes them. */
function exported(values: LogValues, ring: number): string {
  const { segments, checkpoint } = chainIn(values, ring);
  const found = segments.flatMap(({ value }) => readSegment(value ?? NO_HASH).entries);
  const signed = readCheckpoint(checkpoint ?? NO_HASH);
  const end = endLine(ring, { last: BigInt(found.length), checkpoint: signed });
  return [...found.map((entry) => entryLine(ring, entry)), end, ""].join("\n");
}

test("what daemons say and policyd decides is kept, signed, and verified as it lies and as lines", async () => {
  const { values, drain, keys, sign, say, audit } = await node();
  for (let count = 0; count < 5; count++) await say.append(RECORD);
  for (let count = 0; count < 3; count++) await audit.appendAudit(DECISION);
  equal(await drain.drain(), "ok");
  deepEqual(await sign(), { kept: 2, failed: 0 });
  deepEqual(await sign(), { kept: 0, failed: 0 });
  const own = await keys.getDevicePubkey({});
  ok(own.status === "ok");
  for (const [ring, count] of [[RING.journal, 5n], [RING.audit, 3n]] as const) {
    const report = verifyChain(chainIn(values, ring), own.key);
    deepEqual([report.signedTo, report.faults], [count, []]);
    deepEqual(verifyExport(exported(values, ring), own.key), { ...report, ring });
  }
});

test("signLogHeads counts what keystored does not sign and the store does not keep", async () => {
  const keyless = await node({ random: false });
  await keyless.say.append(RECORD);
  await keyless.drain.drain();
  deepEqual(await keyless.sign(), { kept: 0, failed: 1 });
  const { clock, drain, keys, say, chain } = await node();
  await say.append(RECORD);
  await drain.drain();
  const full = { ...chain, keep: () => Promise.resolve(false) };
  deepEqual(await signLogHeads({ chain: full, keys, clock }), { kept: 0, failed: 1 });
  const before1970 = { unixMs: () => -5 };
  deepEqual(await signLogHeads({ chain, keys, clock: before1970 }), { kept: 1, failed: 0 });
  const silent = { ...chain, heads: () => Promise.resolve(undefined) };
  equal(await signLogHeads({ chain: silent, keys, clock }), undefined);
});

test("the log is read piece by piece as it lies", async () => {
  const { values, drain, sign, say } = await node();
  for (let count = 0; count < 20; count++) await say.append(RECORD);
  await drain.drain();
  await sign();
  const pieces: number[] = [];
  let length = 1;
  while (pieces.length < length) {
    const offset = pieces.length;
    const piece = segmentPiece(values, { ring: 0, from: 0n, offset, lengthMax: 1_000 });
    ok(piece !== undefined && piece.chunk.length > 0);
    length = piece.length;
    pieces.push(...piece.chunk);
  }
  const found = values.get(segmentPath(0, 1n));
  deepEqual(found, { status: "ok", value: Uint8Array.from(pieces) });
  deepEqual(storedCheckpoint(values, 0), chainIn(values, 0).checkpoint);
});
