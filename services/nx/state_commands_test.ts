import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { type NxWorld, nxWorld } from "@tests/fakes/nx_ports.ts";
import { putValues, valuesOf, withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { HostRefusal } from "@runtime/core/program_ports.ts";
import type { Secret } from "@runtime/core/secret.ts";
import { checkImage } from "../statefsd/fsck.ts";
import { KEYS_MAX } from "../statefsd/limits.ts";
import { SEQUENCE_PATH } from "../statefsd/path.ts";
import { encodeRecord } from "../statefsd/record.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";
import { outputOver } from "./output.ts";
import { progressOver } from "./progress.ts";
import { withPassphrases } from "./passphrase.ts";
import { sizeOption, sizeText } from "./state_options.ts";

const DIR = "/s";
const INIT = ["init", "--state", DIR, "--size", "64KiB"] as const;

/** Runs one command line; standard output and error are its own. */
async function nx(world: NxWorld, ...argv: readonly string[]) {
  const before = { out: world.out().length, error: world.error().length };
  const code = await runNx(argv, world.ports);
  return { code, out: world.out().slice(before.out), error: world.error().slice(before.error) };
}

async function begun(world: NxWorld): Promise<void> {
  equal((await nx(world, ...INIT)).code, EXIT.ok);
  await withState(world.ports.state, DIR, async (store) => {
    await putValues(store);
    equal((await store.begin(1n)).status, "ok");
  });
}

test("nx init says where image and key are, and that the key must be kept", async () => {
  const world = nxWorld();
  const { code, out } = await nx(world, ...INIT);
  equal(code, EXIT.ok);
  ok(out.includes("/s/state.img, 64 KiB") && out.includes("/s/record.key"), out);
  ok(out.includes("Keep a copy of the key"));
  const again = await nx(world, ...INIT);
  deepEqual([again.code, again.out], [EXIT.failed, ""]);
  ok(again.error.includes("is a state directory already"), again.error);
});

test("nx init --json names what it made, and prints no key", async () => {
  const world = nxWorld();
  const { out } = await nx(world, "init", "--state", "/t/", "--size", "64KiB", "--json");
  const { imageId, ...facts } = JSON.parse(out);
  deepEqual(facts, {
    ...{ path: "/t", image: "/t/state.img", bytes: 65_536, key: "file", completed: false },
    keyFile: "/t/record.key",
  });
  ok(/^[0-9a-f]{32}$/.test(imageId));
  const key = new TextDecoder().decode(world.state.folders.get("/t")?.get("record.key")?.bytes);
  equal(key.length, 65);
  ok(!out.includes(key.trim()));
});

test("nx init takes a passphrase from the first line of a file, and refuses a bad one", async () => {
  const world = nxWorld();
  world.state.put("/p", "a passphrase\nsecond line\n");
  const { code, out } = await nx(world, ...INIT, "--passphrase-file", "/p");
  equal(code, EXIT.ok);
  ok(out.includes("Keep the passphrase"), out);
  deepEqual(world.state.look(DIR), ["state.img", "state.json"]);
  for (const bad of ["", "1234567\n", "x".repeat(1025), "x".repeat(5000)]) {
    world.state.put("/bad", bad);
    const argv = ["init", "--state", "/t", "--passphrase-file", "/bad"];
    equal((await nx(world, ...argv)).code, EXIT.failed, `${bad.length}`);
    equal(world.state.look("/t"), undefined);
  }
  equal((await nx(world, "fsck", "--state", DIR, "--passphrase-file", "/p")).code, 0);
});

test("nx init and nx state rekey draw no key on a host whose random bytes are known", async () => {
  const world = nxWorld();
  const admitKeys = () => Promise.reject(new HostRefusal("seeded_runtime"));
  const ports = { ...world.ports, state: { ...world.ports.state, admitKeys } };
  equal(await runNx(INIT, ports), EXIT.failed);
  equal(world.state.look(DIR), undefined);
  await begun(world);
  equal(await runNx(["state", "rekey", "--state", DIR], ports), EXIT.failed);
  ok(world.state.look(DIR)?.includes("record.key"));
});

test("nx fsck ends as fsck-statefs does: 0 clean, 1 orphans, 2 beyond repair", async () => {
  const world = nxWorld();
  await begun(world);
  const judged = await nx(world, "fsck", "--state", DIR);
  equal(judged.code, 1);
  ok(judged.out.includes("orphans  1\n") && judged.out.includes("with --repair"), judged.out);
  const planned = await nx(world, "fsck", "--state", DIR, "--repair", "--dry-run");
  equal(planned.code, 1);
  ok(/repair {3}would write block \d+\n/.test(planned.out), planned.out);
  const repaired = await nx(world, "fsck", "--state", DIR, "--repair");
  equal(repaired.code, 1);
  ok(repaired.out.includes("verdict  transactions without an end, mended"), repaired.out);
  const clean = await nx(world, "fsck", "--state", DIR);
  equal(clean.code, 0);
  ok(clean.out.includes("verdict  clean\n"), clean.out);
  const image = world.state.folders.get(DIR)?.get("state.img");
  ok(image !== undefined);
  image.bytes[512 + 60] = 0xff;
  const damaged = await nx(world, "fsck", "--state", DIR, "--repair");
  equal(damaged.code, 2);
  ok(damaged.out.includes("beyond repair: no log is to be found, or valid"), damaged.out);
});

test("nx fsck --json holds every finding", async () => {
  const world = nxWorld();
  await begun(world);
  const { out } = await nx(world, "fsck", "--state", DIR, "--repair", "--dry-run", "--json");
  const { imageId, end, repair, ...found } = JSON.parse(out);
  deepEqual(found, {
    ...{ image: "/s/state.img", exitCode: 1, verdict: "transactions without an end" },
    ...{
      key: "used",
      keystoreKey: "good",
      foreign: false,
      resized: false,
      rolledBack: false,
      sequence: found.sequence,
      mode: "plan",
      repaired: false,
    },
    ...{ integrity: 0, rollback: 0, forgedDeletes: 0, ignored: 0, foreignKey: false },
    overfull: false,
    ...{ layout: "regions", superblock: "good" },
    ...{ generation: 1, records: found.records, keys: 6, tail: "clean", orphans: [1] },
    opened: true,
  });
  ok(found.sequence > 1);
  ok(/^[0-9a-f]{32}$/.test(imageId) && end > 512 && found.records > 8);
  ok(repair.length > 0 && repair.every(({ count }: { count: number }) => count >= 1));
});

test("nx fsck says of what was deleted without the key, and what does not open under it", async () => {
  const world = nxWorld();
  await begun(world);
  const image = world.state.folders.get(DIR)?.get("state.img");
  ok(image !== undefined);
  const { end } = await checkImage(image.bytes);
  const records = [{ op: "delete", key: "/state/app/a" }, { op: "sync" }] as const;
  image.bytes.set(concatBytes(...records.map(encodeRecord)), end);
  const { code, out } = await nx(world, "fsck", "--state", DIR);
  equal(code, 2);
  ok(out.includes("0 older than they should be, 1 deleted without the key\n"), out);
  ok(out.includes("verdict  beyond repair: 1 values were deleted without the key, see above"), out);
  const garbage = { op: "put", key: SEQUENCE_PATH, value: new Uint8Array(90) } as const;
  image.bytes.set(concatBytes(...[garbage, records[1]].map(encodeRecord)), end);
  const foreign = await nx(world, "fsck", "--state", DIR);
  ok(foreign.out.includes("beyond repair: it does not open under this key"), foreign.out);
});

test("nx fsck says what is beyond repair beside the log", async () => {
  const world = nxWorld();
  await begun(world);
  const folder = world.state.folders.get(DIR);
  const [image, facts] = [folder?.get("state.img"), folder?.get("state.json")];
  ok(image !== undefined && facts !== undefined);
  const text = new TextDecoder().decode(facts.bytes);
  const verdict = async () => {
    const { code, out } = await nx(world, "fsck", "--state", DIR);
    equal(code, 2);
    return out.split("verdict  beyond repair: ")[1] ?? out;
  };
  const turned = text.replace(/(?<="keystore": ")./, (digit) => digit === "0" ? "1" : "0");
  facts.bytes = new TextEncoder().encode(turned);
  ok((await verdict()).startsWith("keystored's own key in state.json is damaged; put state.json"));
  facts.bytes = new TextEncoder().encode(text);
  image.bytes = image.bytes.slice(512);
  ok((await verdict()).startsWith("it has another length than it was made with; put it back"));
  const puts = Array.from(
    { length: KEYS_MAX + 1 },
    (_, index) => encodeRecord({ op: "put", key: `/state/${index}`, value: new Uint8Array(0) }),
  );
  const log = concatBytes(...puts);
  world.state.put("/x.img", concatBytes(log, new Uint8Array(1024 - log.length % 512)));
  const bare = await nx(world, "fsck", "/x.img");
  ok(bare.out.includes("beyond repair: it holds more than is read: 65,536 values"), bare.out);
});

test("nx fsck that cannot judge ends with 2 and a reason, and writes nothing", async () => {
  const world = nxWorld();
  await begun(world);
  await withState(world.ports.state, DIR, async () => {
    const { code, out, error } = await nx(world, "fsck", "--state", DIR, "--repair");
    deepEqual([code, out], [2, ""]);
    ok(error.includes("/s is in use by another process"), error);
  });
  for (const argv of [["/none.img"], ["--state", "/none"]]) {
    const { code, out } = await nx(world, "fsck", ...argv);
    deepEqual([code, out], [2, ""]);
  }
});

test("nx state rekey changes the key and says where the new one is", async () => {
  const world = nxWorld();
  await begun(world);
  const before = await withState(world.ports.state, DIR, valuesOf);
  const { code, out } = await nx(world, "state", "rekey", "--state", DIR, "--json");
  equal(code, EXIT.ok);
  const { sequence, ...facts } = JSON.parse(out);
  deepEqual(facts, { rekeys: 1, keys: 6, keyFile: "/s/record.1.key" });
  ok(sequence > 4);
  deepEqual(await withState(world.ports.state, DIR, valuesOf), before);
  world.state.put("/p", "a new passphrase");
  const argv = ["state", "rekey", "--state", DIR, "--new-passphrase-file", "/p"];
  const text = await nx(world, ...argv);
  equal(text.code, EXIT.ok);
  ok(text.out.includes("follows from the new passphrase"), text.out);
  const refused = await nx(world, "state", "rekey", "--state", DIR);
  equal(refused.code, EXIT.failed);
  ok(refused.error.includes("--passphrase-file"), refused.error);
});

test("withPassphrases forgets them, also when the work fails", async () => {
  const world = nxWorld();
  world.state.put("/p", "a passphrase");
  const shell = {
    ports: world.ports,
    output: outputOver(world.ports.terminal),
    argv: [],
    finish() {},
  };
  for (const fails of [false, true]) {
    let secret: Secret | undefined;
    const work = withPassphrases(
      shell,
      [{ kind: "file", path: "/p" }, undefined],
      ([first, second]) => {
        secret = first;
        deepEqual([first?.wiped, second], [false, undefined]);
        return fails ? Promise.reject(new TypeError("no")) : Promise.resolve();
      },
    );
    await work.catch((error) => ok(fails && error instanceof TypeError));
    ok(secret?.wiped);
  }
});

test("sizeOption reads sizes in sectors, and sizeText says them", () => {
  const sizes = ["64KiB", "65536", "64MiB", "4GiB", "100KiB"].map(sizeOption);
  deepEqual(sizes, [128, 128, 131_072, 8_388_608, 200]);
  deepEqual(sizes.map(sizeText), ["64 KiB", "64 KiB", "64 MiB", "4 GiB", "100 KiB"]);
});

test("progressOver is silent for a second, then tells each quarter, or draws on a terminal", () => {
  for (const interactive of [false, true]) {
    const world = nxWorld();
    const terminal = { ...world.ports.terminal, interactive };
    const progress = progressOver({ ports: { ...world.ports, terminal } }, "making:");
    for (let step = 0; step <= 40; step++) progress(step / 100);
    equal(world.error(), "");
    world.clock.advanceMs(1_000);
    for (let step = 41; step <= 100; step++) progress(step / 100);
    const quarters = "nx: making: 41 %\nnx: making: 66 %\nnx: making: 91 %\nnx: making: 100 %\n";
    if (interactive) ok(world.error().startsWith("\rmaking: 41 %\rmaking: 42 %"), world.error());
    else equal(world.error(), quarters);
    ok(world.error().endsWith("making: 100 %\n"));
    progress(1);
    ok(!world.error().endsWith("100 %\nmaking: 100 %\n"));
  }
});
