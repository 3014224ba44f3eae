/**
 * Where secrets are: the device seed, what follows from it, and every byte of entropy that was handed
 * out, looked for in the memory of every isolate of a node, through the inspector.
 *
 * The node draws from a seed, so that a test can work out what it drew.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { seededEntropy } from "@hw/host/entropy_seeded.ts";
import { denoAtLeast } from "@hw/host/runtime_version.ts";
import { isolateNameOf, type Isolation } from "@runtime/boot/placement.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";
import { Inspected, type InspectedIsolate, type Memory } from "./inspected.ts";
import { freePort, inWorld, type NxNode, type NxProcess, type NxWorld } from "./nx_process.ts";
import { Needles } from "./needles.ts";

const SEED = "canary";
/** Far more than a node draws in a minute. */
const DRAWN_LENGTH = 65_536;
/** The device's seed is among the first bytes that are handed out. */
const SEED_OFFSET_MAX = 8_192;
const CANARY = Uint8Array.from({ length: 24 }, (_, index) => 0xc0 ^ (index * 37));
/** In how many arrays a canary is planted. */
const PLANTED = 3;

/**
 * Who may hold bytes that were handed to him: statefsd nonces, and keystored the one that its seed was
 * wrapped with, while it wipes the seed. rngd hands on and keeps nothing.
 */
const DRAWERS: readonly string[] = ["netstackd", "dsoftbusd", "statefsd", "keystored"];

interface Inspection {
  readonly drawn: Uint8Array;
  readonly seed: Uint8Array;
  /** Isolates by name, in the order in which they were started. */
  readonly isolates: ReadonlyMap<string, InspectedIsolate>;
  readonly main: InspectedIsolate;
  readonly texts: readonly string[];
}

/** What the machine of a seeded node draws, in order. */
function drawnBytes(): Uint8Array {
  const drawn = new Uint8Array(DRAWN_LENGTH);
  seededEntropy(`${SEED}:machine`).fill(drawn);
  return drawn;
}

/** The part of them that the device's key was made from. */
function seedIn(drawn: Uint8Array, publicKey: string): Uint8Array {
  for (let from = 0; from < SEED_OFFSET_MAX; from++) {
    const seed = drawn.slice(from, from + 32);
    if (toHex(ed25519Signer(seed).publicKey) === publicKey) return seed;
  }
  throw new TypeError("the device's key comes from elsewhere");
}

/** Names of the isolates that a node starts, in order. */
function isolateNames({ events }: NxProcess, isolation: Isolation): readonly string[] {
  const tasks = events.flatMap(({ line }) => /^init: start (.*)$/.exec(String(line))?.[1] ?? []);
  return [...new Set(tasks.map((task) => isolateNameOf(isolation, task)))];
}

/** Everything that a node says to whoever asks. */
async function repliesOf(world: NxWorld, port: number, node: NxProcess): Promise<string[]> {
  const commands = [["id"], ["peers"], ["log"], ["log", "--audit"]];
  const texts: string[] = [];
  for (const command of commands) {
    const { events, errors } = await world.run(...command, "--node", `${port}`);
    texts.push(JSON.stringify(events), ...errors);
  }
  return [...texts, JSON.stringify(node.events), ...node.errors];
}

/** Boots a node whose inspector is open, has a peer hold a session with it, and looks into it. */
async function inspect(
  isolation: Isolation,
  body: (inspection: Inspection) => void | Promise<void>,
): Promise<void> {
  await inWorld(async (world) => {
    const port = freePort();
    const up = ["up", "--no-supervise", "--listen", "127.0.0.1:0", "--isolation", isolation];
    const node = world.flagged(
      [`--inspect=127.0.0.1:${port}`],
      ...[...up, "--profile", "test", "--seed", SEED],
    );
    const inspected = await Inspected.at(port);
    try {
      const listening = await node.event(({ event }) => event === "listening");
      await node.event(({ event }) => event === "ready");
      const own = Number(listening["port"]);
      const peer: NxNode = await world.up("--listen", "127.0.0.1:0", "--peer", `127.0.0.1:${own}`);
      await node.marker("dsoftbusd: auth ok");
      const texts = await repliesOf(world, own, node);
      const { events } = await world.run("id", "--node", `${own}`);
      const drawn = drawnBytes();
      const seed = seedIn(drawn, String(events[0]?.["publicKey"]));
      const workers = inspected.workers.filter(({ url }) => url.endsWith("/task_worker.ts"));
      const names = isolateNames(node, isolation);
      equal(workers.length, names.length, "every isolate can be looked into");
      const isolates = new Map(workers.map((worker, index) => [names[index] ?? "", worker]));
      await body({ drawn, seed, isolates, main: inspected.main, texts });
      peer.process.kill("SIGTERM");
      await peer.process.ended;
    } finally {
      await inspected.close();
    }
  });
}

/** What follows from a seed and is as secret: both halves of Ed25519's hash, and the Noise key. */
function derivedFrom(seed: Uint8Array): Uint8Array[] {
  const expanded = Uint8Array.from(createHash("sha512").update(seed).digest());
  const noise = Uint8Array.from(createHash("sha256").update(seed).digest());
  const clamped = (bytes: Uint8Array) => {
    const copy = bytes.slice(0, 32);
    copy[0] = (copy[0] ?? 0) & 248;
    copy[31] = ((copy[31] ?? 0) & 127) | 64;
    return copy;
  };
  const parts = [expanded.slice(0, 32), expanded.slice(32), noise];
  return [...parts, clamped(expanded), clamped(noise)];
}

function holders(memory: Memory, needles: Needles): number {
  return memory.filter((bytes) => needles.in(bytes).length > 0).length;
}

for (const isolation of ["all", "secrets"] as const) {
  test(
    `no isolate but its owner's holds a secret, under --isolation ${isolation}`,
    async () => {
      await inspect(isolation, async ({ drawn, seed, isolates, main }) => {
        const canary = new Needles([CANARY]);
        const secrets = new Needles([seed, ...derivedFrom(seed)]);
        const entropy = new Needles([drawn]);
        const held = new Map<string, readonly number[]>();
        for (const [name, isolate] of [...isolates, ["main", main] as const]) {
          await isolate.plant(CANARY);
          const memory = await isolate.memory();
          equal(holders(memory, canary), PLANTED, `${name}: what is planted is found`);
          equal(holders(memory, secrets), 0, `${name} holds a secret of keystored's`);
          held.set(name, memory.flatMap((bytes) => entropy.in(bytes)));
        }
        const drawers = DRAWERS.map((task) => isolateNameOf(isolation, task));
        for (const [name, found] of held) {
          // The seeded generator of this profile holds the block that it gives next.
          const most = name === "main" ? 1 : drawers.includes(name) ? Infinity : 0;
          ok(new Set(found).size <= most, `${name} holds what rngd gave others: ${found}`);
        }
        const twice = drawers.map((name) => new Set(held.get(name)));
        ok(twice.every(({ size }) => size > 0), "what a daemon drew for itself is found");
        for (const [index, own] of twice.entries()) {
          const others = new Set(twice.toSpliced(index, 1).flatMap((each) => [...each]));
          deepEqual([...own].filter((at) => others.has(at)), [], drawers[index]);
        }
      });
    },
    { ignore: !denoAtLeast(2, 9) },
  );
}

/** Bytes that a text could carry: its own, and those that it writes as hex or as base64. */
function bytesIn(text: string): Uint8Array[] {
  const hex = text.match(/[0-9a-f]{16,}/gi) ?? [];
  const halves = hex.flatMap((digits) => [digits, digits.slice(1)])
    .map((digits) => fromHex(digits.slice(0, digits.length & ~1).toLowerCase()));
  const base64 = (text.match(/[\w+/-]{12,}/g) ?? []).flatMap((word) => {
    const standard = word.replaceAll("-", "+").replaceAll("_", "/");
    return [0, 1, 2, 3].map((skipped) => standard.slice(skipped))
      .map((each) => Uint8Array.fromBase64(each.slice(0, each.length & ~3)));
  });
  return [new TextEncoder().encode(text), ...halves, ...base64];
}

test("no secret stands in a node's console, log or replies", async () => {
  await inspect("all", ({ drawn, seed, texts }) => {
    const planted = [toHex(CANARY), `x${toHex(CANARY)}`, `"${CANARY.toBase64()}"`];
    const canary = new Needles([CANARY]);
    for (const text of planted) ok(holders(bytesIn(text), canary) > 0, text);
    const secrets = new Needles([seed, ...derivedFrom(seed)]);
    const entropy = new Needles([drawn]);
    for (const text of texts) {
      const all = bytesIn(text);
      equal(holders(all, secrets), 0, text.slice(0, 200));
      equal(holders(all, entropy), 0, text.slice(0, 200));
    }
  });
}, { ignore: !denoAtLeast(2, 9) });
