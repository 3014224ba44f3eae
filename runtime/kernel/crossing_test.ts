import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { type ManualKernel, manualKernel, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import type { Wire } from "../core/ports.ts";
import type { Received, Slot } from "../core/syscalls.ts";
import { VMO_LENGTH_MAX } from "../core/syscalls.ts";
import type { RightMove } from "./crossing.ts";
import { principalNamed } from "./principal.ts";
import type { Task } from "./task.ts";
import { VMO_BYTES_PER_TASK_MAX } from "./vmo.ts";

const FRAME = Uint8Array.of(1, 2, 3);
const BADGE = 9;
const RIGHT = 5;

interface Border {
  readonly moves: RightMove[];
  readonly violated: number[];
  readonly ended: number[];
}

/** A kernel of an isolate of its own, and what it tells the boot. */
function isolate(): { readonly manual: ManualKernel } & Border {
  const moves: RightMove[] = [];
  const violated: number[] = [];
  const ended: number[] = [];
  const border = {
    moveRight: (move: RightMove) => void moves.push(move),
    violated: (right: number) => void violated.push(right),
    ended: (right: number) => void ended.push(right),
  };
  return { manual: manualKernel({ border }), moves, violated, ended };
}

/** A client in one isolate, an endpoint of a server in another, and the wire between them. */
function crossing(depth = 4) {
  const wires = fakeWires();
  const [near, far] = [isolate(), isolate()];
  const client = near.manual.kernel.spawn("client");
  const server = far.manual.kernel.spawn("server");
  const pair = server.endpointCreate(depth);
  if (pair.status !== "ok") throw new Error(pair.status);
  server.capClose(pair.send);
  const [out, into] = wires.pair();
  const source = { id: RIGHT, sender: principalNamed("client"), badge: BADGE };
  const endpoint = far.manual.kernel.endpointAt(server, pair.receive);
  if (endpoint === undefined) throw new Error("no endpoint");
  far.manual.kernel.crossings.openInlet(source, wires.open(into), endpoint);
  const opened = { id: RIGHT, wire: wires.open(out) };
  const send = near.manual.kernel.crossings.openOutlet(client, opened, depth);
  if (send === undefined) throw new Error("no slot");
  const settle = async () => {
    do {
      await near.manual.quiet();
      await far.manual.quiet();
    } while (wires.deliver() > 0);
  };
  return { wires, near, far, client, server, receive: pair.receive, send, settle };
}

async function received(task: Task, slot: Slot, settle: () => Promise<void>): Promise<Received> {
  const message = task.receive(slot);
  await settle();
  return await message;
}

test("a message crosses isolates with its bytes, the bound sender and the right's badge", async () => {
  const { client, server, receive, send, settle } = crossing();
  const frame = FRAME.slice();
  equal(client.trySend(send, frame), "ok");
  frame.fill(0);
  deepEqual(await received(server, receive, settle), {
    status: "ok",
    frame: FRAME,
    sender: { sid: principalNamed("client").sid, name: "client" },
    badge: BADGE,
    moved: undefined,
  });
});

test("frames of one wake-up cross together, in order, empty and longest ones among them", async () => {
  const { wires, near, client, server, receive, send, settle } = crossing(8);
  const frames = [0, 8192, 1, 8192, 8192, 8192].map((length, index) =>
    new Uint8Array(length).fill(index)
  );
  for (const frame of frames) equal(client.trySend(send, frame), "ok");
  await near.manual.quiet();
  equal(wires.waiting.length, 2);
  for (const frame of frames) {
    const message = await received(server, receive, settle);
    deepEqual(message.status === "ok" && message.frame, frame);
  }
});

test("an endpoint in another isolate takes as many messages as it is deep", async () => {
  const { client, server, receive, send, settle } = crossing(3);
  for (let count = 0; count < 3; count++) equal(client.trySend(send, FRAME), "ok");
  equal(client.trySend(send, FRAME), "queue_full");
  await settle();
  equal(client.trySend(send, FRAME), "queue_full");
  equal((await received(server, receive, settle)).status, "ok");
  equal(client.trySend(send, FRAME), "ok");
  equal(client.trySend(send, FRAME), "queue_full");
});

test("a sender waits for room in another isolate, and until its deadline", async () => {
  const { near, client, server, receive, send, settle } = crossing(1);
  equal(client.trySend(send, FRAME), "ok");
  const waiting = near.manual.outcome(client.send(send, Uint8Array.of(7)));
  const hurried = near.manual.outcome(client.send(send, FRAME, { deadlineNs: 5 }));
  await settle();
  deepEqual([await waiting(), await hurried()], [undefined, undefined]);
  near.manual.clock.advanceNs(5);
  equal(await hurried(), "timed_out");
  equal((await received(server, receive, settle)).status, "ok");
  equal(await waiting(), "ok");
  const second = await received(server, receive, settle);
  equal(second.status === "ok" && second.frame[0], 7);
});

test("memory crosses isolates without a copy, and counts until it was taken", async () => {
  const { client, server, receive, send, settle } = crossing(1);
  const rounds = VMO_BYTES_PER_TASK_MAX / VMO_LENGTH_MAX + 2;
  for (let round = 0; round < rounds; round++) {
    const slot = vmoOf(client, VMO_LENGTH_MAX);
    const bytes = client.vmoMap(slot);
    if (bytes === undefined) throw new Error("no memory");
    bytes[0] = round;
    equal(await client.send(send, FRAME, { move: slot }), "ok");
    equal(bytes.length, 0);
    const message = await received(server, receive, settle);
    if (message.status !== "ok" || message.moved === undefined) throw new Error("no memory came");
    deepEqual([server.vmoMap(message.moved)?.length, server.vmoMap(message.moved)?.[0]], [
      VMO_LENGTH_MAX,
      round,
    ]);
    server.capClose(message.moved);
  }
  const waiting = VMO_BYTES_PER_TASK_MAX / VMO_LENGTH_MAX;
  equal(await client.send(send, FRAME, { move: vmoOf(client, VMO_LENGTH_MAX) }), "ok");
  for (let count = 1; count < waiting; count++) vmoOf(client, VMO_LENGTH_MAX);
  equal(client.vmoCreate(VMO_LENGTH_MAX).status, "no_space");
  equal((await received(server, receive, settle)).status, "ok");
  equal(client.vmoCreate(VMO_LENGTH_MAX).status, "ok");
});

test("the last holder that goes leaves the receiver with peer_closed, behind what it sent", async () => {
  const { client, server, receive, send, settle } = crossing();
  const copy = client.capClone(send);
  if (copy.status !== "ok") throw new Error(copy.status);
  equal(client.trySend(send, FRAME), "ok");
  client.capClose(send);
  equal(client.trySend(copy.slot, FRAME), "ok");
  client.capClose(copy.slot);
  equal((await received(server, receive, settle)).status, "ok");
  equal((await received(server, receive, settle)).status, "ok");
  deepEqual(await received(server, receive, settle), { status: "peer_closed" });
});

test("an endpoint that closes tells who sends and who waits in another isolate", async () => {
  const { near, client, server, receive, send, settle } = crossing(1);
  equal(client.trySend(send, FRAME), "ok");
  const waiting = near.manual.outcome(client.send(send, FRAME));
  await settle();
  server.capClose(receive);
  await settle();
  equal(await waiting(), "no_such_endpoint");
  equal(client.trySend(send, FRAME), "no_such_endpoint");
});

test("an isolate that is cut off is gone for both ends of its rights", async () => {
  const { near, far, client, server, receive, send, settle } = crossing();
  near.manual.kernel.crossings.cut(RIGHT);
  equal(client.trySend(send, FRAME), "no_such_endpoint");
  const waiting = far.manual.outcome(server.receive(receive));
  far.manual.kernel.crossings.cut(RIGHT);
  await settle();
  deepEqual(await waiting(), { status: "peer_closed" });
});

test("a send right that travels is minted anew, and is not lost while it does", async () => {
  const { wires, near, far, client, server, receive, send, settle } = crossing();
  const own = client.endpointCreate(2);
  if (own.status !== "ok") throw new Error(own.status);
  equal(await client.send(send, FRAME, { move: own.send }), "ok");
  deepEqual(near.moves, [{ via: RIGHT, ticket: 1, exported: 1, depth: 2 }]);
  const message = await received(server, receive, settle);
  if (message.status !== "ok" || message.moved === undefined) throw new Error("no right came");
  const early = far.manual.outcome(server.send(message.moved, Uint8Array.of(8)));
  equal(await early(), undefined);
  const [out, into] = wires.pair();
  const source = { id: 6, sender: principalNamed("server"), badge: 0 };
  near.manual.kernel.crossings.openExported(source, wires.open(into), 1);
  const opened = { id: 6, wire: wires.open(out) };
  far.manual.kernel.crossings.arrive({ via: RIGHT, ticket: 1 }, opened, 2);
  const answer = await received(client, own.receive, settle);
  equal(await early(), "ok");
  deepEqual(answer.status === "ok" && [answer.frame[0], answer.sender.name], [8, "server"]);
  server.capClose(message.moved);
  deepEqual(await received(client, own.receive, settle), { status: "peer_closed" });
});

test("a right whose wire comes before its message opens all the same", async () => {
  const { wires, near, far, client, server, receive, send, settle } = crossing();
  const own = client.endpointCreate(2);
  if (own.status !== "ok") throw new Error(own.status);
  equal(await client.send(send, FRAME, { move: own.send }), "ok");
  const [out] = wires.pair();
  const opened = { id: 6, wire: wires.open(out) };
  far.manual.kernel.crossings.arrive({ via: RIGHT, ticket: 1 }, opened, 2);
  const message = await received(server, receive, settle);
  if (message.status !== "ok" || message.moved === undefined) throw new Error("no right came");
  equal(server.trySend(message.moved, FRAME), "ok");
  equal(near.moves.length, 1);
});

/** What of a right's journey the boot does. */
interface Journey {
  /** Brings the exporter its half, under the new right's number. */
  letIn(exported: number): void;
  /** Brings the receiver its half. */
  arrive(ticket: number): void;
}

/** A client that moves rights to a server, and what the boot does when it gets to it. */
function moving(depth: number) {
  const parts = crossing(depth);
  const { wires, near, far, client, send } = parts;
  const outs = new Map<number, Wire>();
  const boot: Journey = {
    letIn(exported) {
      const [out, into] = wires.pair();
      outs.set(exported, wires.open(out));
      const source = { id: 100 + exported, sender: principalNamed("server"), badge: 0 };
      near.manual.kernel.crossings.openExported(source, wires.open(into), exported);
    },
    arrive(ticket) {
      const wire = outs.get(ticket);
      if (wire === undefined) throw new Error("the boot mints both halves at once");
      const opened = { id: 100 + ticket, wire };
      far.manual.kernel.crossings.arrive({ via: RIGHT, ticket }, opened, 1);
    },
  };
  /** Sends a right to an endpoint of the client's own. */
  const give = async () => {
    const own = client.endpointCreate(1);
    if (own.status !== "ok") throw new Error(own.status);
    const status = near.manual.outcome(client.send(send, FRAME, { move: own.send }));
    await near.manual.quiet();
    const close = () => [own.receive, own.send].forEach((slot) => client.capClose(slot));
    return { status, close };
  };
  return { ...parts, boot, give };
}

test("rights whose wires are late fill their own way, however few the exporter still counts", async () => {
  const depth = 4;
  const { near, far, server, receive, settle, boot, give } = moving(depth);
  const taken: Slot[] = [];
  for (let ticket = 1; ticket <= depth; ticket++) {
    const { status, close } = await give();
    equal(await status(), "ok");
    boot.letIn(ticket);
    close(); // for its isolate that right is over
    const message = await received(server, receive, settle);
    if (message.status === "ok" && message.moved !== undefined) taken.push(message.moved);
  }
  equal(taken.length, depth);
  const { status } = await give();
  await settle();
  equal(await status(), undefined);
  boot.arrive(1);
  await settle();
  equal(await status(), "ok");
  deepEqual([near.violated, far.violated], [[], []]);
});

test("a right that never gets a wire is gone for its holder, and leaves its exporter room", async () => {
  const { near, far, server, client, receive, settle, give } = moving(4);
  await give();
  const message = await received(server, receive, settle);
  if (message.status !== "ok" || message.moved === undefined) throw new Error("no right came");
  const waiting = far.manual.outcome(server.send(message.moved, FRAME));
  equal(await waiting(), undefined);
  server.capClose(receive);
  await settle();
  for (const { manual } of [near, far]) manual.kernel.crossings.forget(RIGHT);
  equal(await waiting(), "no_such_endpoint");
  equal(near.manual.kernel.crossings.exports, 0);
  client.exit();
});

test("a right whose frame never comes is dropped where it was to come to", async () => {
  for (const closes of ["after its wire", "before its wire"] as const) {
    const { near, server, receive, settle, boot, give } = moving(4);
    await give();
    boot.letIn(1);
    if (closes === "before its wire") server.capClose(receive);
    boot.arrive(1);
    equal(near.manual.kernel.crossings.exports, 1);
    if (closes === "after its wire") server.capClose(receive);
    await settle();
    equal(near.manual.kernel.crossings.exports, 0, closes);
  }
});

/** The far end of a wire in the hands of something that is no kernel. */
function liar(depth = 2) {
  const wires = fakeWires();
  const far = isolate();
  const server = far.manual.kernel.spawn("server");
  const pair = server.endpointCreate(depth);
  if (pair.status !== "ok") throw new Error(pair.status);
  server.capClose(pair.send);
  const [out, into] = wires.pair();
  const endpoint = far.manual.kernel.endpointAt(server, pair.receive);
  if (endpoint === undefined) throw new Error("no endpoint");
  const source = { id: RIGHT, sender: principalNamed("liar"), badge: BADGE };
  far.manual.kernel.crossings.openInlet(source, wires.open(into), endpoint);
  return { wires, far, server, receive: pair.receive, wire: wires.open(out) };
}

/** A batch of empty frames. */
function batch(count: number): Uint8Array {
  return new Uint8Array(2 * count);
}

const LIES: Readonly<Record<string, (wire: Wire) => void>> = {
  "a word": (wire) => wire.post("hello"),
  "a number that says nothing": (wire) => wire.post(77),
  "a length that is cut": (wire) => wire.post(Uint8Array.of(1)),
  "a frame that is cut": (wire) => wire.post(Uint8Array.of(2, 0, 1)),
  "a frame longer than any": (wire) =>
    wire.post(new Uint8Array(2 + 8193).fill(1, 0, 1).fill(0x20, 1, 2)),
  "more frames than there is room": (wire) => wire.post(batch(3)),
  "more frames than there is room, one by one": (wire) => {
    for (let count = 0; count < 3; count++) wire.post(batch(1));
  },
  "rights without frames": (wire) => wire.post({ rights: [] }),
  "a right of no frame": (wire) =>
    wire.post({ frames: batch(1), rights: [{ index: 1, ticket: 1 }] }),
  "two rights of one frame": (wire) =>
    wire.post({
      frames: batch(1),
      rights: [{ index: 0, ticket: 1 }, { index: 0, ticket: 2 }],
    }),
  "a ticket twice": (wire) => {
    for (let count = 0; count < 2; count++) {
      wire.post({ frames: batch(1), rights: [{ index: 0, ticket: 1 }] });
    }
  },
  "memory longer than any": (wire) =>
    wire.post({
      frames: batch(1),
      rights: [{ index: 0, memory: new ArrayBuffer(VMO_LENGTH_MAX + 1) }],
    }),
  "memory that is empty": (wire) =>
    wire.post({ frames: batch(1), rights: [{ index: 0, memory: new ArrayBuffer(0) }] }),
  "a right of no kind": (wire) => wire.post({ frames: batch(1), rights: [{ index: 0 }] }),
};

test("Inlet cuts off whoever breaks the rules of the wire, and says so", async () => {
  for (const [lie, tell] of Object.entries(LIES)) {
    const { wires, far, server, receive, wire } = liar();
    tell(wire);
    wires.deliver();
    deepEqual(far.violated, [RIGHT], lie);
    const takes = lie.includes("one by one") ? 2 : Number(lie.includes("twice"));
    wire.post(batch(1));
    wires.deliver();
    for (let count = 0; count < takes; count++) {
      equal((await server.receive(receive)).status, "ok", lie);
    }
    const next = far.manual.outcome(server.receive(receive));
    deepEqual(await next(), { status: "peer_closed" }, lie);
  }
});

test("an inlet keeps the bounds of the endpoint's owner", async () => {
  const { wires, far, server, receive, wire } = liar(64);
  const full = new Uint8Array(2 + 8192);
  full.set([0x00, 0x20]);
  for (let count = 0; count < 64; count++) wire.post(full);
  wires.deliver();
  await far.manual.quiet();
  equal(server.budget.used, server.budget.max);
  for (let count = 0; count < 64; count++) {
    equal((await server.receive(receive)).status, "ok");
  }
  equal(server.budget.used, 0);
  deepEqual(far.violated, []);
});
