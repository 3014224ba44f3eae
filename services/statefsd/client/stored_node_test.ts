import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { test } from "@tests/fakes/test.ts";
import { DEVICE_PUBLIC_PATH } from "../../keystored/protocol.ts";
import { journalOver } from "../host_journal.ts";
import { openStore } from "../open_store.ts";
import { openState, randomOver } from "./open_state.ts";
import { nodeStateOf } from "./node_state.ts";
import { StateFailure } from "./state_failure.ts";
import { noteWitness, readWitness, WITNESS_NAME } from "./state_witness.ts";
import { type StoredNode, withStoredNode } from "./stored_node.ts";

const DIR = "/s";
const CREATE = { create: { sectorCount: 256 } };
const STOPPED = { passphrase: undefined, unixMs: () => 5 };
const ABOUT = { subject: "keystored", purpose: "", timestamp: 0n };
type Ports = ReturnType<typeof memoryStatePorts>;

/** Writes what keystored leaves. @returns The store's sequence. */
async function boot(ports: Ports, value: Uint8Array): Promise<bigint> {
  const state = await openState(ports, DIR, CREATE);
  const { recordKey, imageId } = state;
  const random = randomOver(ports.entropy);
  const opened = await openStore({ disk: journalOver(state.disk), random, recordKey, imageId });
  ok(opened.status === "ok");
  equal(await opened.store.put(DEVICE_PUBLIC_PATH, value, ABOUT), "ok");
  const { sequence } = opened.store.stats;
  await state.close();
  return sequence;
}

const identity = (ports: Ports) =>
  withStoredNode(ports, DIR, {
    ...STOPPED,
    work: (node) => Promise.resolve(node.identity),
  });

async function codeOf(work: Promise<unknown>): Promise<string> {
  const failure = await work.then(() => undefined, (error) => error);
  ok(failure instanceof StateFailure, String(failure));
  return failure.code;
}

test("withStoredNode tells who a stopped node is, and nothing of one that never booted", async () => {
  const ports = memoryStatePorts();
  await (await openState(ports, DIR, CREATE)).close();
  equal(await identity(ports), undefined);
  const value = Uint8Array.from({ length: 64 }, (_, index) => index);
  await boot(ports, value);
  const found = await identity(ports);
  deepEqual([found?.verifyingKey, found?.noiseStatic], [value.slice(0, 32), value.slice(32)]);
  equal(found?.deviceId, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd");
  await boot(ports, value.slice(1));
  equal(await identity(ports), undefined, "a value of another length is none");
  const log = await withStoredNode(ports, DIR, {
    ...STOPPED,
    work: (node) =>
      Promise.all([
        node.logSegment({ ring: 0, from: 0n, offset: 0 }),
        node.logCheckpoint({ ring: 0 }),
      ]),
  });
  deepEqual(log, [{ status: "not_found" }, { status: "not_found" }]);
});

test("withStoredNode gives owners of a stopped node limits, as the node would, and notes that it did", async () => {
  const ports = memoryStatePorts();
  await boot(ports, new Uint8Array(64));
  const asked = <T>(work: (node: StoredNode) => Promise<T>) =>
    withStoredNode(ports, DIR, { ...STOPPED, work });
  const own = { owner: "subject:keystored", soft: 1n, hard: 2n };
  const set = await asked((node) => node.setQuota(own));
  deepEqual(set, { status: "ok" });
  const { owners } = await asked((node) => node.quotas({ after: "" }));
  const room = 128 * 512;
  deepEqual(owners.map(({ owner, soft, hard, own }) => [owner, soft, hard, own]), [
    ["subject:keystored", 1n, 2n, 1],
    ["subject:nx-cli", BigInt(room * 3 / 8), BigInt(room / 2), 0],
  ]);
  ok((owners[0]?.used ?? 0n) > 64n);
  const held = await ports.host.hold(DIR);
  const { sequence } = readWitness(held);
  held.release();
  ok(sequence > 0n, "what was written cannot be put back");
  deepEqual(await asked((node) => node.clearQuota(own)), { status: "ok" });
  deepEqual(await asked((node) => node.clearQuota(own)), { status: "not_found" });
  const refusals = await asked(async (node) => [
    await node.setQuota({ ...own, owner: "x" }),
    await node.setQuota({ ...own, soft: 3n }),
    await node.clearQuota({ owner: "app:" }),
  ]);
  deepEqual(refusals.map(({ status }) => status), ["malformed", "malformed", "malformed"]);
});

test("an image that is older than was noted beside it is refused, and one that is not is opened", async () => {
  const ports = memoryStatePorts();
  const sequence = await boot(ports, new Uint8Array(64));
  const state = await openState(ports, DIR);
  const held = nodeStateOf(state);
  deepEqual([held.sequenceMin, held.persists], [0n, true]);
  held.note({ sequence, deviceId: undefined });
  deepEqual(readWitness(state.folder), { sequence, deviceId: undefined });
  held.note({ sequence: sequence - 1n, deviceId: "ab".repeat(32) });
  const noted = { sequence, deviceId: "ab".repeat(32) };
  deepEqual(readWitness(state.folder), noted, "it never goes back");
  held.note({ sequence, deviceId: undefined });
  deepEqual(readWitness(state.folder), noted, "it forgets no device");
  await held.close();
  ok(await identity(ports) !== undefined);
  const later = await openState(ports, DIR);
  equal(nodeStateOf(later).deviceId, "ab".repeat(32));
  noteWitness(later.folder, { sequence: sequence + 1n, deviceId: undefined });
  await later.close();
  equal(await codeOf(identity(ports)), "rolled_back");
});

test("a witness that is none is refused: nobody can say how far the image was", async () => {
  const ports = memoryStatePorts();
  await boot(ports, new Uint8Array(64));
  for (
    const text of [
      "",
      "1",
      "01\n",
      "-1\n",
      "x\n",
      "9".repeat(40),
      "1\nab\n",
      `1\n${"AB".repeat(32)}\n`,
    ]
  ) {
    const folder = await ports.host.hold(DIR);
    folder.replace(WITNESS_NAME, new TextEncoder().encode(text));
    folder.release();
    equal(await codeOf(openState(ports, DIR)), "bad_witness", text);
  }
});
