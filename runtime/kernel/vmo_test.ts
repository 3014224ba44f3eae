import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { CAPABILITY_SLOTS, VMO_LENGTH_MAX } from "../core/syscalls.ts";
import { Vmo, VMO_BYTES_PER_TASK_MAX } from "./vmo.ts";

const FRAME = Uint8Array.of(1);
const OBJECTS_MAX = VMO_BYTES_PER_TASK_MAX / VMO_LENGTH_MAX;

test("Vmo has 1 byte to 1 MiB", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  for (const length of [0, -1, 0.5, NaN, VMO_LENGTH_MAX + 1]) {
    equal(task.vmoCreate(length).status, "invalid_argument");
    throws(() => Vmo.zeroed(length), InvariantError);
  }
  equal(task.vmoCreate(1).status, "ok");
  equal(task.vmoCreate(VMO_LENGTH_MAX).status, "ok");
  equal(task.vmoFrom(new Uint8Array(0)).status, "invalid_argument");
});

test("vmoCreate gives zeros", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  deepEqual(task.vmoMap(vmoOf(task, 9)), new Uint8Array(9));
});

test("vmoFrom takes the bytes and detaches every view of them", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  const bytes = Uint8Array.of(1, 2, 3);
  const view = bytes.subarray(1);
  const made = task.vmoFrom(bytes);
  if (made.status !== "ok") throw new Error(made.status);
  equal(bytes.length + view.length, 0);
  deepEqual(task.vmoMap(made.slot), Uint8Array.of(1, 2, 3));
});

test("vmoFrom of a part keeps what lies around it to itself", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  const whole = Uint8Array.of(9, 1, 2, 9);
  const made = task.vmoFrom(whole.subarray(1, 3));
  equal(whole.length, 0);
  if (made.status !== "ok") throw new Error(made.status);
  const mapped = task.vmoMap(made.slot);
  deepEqual(mapped, Uint8Array.of(1, 2));
  equal(mapped?.buffer.byteLength, 2);
});

test("vmoFrom leaves the bytes alone when there is no slot for them", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  for (let slot = 0; slot < CAPABILITY_SLOTS; slot++) vmoOf(task, 1);
  const bytes = Uint8Array.of(1, 2, 3);
  equal(task.vmoFrom(bytes).status, "no_space");
  deepEqual(bytes, Uint8Array.of(1, 2, 3));
});

test("moving a memory object cuts off the views that the sender had", async () => {
  const { kernel } = manualKernel();
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  const { receive, send } = endpointBetween(kernel, { owner, client });
  const slot = vmoOf(client, 4);
  const view = client.vmoMap(slot);
  view?.fill(7);
  equal(await client.send(send, FRAME, { move: slot }), "ok");
  equal(view?.length, 0);
  equal(client.vmoMap(slot), undefined);
  const message = await owner.receive(receive);
  if (message.status !== "ok" || message.moved === undefined) throw new Error("no object");
  deepEqual(owner.vmoMap(message.moved), new Uint8Array(4).fill(7));
});

test("a task holds 64 MiB of memory objects, those on their way among them", async () => {
  const { kernel } = manualKernel();
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  const { receive, send } = endpointBetween(kernel, { owner, client });
  const slots = Array.from({ length: OBJECTS_MAX }, () => vmoOf(client, VMO_LENGTH_MAX));
  equal(client.vmoCreate(1).status, "no_space");
  equal(await client.send(send, FRAME, { move: slots[0] }), "ok");
  equal(client.vmoCreate(1).status, "no_space");
  equal((await owner.receive(receive)).status, "ok");
  equal(client.vmoCreate(VMO_LENGTH_MAX).status, "ok");
  equal(client.vmoCreate(1).status, "no_space");
  equal(client.capClose(slots[1] ?? -1), "ok");
  equal(client.vmoCreate(VMO_LENGTH_MAX).status, "ok");
});

test("a receiver at its bound gets no_space, and the object once it has room", async () => {
  const { kernel } = manualKernel();
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  const { receive, send } = endpointBetween(kernel, { owner, client });
  const held = Array.from({ length: OBJECTS_MAX }, () => vmoOf(owner, VMO_LENGTH_MAX));
  equal(await client.send(send, FRAME, { move: vmoOf(client, 1) }), "ok");
  equal((await owner.receive(receive)).status, "no_space");
  owner.capClose(held[0] ?? -1);
  equal((await owner.receive(receive)).status, "ok");
});

test("bytes of a message that nobody took are the sender's to use again", async () => {
  const { kernel } = manualKernel();
  const [owner, client] = [kernel.spawn("owner"), kernel.spawn("client")];
  const { receive, send } = endpointBetween(kernel, { owner, client });
  const slots = Array.from({ length: OBJECTS_MAX }, () => vmoOf(client, VMO_LENGTH_MAX));
  equal(await client.send(send, FRAME, { move: slots[0] }), "ok");
  owner.capClose(receive);
  equal(client.vmoMap(slots[0] ?? -1), undefined);
  equal(client.vmoCreate(VMO_LENGTH_MAX).status, "ok");
});

test("vmoMap needs a memory object", () => {
  const { kernel } = manualKernel();
  const task = kernel.spawn("holder");
  const { send } = endpointBetween(kernel, { owner: task, client: task });
  equal(task.vmoMap(send), undefined);
  equal(task.vmoMap(250), undefined);
});
