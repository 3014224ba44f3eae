import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { nxWorld } from "@tests/fakes/nx_ports.ts";
import { textAt } from "@tests/fakes/statefs.ts";
import { withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import {
  envelope,
  firstLayout,
  put,
  record,
  secondLayout,
  transaction,
} from "@tests/fakes/upstream_image.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const DIR = "/s";
const FROM = "/blk.img";
const SEED = new Uint8Array(32).fill(7);
const RECORDS = [
  put("/state/keystore/device.signing", envelope({ sequence: 1, payload: SEED })),
  put("/state/settingsd/prefs", "dark"),
];
const INIT = ["init", "--state", DIR, "--size", "64KiB", "--from", FROM];

/** Runs one command line in a world with an image of upstream's. */
async function nx(image: Uint8Array, ...argv: readonly string[]) {
  const world = nxWorld();
  world.state.put(FROM, image);
  const code = await runNx(argv, world.ports);
  return { code, out: world.out(), error: world.error(), world };
}

test("nx init --from says what it took, what it left, and that the node will be another device", async () => {
  const image = firstLayout(64, ...RECORDS, transaction(1, { "/state/a": "half" }, false));
  const { code, out, world } = await nx(image, ...INIT);
  equal(code, EXIT.ok);
  const lines = out.split("\n");
  for (
    const line of [
      "from   /blk.img: Open Nexus OS, first layout, 4 records, tail clean",
      "taken  1 values",
      "left   /state/keystore/device.signing: the device key: this node draws its own",
      "left   transactions without an end: 1",
    ]
  ) ok(lines.includes(line), out);
  ok(out.includes("The device key is not taken over: the node draws its own"), out);
  await withState(world.ports.state, DIR, (store) => {
    equal(textAt(store, "/state/settingsd/prefs"), "=dark");
    equal(textAt(store, "/state/keystore/device.signing"), "not_found");
  });
});

test("nx init --from --json tells the same, and nothing of a value", async () => {
  const image = secondLayout(64, { active: "a", snapshot: RECORDS, rest: [] });
  const { out } = await nx(image, ...INIT, "--json");
  const { from, path, completed } = JSON.parse(out);
  deepEqual([path, completed], [DIR, false]);
  deepEqual(from, {
    ...{ image: FROM, layout: "regions", tail: "clean", records: 3, orphans: 0, ignored: 0 },
    ...{ taken: 1, deviceKeyTaken: false },
    leftOut: [{ path: "/state/keystore/device.signing", reason: "device_key" }],
  });
  ok(!out.includes("dark"));
});

test("nx init --from names what it cannot take, makes nothing, and says how to go on", async () => {
  const broken = Array.from({ length: 7 }, (_, index) => put(`/state//${index}`, "x"));
  const image = firstLayout(64, ...RECORDS, ...broken);
  const { code, out, error, world } = await nx(image, ...INIT);
  deepEqual([code, out], [EXIT.failed, ""]);
  ok(error.includes("/state//0: its name is none here; "), error);
  ok(error.includes("; and 2 more. Nothing was made; --skip-unreadable leaves them out"), error);
  equal(world.state.look(DIR), undefined);
  const skipped = await nx(image, ...INIT, "--skip-unreadable");
  equal(skipped.code, EXIT.ok);
  ok(skipped.out.includes("left   /state//6: its name is none here"), skipped.out);
});

test("nx init --from says which size is large enough", async () => {
  const image = firstLayout(256, ...RECORDS, put("/state/a", new Uint8Array(60_000)));
  const { code, error } = await nx(image, ...INIT);
  equal(code, EXIT.failed);
  ok(error.includes("use --size 256KiB or more; nothing was made"), error);
});

test("nx init --from tells of a torn tail, and of what lies behind a damage", async () => {
  const torn = await nx(firstLayout(64, ...RECORDS, record(1, "/state/b").slice(0, 15)), ...INIT);
  ok(torn.out.includes("The last write was cut short: it had not happened."), torn.out);
  const image = firstLayout(64, ...RECORDS, record(1, "/state/b").fill(0x30, 11, 12), ...RECORDS);
  const refused = await nx(image, ...INIT);
  equal(refused.code, EXIT.failed);
  ok(refused.error.includes("have --skip-unreadable take over what lies before it"), refused.error);
  const { code, out } = await nx(image, ...INIT, "--skip-unreadable");
  equal(code, EXIT.ok);
  ok(out.includes("What lies behind a damage was not read"), out);
});

test("nx init takes --skip-unreadable with --from alone", async () => {
  const { code, error } = await nx(
    new Uint8Array(512),
    "init",
    "--state",
    DIR,
    "--skip-unreadable",
  );
  equal(code, EXIT.usage);
  ok(error.includes("--skip-unreadable needs --from"), error);
});
