import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { rngd } from "../rngd/protocol.ts";
import { Nonces } from "./nonces.ts";

test("Nonces gives each byte of rngd's out once, in order, over as many draws as it takes", async () => {
  let drawn = 0;
  const nonces = new Nonces(directClient(rngd, {
    getEntropy: ({ length }) => ({
      status: "ok",
      entropy: Uint8Array.from({ length }, () => drawn++ & 0xff),
    }),
  }));
  const bytes: number[] = [];
  for (const length of [24, 0, 200, 300, 1]) {
    bytes.push(...await nonces.draw(length) ?? []);
  }
  deepEqual(bytes, Array.from({ length: 525 }, (_, index) => index & 0xff));
  equal(drawn, 768);
});

test("Nonces has none when rngd has none, or gives less than was asked for", async () => {
  for (const length of [undefined, 255]) {
    const nonces = new Nonces(directClient(rngd, {
      getEntropy: () =>
        length === undefined
          ? { status: "unavailable" }
          : { status: "ok", entropy: new Uint8Array(length) },
    }));
    equal(await nonces.draw(24), undefined);
  }
});
