import { equalBytes } from "@runtime/core/bytes.ts";
import { BlkGuest, type GuestRequest } from "../fakes/blk_guest.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { type FakeDisk, fakeDisk } from "../fakes/disk.ts";
import { settle } from "../fakes/settle.ts";
import { Choices } from "./choices.ts";

/**
 * A guest asks the block device for anything, in range or not, while the disk answers late, in any
 * order, or fails; now and then the guest scribbles over its descriptors. The disk is only ever asked
 * for what lies inside it, a read-only one for no change, and requests that the device takes end as a
 * model of the disk says.
 */
export const name = "blk";

const SECTORS = 16;
const SLOTS = 8;
const CALLS = 24;
const FLUSH = 1 << 9;
const QUEUE_LENGTH = 0x4000;
/** The rings, headers, statuses and data of all slots lie below. */
const WATCHED_LENGTH = 0x3_0000;

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const readOnly = choices.oneIn(4);
  const disk = strict(fakeDisk({ sectorCount: SECTORS, readOnly }));
  const guest = new BlkGuest(disk, choices.pick([0, FLUSH, FLUSH | (1 << 28)]));
  if (choices.oneIn(2)) await honest(choices, guest);
  else await hostile(choices, guest);
}

/** A disk that insists on what its port promises to it. */
function strict(disk: FakeDisk): FakeDisk {
  const inside = (sector: number, count: number): void => {
    ok(Number.isInteger(sector) && Number.isInteger(count), `sector ${sector}, count ${count}`);
    ok(sector >= 0 && count >= 0 && sector + count <= SECTORS, `sector ${sector}, count ${count}`);
  };
  const { read, write, discard, writeZeroes } = disk;
  const changing = (sector: number, count: number): void => {
    equal(disk.readOnly, false);
    inside(sector, count);
  };
  disk.read = (sector, into) => (inside(sector, into.length / 512), read(sector, into));
  disk.write = (sector, from) => (changing(sector, from.length / 512), write(sector, from));
  disk.discard = (sector, count) => (changing(sector, count), discard(sector, count));
  disk.writeZeroes = (sector, count) => (changing(sector, count), writeZeroes(sector, count));
  return disk;
}

function request(choices: Choices): GuestRequest {
  const type = choices.pick([0, 0, 1, 1, 4, 8, 11, 13, choices.below(20)]);
  const sector = choices.oneIn(6)
    ? choices.pick([2n ** 64n - 1n, 2n ** 32n, 2n ** 53n, 16n])
    : BigInt(choices.below(SECTORS));
  const length = choices.oneIn(6) ? choices.below(1100) : 512 * choices.below(4);
  if (type === 1) return { type, sector, out: choices.bytes(length) };
  if (type !== 11 && type !== 13) return { type, sector, room: type === 8 ? 20 : length };
  const range = new DataView(new ArrayBuffer(16));
  range.setBigUint64(0, sector, true);
  range.setUint32(8, choices.below(6), true);
  range.setUint32(12, choices.pick([0, 0, 1, 2]), true);
  return { type, out: new Uint8Array(range.buffer) };
}

/** One request after the other, against a model that knows nothing of rings. */
async function honest(choices: Choices, guest: BlkGuest): Promise<void> {
  const model = guest.disk.bytes.slice();
  for (let call = 0; call < CALLS; call++) {
    const asked = request(choices);
    const fails = choices.oneIn(8);
    if (fails) guest.disk.statuses.push("io_error");
    const { status, length } = await guest.run(asked);
    guest.disk.statuses.length = 0;
    ok(status !== undefined && status <= 2 && length !== undefined, "a request ends");
    const sector = Number(asked.sector ?? 0);
    if (status === 0 && asked.type === 1) model.set(asked.out ?? [], 512 * sector);
    if (status === 0 && asked.type === 13) zero(model, asked.out ?? new Uint8Array(16));
    if (status === 0 && asked.type === 0) {
      const room = asked.room ?? 0;
      equal(length, room + 1);
      deepEqual(guest.data(0, room), model.slice(512 * sector, 512 * sector + room));
    }
  }
  deepEqual(guest.disk.bytes, model);
}

function zero(model: Uint8Array, range: Uint8Array): void {
  const view = new DataView(range.buffer);
  const start = 512 * view.getUint32(0, true);
  model.fill(0, start, start + 512 * view.getUint32(8, true));
}

/** Everything at once, and lies. */
async function hostile(choices: Choices, guest: BlkGuest): Promise<void> {
  for (let call = 0; call < CALLS; call++) {
    guest.disk.hold = choices.oneIn(2);
    if (choices.oneIn(4)) guest.disk.statuses.push(choices.pick(["io_error", "no_space", "ok"]));
    if (choices.oneIn(3)) scribble(choices, guest);
    else guest.ask(choices.below(SLOTS), request(choices));
    guest.kick();
    ok(guest.device.inFlight <= 16);
    if (choices.oneIn(2)) guest.disk.release(choices.below(4));
    await settle();
    for (const work of guest.postponed.splice(0)) work();
    if (choices.oneIn(8)) await restart(guest);
  }
  guest.disk.hold = false;
  guest.disk.release();
  await settle();
  guest.disk.release();
  await settle();
}

/** What was under way before the reset ends now, and the guest's memory stays as it is. */
async function restart(guest: BlkGuest): Promise<void> {
  guest.restart();
  const before = guest.region.bytes.slice(0, WATCHED_LENGTH);
  guest.disk.hold = false;
  guest.disk.release();
  await settle();
  guest.disk.release();
  await settle();
  equal(guest.device.inFlight, 0);
  const after = guest.region.bytes.subarray(0, WATCHED_LENGTH);
  ok(equalBytes(before, after), "memory changed after a reset");
}

/** Overwrites a few bytes of descriptors and rings. */
function scribble(choices: Choices, guest: BlkGuest): void {
  for (let left = choices.between(1, 4); left > 0; left--) {
    const at = choices.oneIn(2) ? choices.below(16 * 3 * SLOTS) : choices.below(QUEUE_LENGTH);
    guest.region.bytes[at] = choices.pick([0, 1, 2, 4, 5, 0x7f, 0x80, 0xff]);
  }
}
