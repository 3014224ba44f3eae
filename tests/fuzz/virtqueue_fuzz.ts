import { GuestMemory, PAGE_SIZE, RamRegion } from "@hw/bus/memory.ts";
import { type Chain, QueueError } from "@hw/device/chain.ts";
import { SplitQueue } from "@hw/device/queue.ts";
import { DriverError } from "@hw/driver/error.ts";
import { DriverQueue } from "@hw/driver/queue.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import { Choices } from "./choices.ts";

/**
 * An honest driver and an honest device pass every buffer on, in order. Where one of them scribbles
 * over the shared memory, the other stays inside it, or stops with an error of its own kind.
 */
export const name = "virtqueue";

const BASE = 0x8000_0000;
const SIZE_MAX = 8;
const BUFFER_LENGTH = 64;
const CALLS = 40;

interface Pair {
  readonly region: RamRegion;
  readonly driver: DriverQueue;
  readonly device: SplitQueue;
  readonly size: number;
}

export function fuzz(seed: number): void {
  const choices = new Choices(seed);
  const pair = chosenPair(choices);
  const hostile = choices.oneIn(2);
  const waiting: number[] = [];
  const taken: number[] = [];
  try {
    for (let call = 0; call < CALLS; call++) {
      if (hostile && choices.oneIn(4)) scribble(choices, pair.region);
      else if (choices.oneIn(2)) driverTurn(choices, pair, waiting);
      else deviceTurn(choices, pair, taken);
    }
  } catch (error) {
    const refusal = error instanceof QueueError || error instanceof DriverError;
    if (!(hostile && refusal)) throw error;
  }
  if (!hostile) deepEqual(taken, waiting.slice(0, taken.length));
}

function chosenPair(choices: Choices): Pair {
  const size = 1 << choices.below(Math.log2(SIZE_MAX) + 1);
  const region = new RamRegion(BASE, PAGE_SIZE);
  const eventIndex = choices.oneIn(2);
  const shape = { offset: 0, size, bufferLength: BUFFER_LENGTH, bufferShift: 0 };
  const driver = new DriverQueue(region, { ...shape, writable: true, eventIndex });
  const address = (at: number) => ({ low: at >>> 0, high: 0 });
  const device = new SplitQueue({
    memory: new GuestMemory([region]),
    size,
    sizeMax: SIZE_MAX,
    descriptors: address(driver.place.descriptors),
    available: address(driver.place.available),
    used: address(driver.place.used),
    eventIndex,
    indirect: choices.oneIn(2),
  });
  return { region, driver, device, size };
}

/** Takes back what was used, offers what is free. */
function driverTurn(choices: Choices, { driver, size }: Pair, offered: number[]): void {
  for (let left = choices.below(3); left > 0; left--) {
    const id = driver.take();
    ok(id < size);
    if (id >= 0) ok(driver.takenLength <= BUFFER_LENGTH);
  }
  if (driver.inFlight === 0) {
    for (let id = 0; id < choices.below(size + 1); id++) {
      driver.offer(id, choices.between(1, BUFFER_LENGTH));
      offered.push(id);
    }
  }
  if (choices.oneIn(2)) driver.publish();
  if (choices.oneIn(4)) driver.wantInterrupt();
  if (choices.oneIn(4)) driver.muteInterrupt();
}

/** Serves some of what is offered. */
function deviceTurn(choices: Choices, { device, region }: Pair, taken: number[]): void {
  for (let left = choices.below(4); left > 0; left--) {
    const chain = device.pop();
    if (chain === undefined) break;
    staysInside(chain, region);
    const written = chain.scatter(choices.bytes(choices.below(2 * BUFFER_LENGTH)));
    ok(written <= chain.writableLength);
    taken.push(chain.head);
    device.complete(chain.head, written);
  }
  if (choices.oneIn(2)) device.publish();
  if (choices.oneIn(4)) device.wantKick();
  if (choices.oneIn(4)) device.muteKick();
}

function staysInside(chain: Chain, region: RamRegion): void {
  for (let part = 0; part < chain.count; part++) {
    const end = chain.offsetOf(part) + chain.lengthOf(part);
    ok(chain.offsetOf(part) >= 0 && end <= region.bytes.length, `part ends at ${end}`);
  }
}

/** Overwrites a few bytes of descriptors, rings or buffers. */
function scribble(choices: Choices, region: RamRegion): void {
  for (let left = choices.between(1, 4); left > 0; left--) {
    region.bytes[choices.below(512)] = choices.pick([0, 1, 2, 4, 5, 0x7f, 0x80, 0xff]);
  }
}
