import { FileFailure } from "@runtime/core/program_ports.ts";
import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { MemoryState, memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { putValues, withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import { firstLayout, put } from "@tests/fakes/upstream_image.ts";
import { checkImage } from "../fsck.ts";
import { checkImageFile, type CheckMode, checkState } from "./check_state.ts";
import { openState } from "./open_state.ts";
import { noteWitness } from "./state_witness.ts";
import { StateFailure, type StateFailureCode } from "./state_failure.ts";

const DIR = "/s";

/** A directory with values and a transaction that nobody ended. */
async function orphaned(passphrase?: Secret) {
  const ports = memoryStatePorts();
  await withState(ports, DIR, async (store) => {
    await putValues(store);
    equal((await store.begin(1n)).status, "ok");
  }, passphrase);
  return { ports, host: ports.host };
}

function imageOf(host: MemoryState): { bytes: Uint8Array } {
  const file = host.folders.get(DIR)?.get("state.img");
  ok(file !== undefined);
  return file;
}

async function fails(code: StateFailureCode, work: Promise<unknown>): Promise<void> {
  await rejects(work, (error) => error instanceof StateFailure && error.code === code);
}

test("checkState judges with the key, and writes only when it is to repair", async () => {
  const { ports, host } = await orphaned();
  const before = host.steps;
  for (const mode of ["judge", "plan"] as const) {
    const { report, ...checked } = await checkState(ports, DIR, { mode });
    deepEqual(checked, {
      ...{ image: `${DIR}/state.img`, key: "used", keystoreKey: "good" },
      ...{ foreign: false, resized: false, rolledBack: false },
      ...{ repaired: false, exitCode: 1 },
    });
    deepEqual([report.opened, report.orphans.length, report.keys], [true, 1, 6]);
    ok(report.repair.length > 0);
  }
  equal(host.steps, before);
  const { repaired, exitCode, report } = await checkState(ports, DIR, { mode: "repair" });
  deepEqual([repaired, exitCode], [true, 1]);
  const flushes = host.done.slice(before).filter((what) => what === "flush").length;
  equal(flushes, report.repair.length, "each write of the plan is made safe");
  const again = await checkState(ports, DIR, { mode: "repair" });
  deepEqual([again.repaired, again.exitCode, again.report.orphans], [false, 0, []]);
});

test("checkState repair cut at any step can be repeated", async () => {
  const { ports: done } = await orphaned();
  const first = done.host.steps;
  await checkState(done, DIR, { mode: "repair" });
  for (let cut = 0; cut < done.host.steps - first; cut++) {
    for (const unflushed of ["kept", "lost"] as const) {
      const { ports, host } = await orphaned();
      host.cutAt = host.steps + cut;
      await fails("image_unreadable", checkState(ports, DIR, { mode: "repair" }));
      const after = memoryStatePorts(host.after(unflushed), 2);
      await checkState(after, DIR, { mode: "repair" });
      equal((await checkState(after, DIR, { mode: "judge" })).exitCode, 0);
      await withState(after, DIR, (store) => equal(store.get("/state/app/a").status, "ok"));
    }
  }
});

test("checkState reports damage before valid records, and mends none of it", async () => {
  const { ports, host } = await orphaned();
  imageOf(host).bytes[512 + 60] = 0xff;
  const bytes = imageOf(host).bytes.slice();
  const { exitCode, foreign, report, repaired } = await checkState(ports, DIR, { mode: "repair" });
  deepEqual([exitCode, report.tail, report.repair, repaired], [2, "damaged", [], false]);
  deepEqual([report.imageId, foreign], [undefined, false], "it may well be the right one");
  deepEqual(imageOf(host).bytes, bytes);
});

test("checkState knows an image that is not the directory's, and writes nothing to it", async () => {
  const { ports, host } = await orphaned();
  const other = memoryStatePorts(new MemoryState(), 77);
  await withState(other, DIR, async (store) => {
    equal((await store.begin(1n)).status, "ok");
  });
  for (const bytes of [imageOf(other.host).bytes, new Uint8Array(imageOf(host).bytes.length)]) {
    imageOf(host).bytes = bytes.slice();
    const { exitCode, foreign, repaired } = await checkState(ports, DIR, { mode: "repair" });
    deepEqual([exitCode, foreign, repaired], [2, true, false]);
    deepEqual(imageOf(host).bytes, bytes);
  }
});

test("checkState knows an image that names no id, and one of another length", async () => {
  const { ports, host } = await orphaned();
  const { bytes } = imageOf(host);
  const mode: CheckMode = "repair";
  imageOf(host).bytes = firstLayout(bytes.length / 512, put("/state/a", "a"));
  const upstreams = await checkState(ports, DIR, { mode });
  deepEqual([upstreams.foreign, upstreams.exitCode, upstreams.repaired], [true, 2, false]);
  for (const length of [512, bytes.length / 2, bytes.length - 512, bytes.length + 512]) {
    const other = new Uint8Array(length);
    other.set(bytes.subarray(0, length));
    imageOf(host).bytes = other.slice();
    const { resized, foreign, exitCode, repaired } = await checkState(ports, DIR, { mode });
    deepEqual({ resized, foreign, exitCode, repaired }, {
      ...{ resized: true, foreign: false, exitCode: 2, repaired: false },
    });
    deepEqual(imageOf(host).bytes, other);
  }
});

test("checkState knows an image that is older than what was noted of it", async () => {
  const { ports, host } = await orphaned();
  const mode: CheckMode = "repair";
  const older = imageOf(host).bytes.slice();
  const note = (sequence: bigint) =>
    withState(ports, DIR, ({ stats }, { folder }) => {
      noteWitness(folder, { sequence: stats.sequence + sequence, deviceId: undefined });
    });
  await note(0n);
  const { rolledBack, exitCode } = await checkState(ports, DIR, { mode: "judge" });
  deepEqual([rolledBack, exitCode], [false, 0], "as new as it was seen to be");
  await note(1n);
  imageOf(host).bytes = older.slice();
  const found = await checkState(ports, DIR, { mode });
  deepEqual([found.rolledBack, found.exitCode, found.repaired], [true, 2, false]);
  deepEqual(imageOf(host).bytes, older);
});

test("checkState judges keystored's own key as well, where it has the record key", async () => {
  const secret = () => new Secret(new TextEncoder().encode("a passphrase"));
  const { ports, host } = await orphaned(secret());
  const facts = host.folders.get(DIR)?.get("state.json");
  ok(facts !== undefined);
  const text = new TextDecoder().decode(facts.bytes);
  const turned = text.replace(/(?<="keystore": ")./, (digit) => digit === "0" ? "1" : "0");
  facts.bytes = new TextEncoder().encode(turned);
  const mode: CheckMode = "judge";
  const unknown = await checkState(ports, DIR, { mode });
  deepEqual([unknown.keystoreKey, unknown.exitCode], ["unknown", 1]);
  const damaged = await checkState(ports, DIR, { mode, passphrase: secret() });
  deepEqual([damaged.keystoreKey, damaged.exitCode, damaged.report.exitCode], ["damaged", 2, 1]);
  await fails("bad_keystore_key", openState(ports, DIR, { passphrase: secret() }));
});

test("checkState says whether values could be opened at all", async () => {
  const secret = () => new Secret(new TextEncoder().encode("a passphrase"));
  const { ports } = await orphaned(secret());
  const mode: CheckMode = "judge";
  deepEqual((await checkState(ports, DIR, { mode })).key, "not_given");
  deepEqual((await checkState(ports, DIR, { mode, passphrase: secret() })).key, "used");
  const wrong = new Secret(new TextEncoder().encode("another one"));
  await fails("wrong_key", checkState(ports, DIR, { mode, passphrase: wrong }));
  const { ports: lost, host } = await orphaned();
  host.folders.get(DIR)?.delete("record.key");
  const { key, exitCode, report } = await checkState(lost, DIR, { mode });
  deepEqual([key, exitCode, report.opened, report.exitCode], ["lost", 2, false, 1]);
});

test("checkState refuses a directory in use, without an image, or that is none", async () => {
  const { ports, host } = await orphaned();
  const state = await openState(ports, DIR);
  await fails("busy", checkState(ports, DIR, { mode: "judge" }));
  await state.close();
  host.folders.get(DIR)?.delete("state.img");
  await fails("image_missing", checkState(ports, DIR, { mode: "judge" }));
  await fails("absent", checkState(ports, "/none", { mode: "judge" }));
  host.folders.get(DIR)?.delete("state.json");
  await fails("absent", checkState(ports, DIR, { mode: "judge" }));
});

test("checkImageFile judges and mends a bare image without a key", async () => {
  const { ports, host } = await orphaned();
  host.put("/x.img", imageOf(host).bytes);
  const judged = await checkImageFile(ports, "/x.img", { mode: "judge" });
  deepEqual([judged.exitCode, judged.key, judged.report.opened], [1, "none", false]);
  deepEqual((await checkImageFile(ports, "/x.img", { mode: "repair" })).repaired, true);
  equal((await checkImage(host.loose.get("/x.img")?.bytes ?? new Uint8Array(0))).exitCode, 0);
  await fails("not_found", checkImageFile(ports, "/y.img", { mode: "repair" }));
  // The block at the end belongs to no region: the log is whole without it.
  host.put("/short.img", imageOf(host).bytes.slice(0, -512));
  const { resized, exitCode } = await checkImageFile(ports, "/short.img", { mode: "repair" });
  deepEqual([resized, exitCode], [true, 2]);
  host.put("/z.img", new Uint8Array(512 * 20));
  equal((await checkImageFile(ports, "/z.img", { mode: "judge" })).report.layout, "blank");
});

test("checkImageFile holds the state directory that the image lies in, and no other folder", async () => {
  const { ports, host } = await orphaned();
  host.loose.set(`${DIR}/state.img`, {
    ...imageOf(host),
    safe: imageOf(host).bytes,
    locked: false,
  });
  const mode: CheckMode = "judge";
  const held = await openState(ports, DIR);
  await fails("busy", checkImageFile(ports, `${DIR}/state.img`, { mode }));
  await held.close();
  equal((await checkImageFile(ports, `${DIR}/state.img`, { mode })).exitCode, 1);
  const { length } = host.holds;
  equal((await checkImageFile(ports, `${DIR}/state.img`, { mode })).exitCode, 1, "it was let go");
  equal(host.holds.length, length + 1);
  host.folders.set("/other", new Map());
  host.put("/other/x.img", imageOf(host).bytes);
  host.put("x.img", imageOf(host).bytes);
  for (const path of ["/other/x.img", "x.img"]) {
    equal((await checkImageFile(ports, path, { mode })).exitCode, 1);
  }
  host.folders.set(".", host.folders.get(DIR) ?? new Map());
  equal((await checkImageFile(ports, "x.img", { mode })).exitCode, 1);
  equal(host.holds.at(-1), ".");
  host.look = (path) => {
    throw new FileFailure("not_private", path);
  };
  equal((await checkImageFile(ports, "/other/x.img", { mode })).exitCode, 1);
  equal(host.holds.length, length + 2);
});

test("a repair counts only when the image is found clean after it", async () => {
  const { ports, host } = await orphaned();
  host.put("/x.img", imageOf(host).bytes);
  const open = host.openImage.bind(host);
  // A host that says ok and writes nothing.
  host.openImage = (path) => ({ ...open(path), write: () => Promise.resolve("ok") });
  await fails("repair_failed", checkImageFile(ports, "/x.img", { mode: "repair" }));
});
