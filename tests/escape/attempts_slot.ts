/** Guessing slots: every number there is and what is no number at all, with every system call. */

import type { Slot, Syscalls } from "@runtime/core/syscalls.ts";
import { type Attempt, counted, type Loot } from "./loot.ts";

/** Slots that are tried: the table's, and some on either side. */
const SLOTS = Array.from({ length: 320 }, (_, index) => index - 16);

/** What is no slot, though a careless table would take it for one. */
const STRANGE: readonly unknown[] = [
  ..."0 length push fill constructor __proto__ toString".split(" "),
  ...[1.5, -0.5, NaN, Infinity, 2 ** 32, 2 ** 53, 4n, true, null, undefined, [3], [[3]], {}],
  ...[{ valueOf: () => 3 }, { toString: () => "3" }, Symbol.iterator, () => 3],
];

const EMPTY = new Uint8Array(0);
const PAGE = 4096;

type Call = (syscalls: Syscalls, slot: Slot) => unknown;

/** Whether there was something to have; a status otherwise. */
function had(value: unknown): string {
  return value === undefined ? "nothing" : "something";
}

const CALLS: Readonly<Record<string, Call>> = {
  trySend: (syscalls, slot) => syscalls.trySend(slot, EMPTY),
  receive: async (syscalls, slot) => (await syscalls.receive(slot, 0)).status,
  capClone(syscalls, slot) {
    const copy = syscalls.capClone(slot);
    if (copy.status === "ok") syscalls.capClose(copy.slot);
    return copy.status;
  },
  capQuery: (syscalls, slot) => syscalls.capQuery(slot).status,
  vmoMap: (syscalls, slot) => had(syscalls.vmoMap(slot)),
  mmioMap: (syscalls, slot) => syscalls.mmioMap(slot, 0, PAGE).status,
  dmaMap: (syscalls, slot) => had(syscalls.dmaMap(slot)),
  irqBind: (syscalls, slot) => had(syscalls.irqBind(slot)),
};

async function tried(call: Call, syscalls: Syscalls, slot: unknown): Promise<unknown> {
  try {
    return await call(syscalls, slot as Slot);
  } catch (error) {
    return error instanceof Error ? `threw ${error.name}` : "threw";
  }
}

async function eachSlot({ syscalls }: Loot, slots: readonly unknown[]) {
  const outcomes: Record<string, Record<string, number>> = {};
  for (const [name, call] of Object.entries(CALLS)) {
    const each: unknown[] = [];
    for (const slot of slots) each.push(await tried(call, syscalls, slot));
    outcomes[name] = counted(each);
  }
  return outcomes;
}

/** Closes what is no slot, and says how many slots the table then has. */
async function corrupt({ syscalls }: Loot): Promise<unknown> {
  const close: Call = (own, slot) => own.capClose(slot);
  const outcomes: unknown[] = [];
  for (const slot of STRANGE) outcomes.push(await tried(close, syscalls, slot));
  const held: Slot[] = [];
  for (let made = syscalls.vmoCreate(1); made.status === "ok"; made = syscalls.vmoCreate(1)) {
    if (held.push(made.slot) > 1_000) break;
  }
  for (const slot of held) syscalls.capClose(slot);
  const outside = held.filter((slot) => !Number.isInteger(slot) || slot < 0 || slot > 255);
  return {
    closed: counted(outcomes),
    outside: outside.length,
    twice: held.length - new Set(held).size,
  };
}

/** Gives every capability away, through an endpoint of its own; says how often each status came. */
async function giveAll({ syscalls }: Loot): Promise<unknown> {
  const way = syscalls.endpointCreate(256);
  const own = syscalls.endpointCreate(1);
  if (way.status !== "ok" || own.status !== "ok") return "no endpoint";
  const outcomes: unknown[] = [];
  for (const slot of SLOTS) {
    if ([way.send, way.receive, own.send, own.receive].includes(slot)) continue;
    outcomes.push(await syscalls.send(way.send, EMPTY, { move: slot, deadlineNs: 0 }));
  }
  const receiveRight = await syscalls.send(way.send, EMPTY, { move: own.receive, deadlineNs: 0 });
  const sendRight = await syscalls.send(way.send, EMPTY, { move: own.send, deadlineNs: 0 });
  let moved: Slot | undefined;
  for (let left = outcomes.length; left >= 0; left--) {
    const came = await syscalls.receive(way.receive, 0);
    if (came.status !== "ok") break;
    moved = came.moved;
  }
  const further = moved === undefined
    ? "nothing came"
    : await syscalls.send(way.send, EMPTY, { move: moved, deadlineNs: 0 });
  for (const slot of [way.send, way.receive, own.receive, moved ?? -1]) syscalls.capClose(slot);
  return { given: counted(outcomes), receiveRight, sendRight, further };
}

export const SLOT_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "every slot": (loot) => eachSlot(loot, SLOTS),
  "strange slots": (loot) => eachSlot(loot, STRANGE),
  "close strange slots": corrupt,
  "give everything away": giveAll,
};
