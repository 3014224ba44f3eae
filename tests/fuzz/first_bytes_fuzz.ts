import { ANNOUNCE_REQUEST } from "@net/discovery/announce.ts";
import { type BusNode, busNode, BusWorld, targetOf } from "../fakes/bus.ts";
import { deepEqual, ok } from "../fakes/assert.ts";
import type { FakeStream } from "../fakes/streams.ts";
import { Choices } from "./choices.ts";

/**
 * What strangers send to dsoftbusd's port, byte by byte, and what a line does to a real handshake:
 * each connection becomes a session, an announce or a refusal with a name, nothing faults, and
 * nothing stays in the admission table.
 */
export const name = "first_bytes";

const NODE = 0x0a00_0001;
const DIALLER = 0x0a00_0002;
const STRANGERS_MAX = 6;
const HANDSHAKE_TIMEOUT_MS = 1_000;
/** Longer than the deadline of a handshake. */
const AGE_MS = 3_000;
/** Length prefixes that mean something to a decoder. */
const LENGTHS = [0, 1, 47, 48, 49, 64, 280, 281, 65_535, 65_536, 65_537, 0xffff_ffff] as const;

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  const world = new BusWorld();
  const node = await nodeAt(world, choices);
  const strangers: FakeStream[] = [];
  for (let left = choices.between(1, STRANGERS_MAX); left > 0; left--) {
    strangers.push(...await intrude(choices, world));
  }
  if (choices.oneIn(3)) await dialThroughDamage(choices, world);
  await world.pass(AGE_MS, 250);
  ended(node);
  for (const stranger of strangers) await stranger.abort();
}

/** Runs bytes of the corpus as what a stranger sends before it closes. */
export async function replay(bytes: Uint8Array): Promise<void> {
  const world = new BusWorld();
  const node = await nodeAt(world, new Choices(0));
  const stranger = world.connect(NODE);
  await stranger?.write(bytes.slice(), 1);
  await world.settle();
  await stranger?.close();
  await world.pass(AGE_MS, 250);
  ended(node);
}

function nodeAt(world: BusWorld, choices: Choices): Promise<BusNode> {
  return busNode(world, {
    seed: 1,
    address: NODE,
    perAddress: choices.between(1, 4),
    connections: choices.between(1, 6),
    handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS,
  });
}

/** A connection, what it sends in pieces, and how it is left: closed, cut off or silent. */
async function intrude(choices: Choices, world: BusWorld): Promise<FakeStream[]> {
  world.pair = choices.oneIn(3) ? { segment: choices.between(1, 8) } : {};
  const stranger = world.connect(NODE, 0x0a00_0100 + choices.below(3));
  if (stranger === undefined) return [];
  const bytes = firstBytes(choices);
  for (let offset = 0; offset < bytes.length;) {
    const length = choices.oneIn(2) ? bytes.length : choices.between(1, 9);
    await stranger.write(bytes.slice(offset, offset + length), 1);
    offset += length;
    if (choices.oneIn(3)) await world.settle();
    if (choices.oneIn(6)) await world.pass(choices.pick([1, 300, HANDSHAKE_TIMEOUT_MS]), 100);
  }
  if (choices.oneIn(3)) await world.settle();
  const left = choices.pick(["closed", "aborted", "silent"]);
  if (left === "closed") await stranger.close();
  if (left === "aborted") await stranger.abort();
  return [stranger];
}

function firstBytes(choices: Choices): Uint8Array {
  switch (choices.below(5)) {
    case 0:
      return choices.bytes(choices.below(80));
    case 1:
      return ANNOUNCE_REQUEST.slice();
    case 2:
      return choices.damaged(ANNOUNCE_REQUEST);
    default: {
      const prefix = choices.pick(LENGTHS);
      const bytes = choices.bytes(4 + choices.pick([0, 1, 47, 48, 49, 300]));
      new DataView(bytes.buffer).setUint32(0, prefix);
      if (choices.oneIn(4)) bytes.fill(0, 4);
      return bytes;
    }
  }
}

/** A real node dials over lines that change bytes, and stops. */
async function dialThroughDamage(choices: Choices, world: BusWorld): Promise<void> {
  const damagedEnd = choices.below(3);
  let left = choices.between(1, 3);
  world.pair = {
    tamper(end, bytes) {
      if (end !== damagedEnd || bytes.length === 0 || choices.oneIn(2) || left-- <= 0) return bytes;
      const changed = bytes.slice();
      const at = choices.below(changed.length);
      changed[at] = (changed[at] ?? 0) ^ (1 << choices.below(8));
      return changed;
    },
  };
  const options = { handshakeTimeoutMs: HANDSHAKE_TIMEOUT_MS, targets: [targetOf(NODE)] };
  const dialler = await busNode(world, { seed: 2, address: DIALLER, ...options });
  await world.pass(500, 50);
  dialler.bus.stop();
  await world.pass(AGE_MS, 250);
  deepEqual([dialler.faults, dialler.bus.live.length], [[], 0]);
}

/** Every connection had an outcome, and none is left. */
function ended(node: BusNode): void {
  const { acceptor, bus, table, faults } = node;
  deepEqual([faults, table.size, bus.live.length], [[], 0, 0]);
  const { connections, announces } = acceptor.accepted;
  const refused = Object.values(node.counts()).reduce((sum, count) => sum + count, 0);
  const outcomes = announces + bus.sessions + refused;
  // A session that ends badly is counted as both; an announce that is cut off as it is sent, too.
  ok(
    outcomes >= connections && outcomes <= connections + bus.sessions + announces,
    `${connections} connections: ${announces} announces, ${bus.sessions} sessions, ${refused} refused`,
  );
}
