import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { endpointBetween, manualKernel, vmoOf } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import type { Message, Slot } from "../core/syscalls.ts";
import { IN_FLIGHT_MAX, SyscallChannel } from "./channel.ts";

const MS = 1e6;

interface Sent {
  readonly timeoutMs?: number;
  readonly move?: Slot;
  readonly nonce?: bigint;
}

/** In the place of a nonce: the frame has none. */
const UNNAMED = 0xff;

/** A channel whose server is the test. In frames with a nonce it is the first byte. */
function channel({ nonced, depth = 8 }: { nonced: boolean; depth?: number }) {
  const manual = manualKernel();
  const { kernel } = manual;
  const [server, client] = [kernel.spawn("server"), kernel.spawn("client")];
  const there = endpointBetween(kernel, { owner: server, client, depth });
  const back = endpointBetween(kernel, { owner: client, client: server, depth: 64 });
  client.capClose(back.ownSend);
  const slots = { send: there.send, receive: back.receive };
  const nonceIn = ([first = 0]: Uint8Array) => first === UNNAMED ? undefined : BigInt(first);
  const nonceOf = nonced ? nonceIn : undefined;
  const raw = new SyscallChannel(client, slots, nonceOf);
  const ask = (number: number, sent: Sent = {}) =>
    manual.outcome(
      raw.exchange({
        frame: Uint8Array.of(number),
        nonce: sent.nonce ?? (nonced ? BigInt(number) : undefined),
        move: sent.move,
        timeoutMs: sent.timeoutMs,
      }).then((reply) => reply.status === "ok" ? reply.frame[1] ?? -1 : reply.status),
    );
  const reply = (number: number, value: number) => {
    equal(server.trySend(back.send, Uint8Array.of(number, value)), "ok");
  };
  const take = async (): Promise<Message> => {
    const message = await server.receive(there.receive);
    if (message.status !== "ok") throw new Error(message.status);
    return message;
  };
  return { ...manual, server, client, raw, ask, reply, take, there, back };
}

test("SyscallChannel gives replies out of order to the calls whose nonce they carry", async () => {
  const { ask, reply } = channel({ nonced: true });
  const [first, second, third] = [ask(1), ask(2), ask(3)];
  reply(3, 30);
  reply(1, 10);
  deepEqual([await first(), await second(), await third()], [10, undefined, 30]);
  reply(2, 20);
  equal(await second(), 20);
});

test("SyscallChannel gives a reply without a nonce to the oldest call that has none", async () => {
  const { raw, ask, reply, outcome } = channel({ nonced: true });
  const unnamed = (byte: number) =>
    outcome(
      raw.exchange({
        frame: Uint8Array.of(byte),
        nonce: undefined,
        move: undefined,
        timeoutMs: undefined,
      }).then((got) => got.status === "ok" ? got.frame[1] ?? -1 : got.status),
    );
  const calls = [ask(1), unnamed(0x80), unnamed(0x81), ask(2)];
  reply(UNNAMED, 5);
  reply(2, 20);
  reply(UNNAMED, 6);
  reply(UNNAMED, 7);
  deepEqual(await Promise.all(calls.map((call) => call())), [undefined, 5, 6, 20]);
  reply(1, 10);
  equal(await calls[0]?.(), 10);
});

test("SyscallChannel drops a reply that nobody asked for", async () => {
  const { ask, reply } = channel({ nonced: true });
  const first = ask(1);
  reply(9, 90);
  equal(await first(), undefined);
  reply(1, 10);
  reply(1, 11);
  equal(await first(), 10);
});

test("SyscallChannel without nonces takes replies in the order of the calls", async () => {
  const { ask, reply } = channel({ nonced: false });
  const [first, second] = [ask(1), ask(2)];
  reply(0, 10);
  reply(0, 20);
  deepEqual([await first(), await second()], [10, 20]);
});

test("SyscallChannel without nonces drops a late reply at its own place", async () => {
  const { ask, reply, clock } = channel({ nonced: false });
  const [first, hurried, third] = [ask(1), ask(2, { timeoutMs: 1 }), ask(3)];
  equal(await first(), undefined);
  clock.advanceNs(MS);
  equal(await hurried(), "no_reply");
  reply(0, 10);
  reply(0, 20);
  reply(0, 30);
  deepEqual([await first(), await hurried(), await third()], [10, "no_reply", 30]);
});

test("SyscallChannel without nonces awaits no reply to a call that never left", async () => {
  const { ask, reply, take, clock } = channel({ nonced: false, depth: 1 });
  const [first, stuck] = [ask(1, { timeoutMs: 9 }), ask(2, { timeoutMs: 1 })];
  equal(await stuck(), undefined);
  clock.advanceNs(MS);
  equal(await stuck(), "no_reply");
  equal((await take()).frame[0], 1);
  const third = ask(3);
  reply(0, 10);
  reply(0, 30);
  deepEqual([await first(), await third()], [10, 30]);
});

test("SyscallChannel keeps each call's own deadline, a nearer one that comes later too", async () => {
  const { ask, clock } = channel({ nonced: true });
  const [slow, fast, patient] = [
    ask(1, { timeoutMs: 100 }),
    ask(2, { timeoutMs: 10 }),
    ask(3),
  ];
  await slow();
  clock.advanceNs(10 * MS);
  deepEqual([await slow(), await fast(), await patient()], [undefined, "no_reply", undefined]);
  clock.advanceNs(89 * MS);
  equal(await slow(), undefined);
  clock.advanceNs(MS);
  deepEqual([await slow(), await patient()], ["no_reply", undefined]);
});

test("SyscallChannel drops the reply to a call whose deadline passed", async () => {
  const { ask, reply, clock } = channel({ nonced: true });
  const first = ask(1, { timeoutMs: 1 });
  await first();
  clock.advanceNs(MS);
  equal(await first(), "no_reply");
  const second = ask(2, { timeoutMs: 5 });
  reply(1, 10);
  reply(2, 20);
  equal(await second(), 20);
});

test("SyscallChannel is gone when its server is, and stays so", async () => {
  const { ask, server, clock } = channel({ nonced: true });
  const [first, second] = [ask(1), ask(2, { timeoutMs: 5 })];
  equal(await first(), undefined);
  server.exit();
  deepEqual([await first(), await second()], ["gone", "gone"]);
  equal(await ask(3)(), "gone");
  equal(clock.nextNs(), undefined);
});

test("SyscallChannel has a bounded number of calls in flight", async () => {
  const { ask, reply } = channel({ nonced: false, depth: 256 });
  const calls = Array.from({ length: IN_FLIGHT_MAX }, (_, index) => ask(index));
  equal(await ask(0)(), "gone");
  reply(0, 7);
  equal(await calls[0]?.(), 7);
  equal(await ask(0)(), undefined);
});

test("SyscallChannel refuses a second call under a nonce in flight", async () => {
  const { ask, reply } = channel({ nonced: true });
  const first = ask(1);
  equal(await ask(5, { nonce: 1n })(), "gone");
  reply(1, 10);
  equal(await first(), 10);
  const again = ask(1);
  reply(1, 11);
  equal(await again(), 11);
});

test("SyscallChannel closes the capability of a reply that nobody wants", async () => {
  const { server, client, back, quiet } = channel({ nonced: true });
  const before = client.table.used;
  const slot = vmoOf(server, 8);
  equal(await server.send(back.send, Uint8Array.of(9, 9), { move: slot }), "ok");
  await quiet();
  equal(client.table.used, before);
});

test("SyscallChannel hands on the capability of a reply", async () => {
  const { server, client, back, raw, outcome } = channel({ nonced: true });
  const call = outcome(raw.exchange({
    frame: Uint8Array.of(1),
    nonce: 1n,
    move: undefined,
    timeoutMs: undefined,
  }));
  await server.send(back.send, Uint8Array.of(1, 1), { move: vmoOf(server, 8) });
  const reply = await call();
  equal(reply?.status === "ok" && client.vmoMap(reply.moved ?? -1)?.length, 8);
});

test("SyscallChannel closes the capability of a call that never left", async () => {
  const { ask, client, clock } = channel({ nonced: true, depth: 1 });
  const first = ask(1);
  const slot = vmoOf(client, 8);
  const stuck = ask(2, { move: slot, timeoutMs: 1 });
  await first();
  clock.advanceNs(MS);
  equal(await stuck(), "no_reply");
  equal(client.vmoMap(slot), undefined);
});

test("SyscallChannel sends in the order of the calls when there is no room", async () => {
  const { ask, take, quiet } = channel({ nonced: true, depth: 1 });
  for (const number of [1, 2, 3]) ask(number);
  await quiet();
  const order = [await take(), await take(), await take()].map(({ frame }) => frame[0]);
  deepEqual(order, [1, 2, 3]);
});

test("SyscallChannel without nonces closes what came with a late reply", async () => {
  const { ask, server, client, back, clock, quiet } = channel({ nonced: false });
  const before = client.table.used;
  const late = ask(1, { timeoutMs: 1 });
  await late();
  clock.advanceNs(MS);
  equal(await late(), "no_reply");
  await server.send(back.send, Uint8Array.of(0, 1), { move: vmoOf(server, 8) });
  await quiet();
  equal(client.table.used, before);
});

test("SyscallChannel takes no reply of a server that it no longer leads to", async () => {
  const { kernel, server, client, raw, ask, reply, quiet } = channel({ nonced: true });
  const first = ask(1);
  await quiet();
  reply(1, 10);
  const next = kernel.spawn("next");
  const there = endpointBetween(kernel, { owner: next, client });
  const back = endpointBetween(kernel, { owner: client, client: next });
  client.capClose(back.ownSend);
  raw.bind({ send: there.send, receive: back.receive });
  const second = ask(1);
  equal(await first(), "gone");
  equal(await second(), undefined);
  next.trySend(back.send, Uint8Array.of(1, 20));
  equal(await second(), 20);
  equal(server.exited, false);
});

test("SyscallChannel that leads nowhere says gone at once and closes what was to go", async () => {
  const { client, raw, ask } = channel({ nonced: true });
  const waiting = ask(1, { timeoutMs: 1 });
  raw.bind(undefined);
  equal(await waiting(), "gone");
  const slot = vmoOf(client, 8);
  equal(await ask(2, { move: slot })(), "gone");
  equal(client.vmoMap(slot), undefined);
});
