import { equalBytes } from "@runtime/core/bytes.ts";
import { equal, ok } from "@tests/fakes/assert.ts";
import { LossyDisk } from "@tests/fakes/lossy_disk.ts";
import { bytesOf, recordKey, risingRandom, storeOn } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { fillImage, holdsValues } from "./fill_image.ts";
import type { FirstValue } from "./format_image.ts";

const FIRST = ["a", "b"].map((name): FirstValue => ({
  ...{ path: `/state/app/${name}`, payload: bytesOf(name) },
  ...{ subject: "s", purpose: "p", timestamp: 7n },
}));

function fill(disk: LossyDisk, values = FIRST) {
  return fillImage({ disk, random: risingRandom(), recordKey: recordKey() }, { values });
}

async function filled(): Promise<Uint8Array> {
  const disk = new LossyDisk(new Uint8Array(65 * 512));
  equal(await fill(disk), "ok");
  return disk.image;
}

test("fillImage begins an image with values, which holdsValues knows again, and no others", async () => {
  const { store } = await storeOn(await filled());
  ok(holdsValues(store, FIRST));
  ok(!holdsValues(store, FIRST.slice(1)));
  ok(!holdsValues(store, [...FIRST, ...FIRST.map((value) => ({ ...value, path: "/state/c" }))]));
  const others = [
    { payload: bytesOf("x") },
    { subject: "x" },
    { purpose: "x" },
    { timestamp: 8n },
    { path: "/state/app/x" },
  ];
  for (const change of others) {
    ok(
      !holdsValues(
        store,
        FIRST.map((value, index) => index === 0 ? { ...value, ...change } : value),
      ),
    );
  }
});

test("fillImage writes over an attempt that was cut off, and over nothing else", async () => {
  const image = await filled();
  const attempts = [
    { what: "block 0 was not written", change: (bytes: Uint8Array) => bytes.fill(0, 0, 512) },
    { what: "block 0 is no superblock", change: (bytes: Uint8Array) => bytes.fill(1, 0, 512) },
    { what: "a damaged log", change: (bytes: Uint8Array) => bytes.fill(1, 600, 700) },
  ];
  for (const { what, change } of attempts) {
    const bytes = change(image.slice());
    const disk = new LossyDisk(bytes);
    equal(await fill(disk, []), "ok");
    ok(equalBytes(disk.image, bytes), what);
  }
  const cut = image.slice();
  cut.fill(0, 0, 512);
  cut.fill(0, 700, 1024);
  const disk = new LossyDisk(cut);
  equal(await fill(disk), "ok");
  ok(holdsValues((await storeOn(disk.image)).store, FIRST));
});

test("fillImage tells what the disk and the random source refuse", async () => {
  for (const failReadAt of [0, 1, 2]) {
    const disk = new LossyDisk(new Uint8Array(65 * 512), { failReadAt });
    equal(await fill(disk), "io_error");
    equal(disk.operations, 0, "nothing is written over what was not read");
  }
  for (const good of [0, 1, 2]) {
    let draws = 0;
    const random = {
      draw: (length: number) =>
        Promise.resolve(draws++ < good ? new Uint8Array(length) : undefined),
    };
    const disk = new LossyDisk(new Uint8Array(65 * 512));
    equal(
      await fillImage({ disk, random, recordKey: recordKey() }, { values: FIRST }),
      "unavailable",
    );
    equal(disk.operations, 0);
  }
  const small = new LossyDisk(new Uint8Array(9 * 512));
  const values = FIRST.map((value) => ({ ...value, payload: new Uint8Array(1_000) }));
  equal(await fill(small, values), "no_space");
});
