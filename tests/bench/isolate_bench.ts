/**
 * What an isolate's border costs: round trips between two workers over the kernel's rights beside bare
 * `postMessage`, and a register read out of a worker beside a bare doorbell and wait. Then whole nodes
 * under each placement: start-up, memory, and the session's data path.
 *
 *     taskset -c 0 deno run -A tests/bench/isolate_bench.ts micro
 *     deno run -A tests/bench/isolate_bench.ts nodes
 *
 * Contenders take turns; the median of the rounds is shown.
 *
 * @module
 */

import { hostWires, openWire } from "@hw/host/wire.ts";
import type { WireEnd } from "@runtime/core/ports.ts";
import { ISOLATIONS } from "@runtime/boot/placement.ts";
import { bridgeDevice } from "@runtime/kernel/remote_device.ts";
import { RING_MEMORY_LENGTH } from "@runtime/kernel/ring.ts";
import { Ends, startedNode } from "./bench_process.ts";
import type { WorkerOrder } from "./isolates/orders.ts";

const ROUNDS = 9;
const ROUND_TRIPS = 5_000;
const READS = 5_000;

const wires = hostWires();

function worker(): (order: WorkerOrder, moved?: readonly Transferable[]) => Promise<number> {
  const made = new Worker(new URL("./isolates/ping_worker.ts", import.meta.url), {
    type: "module",
    deno: { permissions: "none" },
  });
  return (order, moved = []) =>
    new Promise((resolve) => {
      made.onmessage = ({ data }) => resolve(data);
      made.postMessage(order, [...moved]);
    });
}

function portOf(end: WireEnd): MessagePort {
  if (!(end.port instanceof MessagePort)) throw new TypeError("no port");
  return end.port;
}

/** Two workers that echo over the kernel's rights, with rings or without. */
async function joined(ringLength: number): Promise<() => Promise<number>> {
  const [near, far] = [worker(), worker()];
  const [out, outIn] = wires.pair(ringLength);
  const [back, backIn] = wires.pair(ringLength);
  await near({ job: "join", send: out, receive: backIn }, [portOf(out), portOf(backIn)]);
  await far({ job: "join", send: back, receive: outIn }, [portOf(back), portOf(outIn)]);
  await far({ job: "echo" });
  return () => near({ job: "ping", count: ROUND_TRIPS });
}

async function joinedBare(): Promise<() => Promise<number>> {
  const [near, far] = [worker(), worker()];
  const [one, other] = [new MessageChannel(), new MessageChannel()];
  const [send, receive] = [one.port1, other.port2];
  await near({ job: "joinBare", send, receive }, [send, receive]);
  const [sendBack, receiveThere] = [other.port1, one.port2];
  await far({ job: "joinBare", send: sendBack, receive: receiveThere }, [sendBack, receiveThere]);
  await far({ job: "echoBare" });
  return () => near({ job: "pingBare", count: ROUND_TRIPS });
}

function registers(): () => Promise<number> {
  const driver = worker();
  return () => {
    const [end, own] = wires.pair();
    const window = {
      length: 4096,
      ...{ read8: () => 1, read16: () => 1, read32: () => 1 },
      ...{ write8() {}, write16() {}, write32() {} },
    };
    bridgeDevice({
      wire: openWire(own),
      window,
      irq: { wait: () => new Promise(() => {}), complete() {} },
      wake: (cells, index) => void Atomics.notify(cells, index),
      violated() {},
    });
    return driver({ job: "read", end, count: READS }, [portOf(end)]);
  };
}

function bareRegisters(): () => Promise<number> {
  const driver = worker();
  return () => {
    const { port1, port2 } = new MessageChannel();
    const cells = new SharedArrayBuffer(8);
    const words = new Int32Array(cells);
    port1.onmessage = () => {
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
    };
    return driver({ job: "readBare", port: port2, cells, count: READS }, [port2]);
  };
}

async function micro(): Promise<void> {
  const contenders: Readonly<Record<string, () => Promise<number>>> = {
    "round trip, bare postMessage": await joinedBare(),
    "round trip, rights of the kernel": await joined(0),
    "round trip, rights with rings": await joined(RING_MEMORY_LENGTH),
    "read, bare doorbell and wait": bareRegisters(),
    "read, a device's register": registers(),
  };
  const took = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, run] of Object.entries(contenders)) {
      took.set(name, [...took.get(name) ?? [], await run()]);
    }
  }
  for (const [name, values] of took) {
    const median = values.toSorted((left, right) => left - right)[ROUNDS >> 1] ?? NaN;
    console.log(`${name.padEnd(36)} ${median.toFixed(1).padStart(8)} us`);
  }
}

const JOBS = ["echo64", "echo64w16", "echo64k"] as const;

async function nodes(): Promise<void> {
  console.log(`Deno ${Deno.version.deno}, best of ${ROUNDS >> 1}`);
  console.log("placement    ready ms  memory MB     64 B rt/s  64 B x16 rt/s  64 KiB MB/s");
  for (const isolation of ISOLATIONS) {
    const { readyMs, memoryMb } = await startedNode(isolation);
    const figures: number[] = [];
    for (const job of JOBS) {
      let best = 0;
      for (let round = 0; round < ROUNDS >> 1; round++) {
        const pinned = job === "echo64";
        const value = await Ends.measure({ file: "end_nexus.ts", job, pinned, isolation });
        best = Math.max(best, value);
      }
      figures.push(best);
    }
    const cells = figures.map((figure) => figure.toFixed(0).padStart(12)).join("  ");
    const start = `${readyMs.toFixed(0).padStart(8)}  ${memoryMb.toFixed(0).padStart(9)}`;
    console.log(`${isolation.padEnd(12)} ${start}  ${cells}`);
  }
}

if (Deno.args[0] === "nodes") await nodes();
else await micro();
Deno.exit(0);
