import { concatBytes, equalBytes, indexOfBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { MemoryState, memoryStatePorts } from "@tests/fakes/memory_state.ts";
import { textAt } from "@tests/fakes/statefs.ts";
import { withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import * as upstream from "@tests/fakes/upstream_image.ts";
import { KEYS_MAX } from "../limits.ts";
import { encodeRecord } from "../record.ts";
import type { Store } from "../store.ts";
import { checkState } from "./check_state.ts";
import { type Imported, importState } from "./import_state.ts";
import { openState } from "./open_state.ts";
import { SECTORS_MAX } from "./state_facts.ts";
import { StateFailure, type StateFailureCode } from "./state_failure.ts";

const DIR = "/s";
const FROM = "/blk.img";
const BLOCKS = 256;
const SEED = Uint8Array.from({ length: 32 }, (_, index) => index + 1);
const SALT = new Uint8Array(12).fill(3);
const MAC_KEY = upstream.derivedKey(SEED, "statefs.envelope.v1");
const RECORD_KEY = upstream.derivedKey(SEED, "statefs.record.v1.app");
const DEVICE_KEY = "/state/keystore/device.signing";
const SECURE = "/state/selftest/secure/a";
const APP = "/state/app/vault/a";
const { put, envelope, sealed, transaction, firstLayout, secondLayout } = upstream;

const deviceKey = put(
  DEVICE_KEY,
  envelope({ sequence: 1, subject: "keystored", purpose: "device-key", payload: SEED }),
);

function authentic(path: string, payload: string, sequence = 1): Uint8Array {
  const mac = { key: MAC_KEY, path };
  return put(path, envelope({ sequence, subject: "selftest", purpose: "p", payload, mac }));
}

function secret(path: string, plain: string, id: number): Uint8Array {
  return put(path, sealed(path, plain, { key: RECORD_KEY, salt: SALT, id }));
}

/** Values of every kind, as a node of upstream's leaves them. */
const RECORDS = [
  deviceKey,
  put("/state/boot/bootctl.v1", envelope({ sequence: 1, subject: "updated", payload: "slot a" })),
  put("/state/settingsd/prefs", "dark"),
  put("/state/settingsd/gone", "gone"),
  put("/state/app/old", "raw"),
  put("/state/statefsd/enc.v1", upstream.saltMark(SALT)),
  secret(APP, "sealed", 4),
  authentic(SECURE, "authentic"),
  put("/state/boot/bootctl.v1", envelope({ sequence: 2, subject: "updated", payload: "slot b" })),
  upstream.record(upstream.OP.delete, "/state/settingsd/gone"),
  transaction(5, { "/state/crash/1": "dump", "/state/crash/2": "dump" }),
  upstream.record(upstream.OP.sync),
  put("/state/log/old", "a log of its own"),
] as const;

const VALUES: Readonly<Record<string, string>> = {
  "/state/app/old": "raw",
  [APP]: "sealed",
  "/state/boot/bootctl.v1": "slot b",
  "/state/crash/1": "dump",
  "/state/crash/2": "dump",
  [SECURE]: "authentic",
  "/state/settingsd/prefs": "dark",
};
const OWN = [
  { path: DEVICE_KEY, reason: "device_key" },
  { path: "/state/log/old", reason: "own" },
  { path: "/state/statefsd/enc.v1", reason: "own" },
] as const;
const LAYOUTS = {
  legacy: firstLayout(BLOCKS, ...RECORDS),
  regions: secondLayout(BLOCKS, {
    active: "b",
    snapshot: RECORDS.slice(0, 4),
    rest: RECORDS.slice(4),
  }),
} as const;

function portsWith(image: Uint8Array) {
  const ports = memoryStatePorts();
  ports.host.put(FROM, image);
  return ports;
}

type Ask = Partial<Parameters<typeof importState>[2]>;

function imported(ports: ReturnType<typeof portsWith>, ask: Ask = {}): Promise<Imported> {
  return importState(ports, DIR, { from: FROM, sectorCount: 512, skipUnreadable: false, ...ask });
}

/** What is said of an image; its values where it was taken over. */
async function taken(image: Uint8Array, ask: Ask = {}) {
  const ports = portsWith(image);
  const result = await imported(ports, ask);
  const source = ports.host.loose.get(FROM);
  ok(source !== undefined && equalBytes(source.bytes, image), "it is only read");
  ok(!source.locked, "and closed");
  if (result.status !== "ok") {
    equal(ports.host.look(DIR), undefined, "nothing was made");
    return { result };
  }
  const values = await withState(ports, DIR, valuesIn);
  return { result, report: result.report, values, ports };
}

function valuesIn(store: Store): Readonly<Record<string, string>> {
  const paths = store.list({ prefix: "", after: "", countMax: 1000 }, () => true);
  return Object.fromEntries(paths.map((path) => [path, textAt(store, path).slice(1)]));
}

async function fails(code: StateFailureCode, work: Promise<unknown>): Promise<void> {
  await rejects(work, (error) => error instanceof StateFailure && error.code === code);
}

for (const [layout, image] of Object.entries(LAYOUTS)) {
  test(`importState takes over every live value of upstream's image, layout ${layout}`, async () => {
    const { report, values, ports } = await taken(image);
    deepEqual(values, VALUES);
    const { records, ...found } = report ?? { records: 0 };
    deepEqual(found, {
      ...{ image: FROM, layout, tail: "clean", orphans: 0, ignored: 0 },
      ...{ taken: 7, leftOut: OWN },
    });
    ok(records >= RECORDS.length);
    const { report: { exitCode, opened, keys } } = await checkState(
      ports ?? portsWith(image),
      DIR,
      {
        mode: "judge",
      },
    );
    deepEqual([exitCode, opened, keys], [0, true, 9]);
    deepEqual(ports?.host.look(DIR), ["record.key", "state.img", "state.json"]);
  });
}

test("importState keeps who wrote a value, and leaves no key and no plaintext in the new image", async () => {
  const { ports } = await taken(LAYOUTS.legacy);
  ok(ports !== undefined);
  await withState(ports, DIR, (store) => {
    const { status: _, sequence, payload: __, ...about } = store.get(SECURE) as Extract<
      ReturnType<Store["get"]>,
      { readonly status: "ok" }
    >;
    deepEqual(about, { subject: "selftest", purpose: "p", timestamp: 0n });
    ok(sequence > 0n && store.stats.sequence > 7n);
  });
  const image = ports.host.folders.get(DIR)?.get("state.img")?.bytes ?? new Uint8Array(0);
  for (const bytes of [SEED, MAC_KEY, RECORD_KEY, upstream.joined("authentic")]) {
    equal(indexOfBytes(image, bytes), -1);
  }
  ok(indexOfBytes(LAYOUTS.legacy, SEED) > 0);
});

test("importState opens a device key that is older than envelopes", async () => {
  const records = [put(DEVICE_KEY, SEED), ...RECORDS.slice(1)];
  deepEqual((await taken(firstLayout(BLOCKS, ...records))).values, VALUES);
});

test("importState ignores transactions without an end or a beginning, and counts them", async () => {
  const extra = [
    transaction(6, { "/state/crash/3": "half" }, false),
    upstream.record(upstream.OP.commit, "", upstream.le(8, 99)),
  ];
  const { values, report } = await taken(firstLayout(BLOCKS, ...RECORDS, ...extra));
  deepEqual(values, VALUES);
  deepEqual([report?.orphans, report?.ignored], [1, 1]);
});

test("importState takes a torn tail for a write that had not happened", async () => {
  const torn = put("/state/settingsd/prefs", "light".repeat(20)).slice(0, 60);
  const { values, report } = await taken(firstLayout(BLOCKS, ...RECORDS, torn));
  deepEqual([values, report?.tail], [VALUES, "torn"]);
});

test("importState refuses a damage that valid records follow, also behind a SYNC", async () => {
  const image = firstLayout(BLOCKS, ...RECORDS, put("/state/z1", "1"), put("/state/z2", "2"));
  const at = indexOfBytes(image, upstream.joined("/state/z1"));
  image[at] = 0x30;
  await fails("source_damaged", taken(image));
  const { values, report } = await taken(image, { skipUnreadable: true });
  deepEqual([values, report?.tail], [VALUES, "damaged"]);
});

const BROKEN = {
  "bad_mac": [
    SECURE,
    put(
      SECURE,
      envelope({
        ...{ sequence: 9, payload: "forged" },
        mac: { key: new Uint8Array(32), path: SECURE },
      }),
    ),
  ],
  "no_mac": [SECURE, put(SECURE, envelope({ sequence: 9, payload: "downgraded" }))],
  malformed: [
    "/state/boot/b",
    put("/state/boot/b", envelope({ sequence: 9, payload: "x" }).slice(0, -1)),
  ],
  "rolled_back": [
    "/state/boot/bootctl.v1",
    put(
      "/state/boot/bootctl.v1",
      envelope({ sequence: 1, subject: "updated", payload: "slot a" }),
    ),
  ],
  "seal_broken": [
    "/state/app/b",
    put(
      "/state/app/b",
      sealed(APP, "moved", { key: RECORD_KEY, salt: SALT, id: 9 }),
    ),
  ],
  "bad_name": ["/state//a", put("/state//a", "x")],
  "too_long": ["/state/long", put("/state/long", new Uint8Array(65_536).fill(1))],
  "no_salt": [APP, put("/state/statefsd/enc.v1", upstream.saltMark(new Uint8Array(12)))],
} as const;

for (const [reason, [path, broken]] of Object.entries(BROKEN)) {
  test(`importState names a value that it cannot take, ${reason}, and makes nothing`, async () => {
    const image = firstLayout(BLOCKS, ...RECORDS, broken);
    const { result } = await taken(image);
    deepEqual(result, { status: "untakable", values: [{ path, reason }] });
    const { values, report } = await taken(image, { skipUnreadable: true });
    const { [path]: _, ...others } = VALUES;
    deepEqual(values, others);
    ok(report?.leftOut.some((value) => value.path === path && value.reason === reason));
  });
}

test("importState needs the image's device key for what was made with it, and for nothing else", async () => {
  const gone = upstream.record(upstream.OP.delete, DEVICE_KEY);
  const { result } = await taken(firstLayout(BLOCKS, ...RECORDS, gone));
  const reason = "no_device_key";
  deepEqual(result, {
    ...{ status: "untakable", values: [{ path: APP, reason }, { path: SECURE, reason }] },
  });
});

test("importState checks a MAC also where there need be none", async () => {
  const path = "/state/boot/b";
  const mac = { key: new Uint8Array(32), path };
  const { result } = await taken(
    firstLayout(BLOCKS, ...RECORDS, put(path, envelope({ sequence: 1, payload: "x", mac }))),
  );
  deepEqual(result, { status: "untakable", values: [{ path, reason: "bad_mac" }] });
});

test("importState says how large an image must be, before anything is made", async () => {
  const big = Array.from(
    { length: 4 },
    (_, index) => put(`/state/crash/big${index}`, new Uint8Array(60_000).fill(1)),
  );
  const image = firstLayout(1024, ...RECORDS, ...big);
  const { result } = await taken(image);
  deepEqual(result, { status: "too_small", sectorsMin: 2048 });
  equal((await taken(image, { sectorCount: 2048 })).report?.taken, 11);
});

test("importState refuses what is no image of upstream's, by name", async () => {
  await fails("source_blank", taken(new Uint8Array(BLOCKS * 512)));
  await fails("source_lost", taken(new Uint8Array(BLOCKS * 512).fill(255)));
  const ports = memoryStatePorts();
  await withState(ports, "/other", () => {});
  const own = ports.host.folders.get("/other")?.get("state.img")?.bytes ?? new Uint8Array(0);
  await fails("source_ours", taken(own));
  await fails("not_found", imported(memoryStatePorts()));
});

test("importState refuses a source with more than a node keeps, and one that is too long to read", async () => {
  // With the store's own two there would be one too many.
  const many = Array.from(
    { length: KEYS_MAX - 1 },
    (_, index) => encodeRecord({ op: "put", key: `/state/${index}`, value: new Uint8Array(0) }),
  );
  await fails("source_too_large", taken(firstLayout(8192, concatBytes(...many))));
  const ports = portsWith(LAYOUTS.legacy);
  const open = ports.host.openImage.bind(ports.host);
  ports.host.openImage = (path) => ({ ...open(path), sectorCount: SECTORS_MAX + 1 });
  await fails("source_too_large", imported(ports));
});

test("importState changes nothing in a directory that is one", async () => {
  const ports = portsWith(LAYOUTS.legacy);
  await withState(ports, DIR, () => {});
  await fails("exists", imported(ports));
  deepEqual(await withState(ports, DIR, valuesIn), {});
});

test("importState cut at any step is completed by the same, and opened by nothing else before", async () => {
  const whole = portsWith(LAYOUTS.regions);
  await imported(whole);
  for (let cut = 0; cut < whole.host.steps; cut++) {
    for (const unflushed of ["kept", "lost"] as const) {
      const ports = portsWith(LAYOUTS.regions);
      ports.host.cutAt = cut;
      await rejects(imported(ports), StateFailure, `step ${cut}`);
      const host = ports.host.after(unflushed);
      host.put(FROM, LAYOUTS.regions);
      const after = memoryStatePorts(host, 2);
      const begun = host.look(DIR)?.includes("import.begun") === true;
      const facts = host.folders.get(DIR)?.get("state.json");
      const done = facts !== undefined && !new TextDecoder().decode(facts.bytes).includes("null");
      if (begun && !done) {
        await fails("import_begun", openState(after, DIR, { create: { sectorCount: 512 } }));
        const code = facts === undefined ? "absent" : "import_begun";
        await fails(code, checkState(after, DIR, { mode: "judge" }));
      }
      if (done) await fails("exists", imported(after));
      else equal((await imported(after)).status, "ok", `step ${cut}, ${unflushed}`);
      deepEqual(await withState(after, DIR, valuesIn), VALUES, `step ${cut}, ${unflushed}`);
      ok(!host.look(DIR)?.includes("import.begun"));
    }
  }
  ok(whole.host.steps > 10);
});

test("importState completes an image with its own values alone", async () => {
  const ports = portsWith(LAYOUTS.legacy);
  await imported(ports);
  const folder = ports.host.folders.get(DIR);
  const facts = folder?.get("state.json");
  ok(folder !== undefined && facts !== undefined);
  const text = new TextDecoder().decode(facts.bytes);
  facts.bytes = upstream.joined(text.replace(/"imageId": "\w+"/, '"imageId": null'));
  const image = folder.get("state.img")?.bytes.slice() ?? new Uint8Array(0);
  ports.host.put(FROM, firstLayout(BLOCKS, put("/state/other", "x")));
  await fails("other_source", imported(ports));
  deepEqual(folder.get("state.img")?.bytes, image);
  ports.host.put(FROM, LAYOUTS.legacy);
  equal((await imported(ports)).status, "ok");
});

test("importState keeps nothing of a read that failed", async () => {
  const ports = portsWith(LAYOUTS.legacy);
  const open = ports.host.openImage.bind(ports.host);
  ports.host.openImage = (path) => ({ ...open(path), read: () => Promise.resolve("io_error") });
  await fails("image_unreadable", imported(ports));
  equal(new MemoryState().look(DIR), ports.host.look(DIR));
});
