import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import {
  CAPABILITY_SLOTS,
  FRAME_LENGTH_MAX,
  RIGHT_MANAGE,
  RIGHT_MAP,
  type Slot,
} from "../core/syscalls.ts";
import type { Task } from "./task.ts";
import { Vmo } from "./vmo.ts";

const FRAME = Uint8Array.of(1, 2, 3);

function pair(depth = 8) {
  const manual = manualKernel();
  const { kernel } = manual;
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  return {
    ...manual,
    owner,
    client,
    ...endpointBetween(kernel, { owner, client, depth, badge: 9 }),
  };
}

function fill(task: Task): void {
  while (!task.table.full) vmoOf(task, 1);
}

async function fillQueue(client: Task, send: Slot, depth: number): Promise<void> {
  for (let count = 0; count < depth; count++) equal(await client.send(send, FRAME), "ok");
}

test("a message carries the frame, the kernel's word for its sender and the right's badge", async () => {
  const { owner, client, receive, send } = pair();
  const frame = FRAME.slice();
  equal(client.trySend(send, frame), "ok");
  frame.fill(0);
  const message = await owner.receive(receive);
  deepEqual(message, {
    status: "ok",
    frame: FRAME,
    sender: client.self,
    badge: 9,
    moved: undefined,
  });
});

test("a copied right keeps its badge", async () => {
  const { owner, client, receive, send } = pair();
  const copy = client.capClone(send);
  if (copy.status !== "ok") throw new Error(copy.status);
  equal(client.trySend(copy.slot, FRAME), "ok");
  const message = await owner.receive(receive);
  equal(message.status === "ok" && message.badge, 9);
});

test("send and receive need their own right", async () => {
  const { owner, client, receive, send } = pair();
  const memory = vmoOf(client, 1);
  equal(owner.trySend(receive, FRAME), "permission_denied");
  equal(await owner.send(receive, FRAME), "permission_denied");
  deepEqual(await client.receive(send), { status: "permission_denied" });
  equal(client.trySend(memory, FRAME), "permission_denied");
  deepEqual(await client.receive(memory), { status: "permission_denied" });
  for (const slot of [200, 256, -1, 0.5]) {
    equal(client.trySend(slot, FRAME), "invalid_slot");
    equal(await client.send(slot, FRAME), "invalid_slot");
    deepEqual(await client.receive(slot), { status: "invalid_slot" });
  }
});

test("a frame has 8 KiB at most", async () => {
  const { owner, client, receive, send } = pair();
  const longest = new Uint8Array(FRAME_LENGTH_MAX).fill(5);
  const longer = new Uint8Array(FRAME_LENGTH_MAX + 1);
  equal(client.trySend(send, longer), "invalid_argument");
  equal(await client.send(send, longer, { move: vmoOf(client, 1) }), "invalid_argument");
  equal(client.trySend(send, longest), "ok");
  const message = await owner.receive(receive);
  deepEqual(message.status === "ok" && message.frame, longest);
});

test("test_reject_cap_move_manage: what manages its object stays, and the message too", async () => {
  const { owner, client, receive, send, outcome } = pair();
  const object = { kind: "vmo", vmo: Vmo.zeroed(1) } as const;
  const slot = client.allot({ object, rights: RIGHT_MAP | RIGHT_MANAGE }) ?? -1;
  equal(await client.send(send, FRAME, { move: slot }), "permission_denied");
  equal(client.capQuery(slot).status, "ok");
  equal(await client.send(send, FRAME, { move: 250 }), "invalid_slot");
  equal(await outcome(owner.receive(receive))(), undefined);
});

test("cap_move rollback: a full queue and a deadline put the capability back", async () => {
  const { client, send, clock, outcome } = pair(1);
  await fillQueue(client, send, 1);
  vmoOf(client, 1);
  const slot = vmoOf(client, 7);
  const sent = outcome(client.send(send, FRAME, { move: slot, deadlineNs: 1_000 }));
  equal(await sent(), undefined);
  equal(client.capQuery(slot).status, "invalid_slot");
  const meanwhile = vmoOf(client, 3);
  equal(meanwhile === slot, false);
  clock.advanceNs(1_000);
  equal(await sent(), "timed_out");
  deepEqual(client.capQuery(slot), { status: "ok", kind: "vmo", base: 0, length: 7 });
  deepEqual(client.capQuery(meanwhile), { status: "ok", kind: "vmo", base: 0, length: 3 });
});

test("cap_move rollback: an endpoint that closes gives back what waits for room", async () => {
  const { owner, client, receive, send, outcome } = pair(1);
  await fillQueue(client, send, 1);
  const slot = vmoOf(client, 7);
  const sent = outcome(client.send(send, FRAME, { move: slot }));
  owner.capClose(receive);
  equal(await sent(), "no_such_endpoint");
  equal(client.capQuery(slot).status, "ok");
  equal(await client.send(send, FRAME, { move: slot }), "no_such_endpoint");
  equal(client.capQuery(slot).status, "ok");
});

test("cap_move rollback: no room for its bytes ends like a full queue", async () => {
  const { kernel, owner, client, clock, outcome } = pair();
  const big = new Uint8Array(FRAME_LENGTH_MAX);
  const { send } = endpointBetween(kernel, { owner, client, depth: 256 });
  while (client.trySend(send, big) === "ok");
  equal(client.trySend(send, big), "no_space");
  const slot = vmoOf(client, 7);
  const sent = outcome(client.send(send, big, { move: slot, deadlineNs: 5 }));
  clock.advanceNs(5);
  equal(await sent(), "timed_out");
  equal(client.capQuery(slot).status, "ok");
});

test("a queued capability ends with the endpoint, and its slot is free since it was sent", async () => {
  const { owner, client, receive, send } = pair();
  const slot = vmoOf(client, 7);
  equal(await client.send(send, FRAME, { move: slot }), "ok");
  equal(vmoOf(client, 1), slot);
  owner.capClose(receive);
  deepEqual(client.capQuery(slot), { status: "ok", kind: "vmo", base: 0, length: 1 });
});

test("cap_move no-space requeue: the message is first again, and arrives once there is a slot", async () => {
  const { owner, client, receive, send } = pair();
  fill(owner);
  equal(await client.send(send, Uint8Array.of(1), { move: vmoOf(client, 7) }), "ok");
  equal(await client.send(send, Uint8Array.of(2)), "ok");
  deepEqual(await owner.receive(receive), { status: "no_space" });
  deepEqual(await owner.receive(receive), { status: "no_space" });
  equal(owner.capClose(200), "ok");
  const first = await owner.receive(receive);
  deepEqual(first.status === "ok" && [first.frame[0], first.moved], [1, 200]);
  const second = await owner.receive(receive);
  deepEqual(second.status === "ok" && [second.frame[0], second.moved], [2, undefined]);
});

test("a receiver that waits with a full table hears no_space once, and no message is lost", async () => {
  const { owner, client, receive, send, outcome } = pair();
  fill(owner);
  const waiting = outcome(owner.receive(receive));
  equal(await client.send(send, FRAME, { move: vmoOf(client, 7) }), "ok");
  deepEqual(await waiting(), { status: "no_space" });
  equal(client.trySend(send, Uint8Array.of(2)), "ok");
  owner.capClose(200);
  const first = await owner.receive(receive);
  deepEqual(first.status === "ok" && first.frame, FRAME);
  equal((await owner.receive(receive)).status, "ok");
});

test("capClone copies send rights, and neither receive rights nor memory", () => {
  const { owner, client, receive, send } = pair();
  equal(client.capClone(send).status, "ok");
  equal(owner.capClone(receive).status, "permission_denied");
  equal(client.capClone(vmoOf(client, 1)).status, "permission_denied");
  equal(client.capClone(250).status, "invalid_slot");
  fill(client);
  equal(client.capClone(send).status, "no_space");
});

test("endpointCreate has bounds, and leaves nothing behind when the table is full", () => {
  const { owner } = pair();
  for (const depth of [0, 257, 1.5, NaN]) {
    equal(owner.endpointCreate(depth).status, "invalid_argument");
  }
  equal(owner.endpointCreate(256).status, "ok");
  fill(owner);
  const before = owner.endpoints.size;
  equal(owner.endpointCreate(1).status, "no_space");
  owner.capClose(100);
  equal(owner.endpointCreate(1).status, "no_space");
  equal(owner.endpoints.size, before);
  equal(owner.table.used, CAPABILITY_SLOTS - 1);
});

test("receive deadline: a receiver hears timed_out, then waits for nothing", async () => {
  const { owner, client, receive, send, clock, outcome } = pair();
  const waiting = outcome(owner.receive(receive, 1_000));
  clock.advanceNs(999);
  equal(await waiting(), undefined);
  clock.advanceNs(1);
  deepEqual(await waiting(), { status: "timed_out" });
  client.trySend(send, FRAME);
  equal((await owner.receive(receive, 1_000)).status, "ok");
});

test("receive deadline: a message in time unsets it", async () => {
  const { owner, client, receive, send, clock, outcome } = pair();
  const waiting = outcome(owner.receive(receive, 1_000));
  equal(clock.nextNs(), 1_000);
  client.trySend(send, FRAME);
  equal(clock.nextNs(), undefined);
  const message = await waiting();
  equal(message?.status, "ok");
});

test("peer_closed comes after the last send right, wherever it went", async () => {
  const { kernel, owner, client, receive, send, ownSend, outcome } = pair();
  const third = kernel.spawn("third");
  const way = endpointBetween(kernel, { owner: third, client: owner });
  equal(await owner.send(way.send, FRAME, { move: ownSend }), "ok");
  client.capClose(send);
  const waiting = outcome(owner.receive(receive));
  equal(await waiting(), undefined);
  third.capClose(way.receive);
  deepEqual(await waiting(), { status: "peer_closed" });
});

test("test_reject_cap_move_given: what a task was given goes no further", async () => {
  const { kernel, owner, client, receive, send, ownSend } = pair();
  const third = kernel.spawn("third");
  const way = endpointBetween(kernel, { owner: third, client });
  const back = endpointBetween(kernel, { owner: client, client: third });
  equal(await client.send(way.send, FRAME, { move: send }), "permission_denied");
  equal(await owner.send(ownSend, FRAME, { move: receive }), "permission_denied");
  equal(await client.send(way.send, FRAME, { move: back.ownSend }), "ok");
  const gift = await third.receive(way.receive);
  if (gift.status !== "ok" || gift.moved === undefined) throw new Error("no right came");
  equal(third.trySend(gift.moved, FRAME), "ok");
  const copy = third.capClone(gift.moved);
  if (copy.status !== "ok") throw new Error(copy.status);
  for (const move of [gift.moved, copy.slot]) {
    equal(await third.send(back.send, FRAME, { move }), "permission_denied");
  }
});

test("a receiver's frames share memory with nobody else's", async () => {
  const { kernel, owner, client, receive, send } = pair();
  const third = kernel.spawn("third");
  const way = endpointBetween(kernel, { owner: third, client });
  const bufferOf = async (task: Task, slot: Slot) => {
    const message = await task.receive(slot);
    return message.status === "ok" && message.frame.buffer;
  };
  for (let count = 0; count < 2; count++) equal(client.trySend(send, FRAME), "ok");
  equal(client.trySend(way.send, FRAME), "ok");
  const first = await bufferOf(owner, receive);
  equal(await bufferOf(owner, receive), first);
  equal(await bufferOf(third, way.receive) === first, false);
});

test("exit closes the task's endpoints, drops its rights and wakes every waiter", async () => {
  const { kernel, owner, client, receive, send, outcome } = pair(1);
  await fillQueue(client, send, 1);
  const back = endpointBetween(kernel, { owner: client, client: owner });
  client.capClose(back.ownSend);
  const slot = vmoOf(client, 7);
  const blocked = outcome(client.send(send, FRAME, { move: slot }));
  const waiting = outcome(client.receive(back.receive));
  owner.exit();
  owner.exit();
  equal(await blocked(), "no_such_endpoint");
  equal(client.capQuery(slot).status, "ok");
  deepEqual(await waiting(), { status: "peer_closed" });
  equal(owner.endpoints.size, 0);
  equal(owner.exited, true);
  deepEqual(await owner.receive(receive), { status: "invalid_slot" });
  equal(owner.vmoCreate(1).status, "no_space");
  equal(owner.endpointCreate(1).status, "no_space");
});

test("memory on its way from a task that exits ends with a failed send", async () => {
  const { owner, client, send, receive, outcome } = pair(1);
  await fillQueue(client, send, 1);
  const blocked = outcome(client.send(send, FRAME, { move: vmoOf(client, 7) }));
  client.exit();
  equal(await blocked(), undefined);
  owner.capClose(receive);
  equal(await blocked(), "no_such_endpoint");
  equal(client.table.used, 0);
});

test("no timer wakes what still runs of a task that has ended", async () => {
  const { kernel, clock, outcome } = manualKernel();
  const task = kernel.spawn("ended");
  const slept = outcome(task.sleepUntil(1_000).then(() => "woken"));
  task.exit();
  clock.advanceNs(2_000);
  equal(await slept(), undefined);
});
