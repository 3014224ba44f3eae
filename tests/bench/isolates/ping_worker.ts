/**
 * The far ends of the isolate benchmark: bare `postMessage`, a bare doorbell, and the kernel's own
 * channels and registers, each in a worker as a daemon's is.
 *
 * @module
 */

import { hostClock } from "@hw/host/clock.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { hostWires, openWire } from "@hw/host/wire.ts";
import { atomicStore } from "@runtime/core/atomic.ts";
import type { WireEnd } from "@runtime/core/ports.ts";
import type { Slot } from "@runtime/core/syscalls.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import { principalNamed } from "@runtime/kernel/principal.ts";
import { InterruptLatch, remoteWindow } from "@runtime/kernel/remote_device.ts";
import type { Task } from "@runtime/kernel/task.ts";
import type { WorkerOrder } from "./orders.ts";

const DEPTH = 64;

function kernelOf() {
  const clock = hostClock();
  const interrupts = { enable() {}, claim: () => 0, complete() {}, onPending() {} };
  const kernel = new Kernel({ clock, turns: hostTurns(clock), machine: { interrupts } });
  return { kernel, task: kernel.spawn("bench"), wires: hostWires() };
}

/** Both directions between this isolate and the other one. */
function channel({ send, receive }: { send: WireEnd; receive: WireEnd }) {
  const { kernel, task, wires } = kernelOf();
  const pair = task.endpointCreate(DEPTH);
  if (pair.status !== "ok") throw new TypeError("no endpoint");
  const endpoint = kernel.endpointAt(task, pair.receive);
  if (endpoint === undefined) throw new TypeError("no endpoint");
  const source = { id: 1, sender: principalNamed("other"), badge: 0 };
  kernel.crossings.openInlet(source, wires.open(receive), endpoint);
  const out = kernel.crossings.openOutlet(task, { id: 2, wire: wires.open(send) }, DEPTH);
  if (out === undefined) throw new TypeError("no slot");
  return { task, out, receive: pair.receive };
}

async function echo(task: Task, receive: Slot, out: Slot): Promise<void> {
  for (;;) {
    const message = await task.receive(receive);
    if (message.status !== "ok") return;
    await task.send(out, message.frame);
  }
}

async function roundTrips(
  { task, receive, out }: { task: Task; receive: Slot; out: Slot },
  count: number,
): Promise<number> {
  const frame = new Uint8Array(64);
  const start = performance.now();
  for (let left = count; left > 0; left--) {
    task.trySend(out, frame);
    await task.receive(receive);
  }
  return (performance.now() - start) / count * 1e3;
}

function bareRoundTrips(port: MessagePort, back: MessagePort, count: number): Promise<number> {
  const bytes = new Uint8Array(66);
  const start = performance.now();
  let left = count;
  return new Promise((resolve) => {
    back.onmessage = () => {
      left -= 1;
      if (left > 0) port.postMessage(bytes);
      else resolve((performance.now() - start) / count * 1e3);
    };
    port.postMessage(bytes);
  });
}

function reads(end: WireEnd, count: number): number {
  const wait = (cells: Int32Array, index: number, value: number, ms: number) =>
    Atomics.wait(cells, index, value, ms) !== "timed-out";
  const window = remoteWindow(openWire(end), { length: 4096, latch: new InterruptLatch() }, wait);
  const start = performance.now();
  for (let left = count; left > 0; left--) window.read32(0);
  return (performance.now() - start) / count * 1e3;
}

function bareReads(port: MessagePort, cells: Int32Array, count: number): number {
  const start = performance.now();
  for (let left = count; left > 0; left--) {
    atomicStore(cells, 0, 0);
    port.postMessage(1);
    Atomics.wait(cells, 0, 0);
  }
  return (performance.now() - start) / count * 1e3;
}

let joined: ReturnType<typeof channel> | undefined;
let ports: readonly [MessagePort, MessagePort] | undefined;

async function carryOut(order: WorkerOrder): Promise<number> {
  switch (order.job) {
    case "join":
      joined = channel(order);
      return 0;
    case "echo":
      if (joined !== undefined) echo(joined.task, joined.receive, joined.out);
      return 0;
    case "ping":
      return joined === undefined ? NaN : await roundTrips(joined, order.count);
    case "joinBare":
      ports = [order.send, order.receive];
      return 0;
    case "echoBare": {
      const [send, receive] = ports ?? [];
      if (receive !== undefined) receive.onmessage = ({ data }) => send?.postMessage(data);
      return 0;
    }
    case "pingBare":
      return ports === undefined ? NaN : await bareRoundTrips(...ports, order.count);
    case "read":
      return reads(order.end, order.count);
    case "readBare":
      return bareReads(order.port, new Int32Array(order.cells), order.count);
  }
}

addEventListener("message", async (event) => {
  if (!(event instanceof MessageEvent)) return;
  const value = await carryOut(event.data);
  (self as unknown as { postMessage(message: unknown): void }).postMessage(value);
});
