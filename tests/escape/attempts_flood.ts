/** Starving others: everything that can be asked for again and again, until it is refused. */

import { type Attempt, counted, type Loot, outcomeOf } from "./loot.ts";

/** More than any bound that is known. */
const TRIES = 100_000;
const MEGABYTE = 1 << 20;

/** How often it went well before it was refused, and with which status. */
function untilRefused(step: () => { readonly status: string }) {
  for (let done = 0; done < TRIES; done++) {
    const { status } = step();
    if (status !== "ok") return { done, status };
  }
  return { done: TRIES, status: "never refused" };
}

function endpoints({ syscalls }: Loot) {
  const held: number[] = [];
  const outcome = untilRefused(() => {
    const made = syscalls.endpointCreate(256);
    if (made.status === "ok") held.push(made.receive, made.send);
    return made;
  });
  for (const slot of held) syscalls.capClose(slot);
  return outcome;
}

function memory({ syscalls }: Loot) {
  const held: number[] = [];
  const outcome = untilRefused(() => {
    const made = syscalls.vmoCreate(MEGABYTE);
    if (made.status === "ok") held.push(made.slot);
    return made;
  });
  for (const slot of held) syscalls.capClose(slot);
  return outcome;
}

/** Frames to everybody it may send to, as fast as it can, for so many rounds. */
async function frames({ syscalls }: Loot, rounds: string): Promise<unknown> {
  const outcomes: string[] = [];
  const frame = new Uint8Array(1_000).fill(0x58);
  for (let round = Number(rounds); round > 0; round--) {
    for (let slot = 0; slot < 64; slot++) {
      for (let burst = 0; burst < 100; burst++) outcomes.push(syscalls.trySend(slot, frame));
    }
    await syscalls.sleepUntil(0);
  }
  return counted(outcomes);
}

function timers({ syscalls, clock }: Loot): unknown {
  const far = clock.nowNs() + 1e9;
  const outcome = untilRefused(() => {
    const set = outcomeOf(() => syscalls.timerCreate().set(far));
    return { status: set === "nothing" ? "ok" : String(set) };
  });
  return outcome;
}

function markers({ prove }: Loot, key: string): unknown {
  return untilRefused(() => {
    const proven = outcomeOf(() => prove(key, { drawn: 1, card: "x", mac: Uint8Array.of(1) }));
    return { status: proven === "nothing" ? "ok" : String(proven) };
  });
}

/** Lines that would read as another daemon's, or as two. */
function lines({ prove }: Loot, key: string): unknown {
  const forged = ["x\nSELFTEST: forged", "", "a".repeat(64) + " ", "A".repeat(64)];
  return forged.map((id) => outcomeOf(() => prove(key, { id })));
}

/** Gives away rights to its own endpoints, and lets each end at once. */
async function moves({ syscalls }: Loot, argument: string): Promise<unknown> {
  const [to = 0, times = 0] = argument.split(" ").map(Number);
  const outcomes: string[] = [];
  for (let left = times; left > 0; left--) {
    const own = syscalls.endpointCreate(1);
    if (own.status !== "ok") {
      outcomes.push(own.status);
      continue;
    }
    const deadlineNs = syscalls.clock.nowNs() + 1e9;
    outcomes.push(await syscalls.send(to, new Uint8Array(1), { move: own.send, deadlineNs }));
    syscalls.capClose(own.receive);
    syscalls.capClose(own.send);
  }
  return counted(outcomes);
}

/** A time that is none would stand at the front of the queue for ever. */
async function noTimes({ syscalls, clock }: Loot): Promise<unknown> {
  const strange: readonly unknown[] = [NaN, "never", {}, undefined];
  const outcomes = strange.map((at) => outcomeOf(() => syscalls.timerCreate().set(at as number)));
  const startNs = clock.nowNs();
  await syscalls.sleepUntil(startNs + 1e6);
  return { outcomes, woke: clock.nowNs() >= startNs + 1e6 };
}

export const FLOOD_ATTEMPTS: Readonly<Record<string, Attempt>> = {
  "flood endpoints": endpoints,
  "flood memory": memory,
  "flood frames": frames,
  "flood timers": timers,
  "flood markers": markers,
  "flood moves": moves,
  "lines that lie": lines,
  "times that are none": noTimes,
};
