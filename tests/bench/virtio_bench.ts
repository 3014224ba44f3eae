/**
 * Frames through the emulated network card: driver to link, and link to driver.
 *
 *     deno bench -A tests/bench/virtio_bench.ts
 *     deno run -A tests/bench/virtio_bench.ts        frames/s and MB/s as a table
 *
 * @module
 */

import { createMachine } from "@hw/board/machine.ts";
import { type NetworkCard, openVirtioNet } from "@hw/driver/virtio_net.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Link, LinkPort } from "@runtime/core/ports.ts";
import { manualClock } from "../fakes/clock.ts";
import { trapHandler } from "../fakes/irq.ts";

/** Frames of one batch: one kick or one interrupt for all of them. */
const BATCH = 32;
const SHAPES = [{ mtu: 1500, length: 60 }, { mtu: 1500, length: 1514 }, {
  mtu: 65535,
  length: 1514,
}, { mtu: 65535, length: 65549 }] as const;

/** Bytes whose place modulo 8 is that of the card's frames: so copies run word by word. */
function atFramePlace(length: number): Uint8Array {
  return new Uint8Array(length + 2).subarray(2);
}

/** A link that takes everything, and on demand gives as many frames as it is told. */
interface PumpLink extends Link {
  taken: number;
  pump(count: number): void;
}

function pumpLink(mtu: number, frame: Uint8Array): PumpLink {
  let port: LinkPort | undefined;
  let waiting = 0;
  const copy = atFramePlace(mtu + 14);
  const link: PumpLink = {
    mtu,
    taken: 0,
    attach: (attached) => {
      port = attached;
    },
    transmit(sent) {
      copy.set(sent);
      link.taken++;
    },
    receive(into) {
      if (waiting === 0) return 0;
      waiting--;
      into.set(frame);
      return frame.length;
    },
    pump(count) {
      waiting += count;
      port?.available();
    },
  };
  return link;
}

interface Bench {
  readonly card: NetworkCard;
  readonly link: PumpLink;
  readonly frame: Uint8Array;
}

function setUp(shape: { readonly mtu: number; readonly length: number }): Bench {
  const frame = atFramePlace(shape.length).fill(0x5a);
  const link = pumpLink(shape.mtu, frame);
  const clock = manualClock();
  const machine = createMachine({
    entropy: { fill: (bytes) => bytes.length },
    link,
    console: { write() {} },
    clock,
    later: clock.later,
  });
  const device = machine.devices.find(({ name }) => name === "virtio-net");
  assert(device !== undefined, "the machine has a card");
  const irq = trapHandler(machine.interrupts).irq(device.irq);
  return { card: openVirtioNet({ ...device, irq }), link, frame };
}

/** The sender writes each frame where the device reads it; the link copies it out once. */
function transmitBatch({ card, frame }: Bench): void {
  const fill = (into: Uint8Array): number => {
    into.set(frame);
    return frame.length;
  };
  for (let count = 0; count < BATCH; count++) card.transmit(fill);
  card.flush();
}

/** The link writes each frame where the driver reads it. */
async function receiveBatch({ card, link }: Bench): Promise<void> {
  const woken = card.wait();
  link.pump(BATCH);
  await woken;
  const count = card.receive(() => {}, BATCH);
  assert(count === BATCH, "a whole batch came");
}

for (const shape of SHAPES) {
  const bench = setUp(shape);
  const group = `${shape.length} B frames, mtu ${shape.mtu}`;
  Deno.bench(`driver to link, x${BATCH}`, { group }, () => transmitBatch(bench));
  Deno.bench(`link to driver, x${BATCH}`, { group }, () => receiveBatch(bench));
}

async function rate(shape: (typeof SHAPES)[number], send: boolean): Promise<string> {
  const bench = setUp(shape);
  const batches = Math.ceil(2e9 / BATCH / (shape.length + 3000));
  const run = async (count: number) => {
    for (let n = 0; n < count; n++) {
      if (send) transmitBatch(bench);
      else await receiveBatch(bench);
    }
  };
  await run(Math.ceil(batches / 10));
  const start = performance.now();
  await run(batches);
  const seconds = (performance.now() - start) / 1e3;
  const frames = (batches * BATCH) / seconds;
  const megabytes = frames * shape.length / 1e6;
  return `${frames.toFixed(0).padStart(9)} frames/s ${megabytes.toFixed(0).padStart(6)} MB/s`;
}

if (import.meta.main) {
  for (const shape of SHAPES) {
    const name = `mtu ${shape.mtu}, ${shape.length} B`;
    console.log(
      `${name.padEnd(22)} tx ${await rate(shape, true)}   rx ${await rate(shape, false)}`,
    );
  }
}
