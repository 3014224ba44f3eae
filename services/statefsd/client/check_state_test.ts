import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { MemoryState, memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { putValues, withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import { checkImage } from "../fsck.ts";
import { checkImageFile, type CheckMode, checkState } from "./check_state.ts";
import { openState } from "./open_state.ts";
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
      ...{ image: `${DIR}/state.img`, key: "used", foreign: false, rolledBack: false },
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
  const { exitCode, report, repaired } = await checkState(ports, DIR, { mode: "repair" });
  deepEqual([exitCode, report.tail, report.repair, repaired], [2, "damaged", [], false]);
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
  host.put("/z.img", new Uint8Array(512 * 20));
  equal((await checkImageFile(ports, "/z.img", { mode: "judge" })).report.layout, "blank");
});

test("a repair counts only when the image is found clean after it", async () => {
  const { ports, host } = await orphaned();
  host.put("/x.img", imageOf(host).bytes);
  const open = host.openImage.bind(host);
  // A host that says ok and writes nothing.
  host.openImage = (path) => ({ ...open(path), write: () => Promise.resolve("ok") });
  await fails("repair_failed", checkImageFile(ports, "/x.img", { mode: "repair" }));
});
