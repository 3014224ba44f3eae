import type { Timer } from "@runtime/core/syscalls.ts";
import { equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { Expiry } from "@hw/driver/expiry.ts";
import { EntropySource, type SourcePorts } from "./source.ts";
import { brokenHealthTest, type MakeSource } from "./start_up.ts";

const TIMER: Timer = { set() {}, wait: () => new Promise(() => {}) };

async function broken(make: MakeSource) {
  return await brokenHealthTest(make, new Expiry(manualClock(), TIMER));
}

/** A source that hands out what the device gives, but for the read that `trips` says. */
function tripping(trips: (judged: number) => boolean): MakeSource {
  return ({ device, failed }: SourcePorts) => {
    let judged = 0;
    return {
      async draw(length) {
        const bytes = await device.read(length, new Promise(() => {}));
        judged += length;
        if (!trips(judged)) return bytes;
        failed({ judged });
        return undefined;
      },
    };
  };
}

test("brokenHealthTest finds nothing wrong with the source that rngd has", async () => {
  equal(await broken((ports) => new EntropySource(ports)), undefined);
});

test("brokenHealthTest names the test that does not trip, or does so too early", async () => {
  equal(await broken(tripping(() => false)), "repetition");
  equal(await broken(tripping(() => true)), "repetition");
  equal(await broken(tripping((judged) => judged >= 8)), "repetition");
});

test("brokenHealthTest finds a source that goes on behind a test that tripped", async () => {
  equal(await broken(tripping((judged) => judged === 9)), "repetition");
});

test("brokenHealthTest finds a source that tells of one failure twice", async () => {
  const twice: MakeSource = (ports) =>
    new EntropySource({
      ...ports,
      failed(evidence) {
        ports.failed(evidence);
        ports.failed(evidence);
      },
    });
  equal(await broken(twice), "repetition");
});

test("brokenHealthTest finds a source that counts repetitions alone", async () => {
  const repetitions: MakeSource = ({ device, failed }) => {
    let last = -1;
    let repeated = 0;
    let judged = 0;
    let over = false;
    return {
      async draw(length) {
        if (over) return undefined;
        const bytes = await device.read(length, new Promise(() => {})) ?? new Uint8Array(0);
        for (const byte of bytes) {
          judged += 1;
          repeated = byte === last ? repeated + 1 : 1;
          last = byte;
          over ||= repeated >= 9;
        }
        if (!over) return bytes;
        failed({ judged });
        return undefined;
      },
    };
  };
  equal(await broken(repetitions), "proportion");
});
