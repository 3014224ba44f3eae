import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel } from "@tests/fakes/kernel.ts";
import { choices } from "@tests/fakes/random.ts";
import { test } from "@tests/fakes/test.ts";
import { FRAME_LENGTH_MAX } from "../core/syscalls.ts";
import { QUEUED_BYTES_MAX, QUEUED_BYTES_PER_OWNER_MAX } from "./endpoint.ts";
import { ENDPOINTS_MAX, ENDPOINTS_PER_OWNER_MAX, type Kernel } from "./kernel.ts";
import type { Task } from "./task.ts";

const BIG = new Uint8Array(FRAME_LENGTH_MAX);
const FRAMES_PER_OWNER = QUEUED_BYTES_PER_OWNER_MAX / FRAME_LENGTH_MAX;
const OWNERS_MAX = QUEUED_BYTES_MAX / QUEUED_BYTES_PER_OWNER_MAX;

/** Fills the owner's budget over two endpoints. Returns how many frames it took. */
function flood(kernel: Kernel, owner: Task, client: Task): number {
  let sent = 0;
  for (let round = 0; round < 2; round++) {
    const { send } = endpointBetween(kernel, { owner, client, depth: 256 });
    while (client.trySend(send, BIG) === "ok") sent += 1;
    equal(client.trySend(send, BIG), "no_space");
  }
  return sent;
}

test("owner quota: a task owns 96 endpoints, and one more after one has closed", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("owner");
  let receive = -1;
  for (let count = 0; count < ENDPOINTS_PER_OWNER_MAX; count++) {
    const pair = task.endpointCreate(1);
    if (pair.status !== "ok") throw new Error(pair.status);
    receive = pair.receive;
  }
  equal(task.endpointCreate(1).status, "no_space");
  equal(task.capClose(receive), "ok");
  equal(task.endpointCreate(1).status, "ok");
  equal(task.endpointCreate(1).status, "no_space");
});

test("endpoint quota: the node has 384, and those of a task that exits make room", () => {
  const { kernel } = manualKernel();
  const tasks = Array.from({ length: 5 }, (_, index) => kernel.spawn(`owner${index}`));
  let made = 0;
  for (const task of tasks) {
    while (task.endpointCreate(1).status === "ok") made += 1;
  }
  equal(made, ENDPOINTS_MAX);
  const [first, , , , last] = tasks;
  equal(last?.endpointCreate(1).status, "no_space");
  first?.exit();
  equal(last?.endpointCreate(1).status, "ok");
});

test("byte budget: 256 KiB wait at all endpoints of one owner, 1 MiB in the node", () => {
  const { kernel } = manualKernel();
  const client = kernel.spawn("client");
  for (let index = 0; index < OWNERS_MAX; index++) {
    equal(flood(kernel, kernel.spawn(`owner${index}`), client), FRAMES_PER_OWNER);
  }
  const late = kernel.spawn("late");
  equal(flood(kernel, late, client), 0);
  kernel.task("owner0")?.exit();
  equal(flood(kernel, late, client), FRAMES_PER_OWNER);
});

test("mintSend needs the receive right of the owner", () => {
  const { kernel } = manualKernel();
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  const { receive, ownSend } = endpointBetween(kernel, { owner, client });
  equal(kernel.mintSend(owner, ownSend, client, 0), undefined);
  equal(kernel.mintSend(owner, 250, client, 0), undefined);
  equal(typeof kernel.mintSend(owner, receive, client, 0), "number");
  const memory = owner.vmoCreate(1);
  equal(memory.status === "ok" && kernel.mintSend(owner, memory.slot, client, 0), undefined);
});

test("stop ends every task and leaves no timer", () => {
  const { kernel, clock } = manualKernel();
  const tasks = ["one", "two"].map((name) => kernel.spawn(name));
  for (const task of tasks) task.timerCreate().set(5);
  kernel.stop();
  deepEqual(tasks.map(({ exited }) => exited), [true, true]);
  equal(clock.nextNs(), undefined);
});

/** What four tasks that send, wait and sleep as a seed says do, step by step. */
async function trace(seed: number): Promise<readonly string[]> {
  const { kernel, clock, quiet } = manualKernel();
  const pick = choices(seed);
  const lines: string[] = [];
  const tasks = ["a", "b", "c", "d"].map((name) => kernel.spawn(name));
  const inboxes = tasks.map((owner) => {
    const pair = owner.endpointCreate(2);
    if (pair.status !== "ok") throw new Error(pair.status);
    return { owner, receive: pair.receive };
  });
  const act = async (task: Task, receive: number) => {
    for (let step = 0; step < 40; step++) {
      const { owner, receive: at } = inboxes[pick(4)] ?? { owner: task, receive };
      const action = pick(3);
      const deadlineNs = clock.nowNs() + pick(50);
      if (action === 0) {
        const send = kernel.mintSend(owner, at, task, 0) ?? -1;
        const status = await task.send(send, Uint8Array.of(step), { deadlineNs });
        lines.push(`${task.self.name} sends to ${owner.self.name}: ${status}`);
        task.capClose(send);
      } else if (action === 1) {
        const got = await task.receive(receive, deadlineNs);
        const from = got.status === "ok" ? `${got.sender.name} ${got.frame[0]}` : got.status;
        lines.push(`${task.self.name} receives ${from}`);
      } else {
        await task.sleepUntil(deadlineNs);
        lines.push(`${task.self.name} slept to ${clock.nowNs()}`);
      }
    }
  };
  for (const { owner, receive } of inboxes) act(owner, receive);
  for (let ns = 0; ns < 400; ns++) {
    await quiet();
    clock.advanceNs(10);
  }
  kernel.stop();
  return lines;
}

test("Kernel with one seed and one clock takes the same steps twice", async () => {
  for (const seed of [1, 2]) {
    const first = await trace(seed);
    equal(first.length, 160);
    deepEqual(await trace(seed), first);
  }
});
