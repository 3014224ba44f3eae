import type { Allotted } from "@runtime/core/syscalls.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directClient } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { netstackd, STREAM_INLINE_MAX } from "../netstackd/protocol.ts";
import { type NetworkMemory, openNetwork, PAYLOADS_MAX } from "./network.ts";
import { EXCHANGE_LENGTH_MAX, type Stream } from "./stream.ts";

type Facade = Handlers<typeof netstackd>;

/** A netstackd that knows a listener, handle 1, and one connection, handle 2. */
function facade(change: Partial<Facade> = {}): Facade {
  const unused = () => ({ status: "io" }) as const;
  return {
    listen: () => ({ status: "ok", handle: 1 }),
    accept: () => ({ status: "ok", handle: 2, ip: "10.0.2.2", port: 4_000 }),
    connect: () => ({ status: "ok", handle: 2 }),
    read: unused,
    write: ({ length }) => ({ status: "ok", written: length }),
    close: () => ({ status: "ok" }),
    abort: () => ({ status: "ok" }),
    udpBind: unused,
    udpSendTo: unused,
    udpRecvFrom: unused,
    icmpPing: unused,
    localAddr: unused,
    waitWritable: unused,
    shutdown: unused,
    peerAddr: unused,
    exchange: unused,
    stats: unused,
    ...change,
  };
}

/** Memory objects that only count. */
function memory(
  room = true,
): NetworkMemory & { readonly made: number[]; readonly closed: number[] } {
  const [made, closed] = [[], []] as [number[], number[]];
  return {
    made,
    closed,
    clock: manualClock(),
    vmoFrom(bytes): Allotted {
      if (!room) return { status: "no_space" };
      made.push(bytes.length);
      return { status: "ok", slot: 9 };
    },
    vmoMap: () => undefined,
    capClose(slot) {
      closed.push(slot);
      return "ok";
    },
  };
}

async function stream(change: Partial<Facade>, own = memory()): Promise<Stream> {
  const network = await openNetwork(directClient(netstackd, facade(change)), own, 34_567);
  ok(!("failed" in network));
  const accepted = await network.accept();
  ok(typeof accepted === "object");
  return accepted;
}

test("openNetwork says why the port cannot be listened on", async () => {
  const taken = facade({ listen: () => ({ status: "in_use" }) });
  deepEqual(await openNetwork(directClient(netstackd, taken), memory(), 1), { failed: "in_use" });
});

test("turnedAway is what netstackd could not let wait, and nothing when it does not say", async () => {
  const counted = {
    status: "ok",
    framesReceived: 1n,
    framesSent: 2n,
    retransmits: 3n,
    dropped: 4n,
    synsDropped: 5n,
    handles: 6,
    parked: 7,
  } as const;
  for (const [stats, count] of [[counted, 5], [{ status: "io" }, 0]] as const) {
    const netstack = directClient(netstackd, facade({ stats: () => stats }));
    const network = await openNetwork(netstack, memory(), 1);
    ok(!("failed" in network));
    equal(await network.turnedAway(), count);
  }
});

test("accept ends for good only when it is told to stop", async () => {
  for (const status of ["not_found", "limit", "io", "timed_out"] as const) {
    const netstack = directClient(netstackd, facade({ accept: () => ({ status }) }));
    const network = await openNetwork(netstack, memory(), 1);
    ok(!("failed" in network));
    equal(await network.accept(), "failed");
    await network.stopListening();
    equal(await network.accept(), "gone");
  }
});

test("accept listens again where the next netstackd does not know the listener", async () => {
  const listened: number[] = [];
  let known = 1;
  const netstack = directClient(
    netstackd,
    facade({
      listen({ port }) {
        listened.push(port);
        return listened.length === 2
          ? { status: "in_use" }
          : { status: "ok", handle: listened.length };
      },
      accept: ({ handle }) =>
        handle === known
          ? { status: "ok", handle: 9, ip: "10.0.2.2", port: 4_000 }
          : { status: "not_found" },
    }),
  );
  const network = await openNetwork(netstack, memory(), 7);
  ok(!("failed" in network));
  equal(typeof await network.accept(), "object");
  known = 3;
  // Found gone; asked to listen again and was refused; listened.
  deepEqual([await network.accept(), await network.accept()], ["failed", "failed"]);
  equal(typeof await network.accept(), "object");
  deepEqual(listened, [7, 7, 7]);
});

test("connect tells apart who refused, was silent, is unreachable or denied", async () => {
  for (
    const [status, outcome] of [
      ["refused", "refused"],
      ["reset", "refused"],
      ["timed_out", "timed_out"],
      ["lost", "timed_out"],
      ["unreachable", "unreachable"],
      ["denied", "denied"],
      ["limit", "failed"],
    ] as const
  ) {
    const netstack = directClient(netstackd, facade({ connect: () => ({ status }) }));
    const network = await openNetwork(netstack, memory(), 1);
    ok(!("failed" in network));
    equal(await network.connect({ address: 1, port: 2, timeoutMs: 3 }), outcome);
  }
});

test("a stream tells its ends apart", async () => {
  for (
    const [status, end] of [
      ["closed", "closed"],
      ["reset", "reset"],
      ["lost", "reset"],
      ["timed_out", "timed_out"],
      ["not_found", "gone"],
      ["limit", "gone"],
    ] as const
  ) {
    const read = await stream({ read: () => ({ status }) });
    deepEqual(await read.read(5), { status: end });
    const write = await stream({ write: () => ({ status }) });
    equal(await write.write(new Uint8Array(3), 5), end);
  }
});

test("a write that did not get through in its time says so", async () => {
  const partial = await stream({ write: () => ({ status: "ok", written: 2 }) });
  equal(await partial.write(new Uint8Array(3), 5), "timed_out");
  equal(await partial.write(new Uint8Array(2), 5), "ok");
});

test("a write sends its time along, and what does not fit the frame as a memory object", async () => {
  const asked: number[][] = [];
  const own = memory();
  const out = await stream({
    write({ timeoutMs, length, bytes }) {
      asked.push([timeoutMs, length, bytes.length]);
      return { status: "ok", written: length };
    },
  }, own);
  equal(await out.write(new Uint8Array(STREAM_INLINE_MAX), 70), "ok");
  equal(await out.write(new Uint8Array(STREAM_INLINE_MAX + 1), 80), "ok");
  deepEqual(asked, [[70, STREAM_INLINE_MAX, STREAM_INLINE_MAX], [80, STREAM_INLINE_MAX + 1, 0]]);
  deepEqual(own.made, [STREAM_INLINE_MAX + 1]);
});

test("peers that do not read leave the others their writes: what has no object goes in the frames", async () => {
  const stuck: (() => void)[] = [];
  const got: [handle: number, length: number, timeoutMs: number][] = [];
  const own = { ...memory(), clock: manualClock() };
  let handles = 1;
  const netstack = directClient(
    netstackd,
    facade({
      accept: () => ({ status: "ok", handle: ++handles, ip: "10.0.2.2", port: 4_000 }),
      write({ handle, length, bytes, timeoutMs }) {
        if (bytes.length === 0) {
          return new Promise((resolve) =>
            stuck.push(() => resolve({ status: "timed_out" as const }))
          );
        }
        own.clock.advanceMs(10);
        got.push([handle, length, timeoutMs]);
        return { status: "ok", written: length };
      },
    }),
  );
  const network = await openNetwork(netstack, own, 1);
  ok(!("failed" in network));
  const next = async () => {
    const accepted = await network.accept();
    ok(typeof accepted === "object");
    return accepted;
  };
  const large = () => new Uint8Array(2 * STREAM_INLINE_MAX + 5);
  const dead: Promise<unknown>[] = [];
  for (let count = 0; count < PAYLOADS_MAX; count++) {
    dead.push((await next()).write(large(), 60_000));
  }
  const lively = await next();
  equal(await lively.write(large(), 1_000), "ok");
  deepEqual(got, [
    [handles, STREAM_INLINE_MAX, 1_000],
    [handles, STREAM_INLINE_MAX, 990],
    [handles, 5, 980],
  ]);
  // The time is one for all pieces.
  equal(await lively.write(large(), 15), "timed_out");
  equal(got.length, 5);
  for (const end of stuck.splice(0)) end();
  deepEqual(await Promise.all(dead), dead.map(() => "timed_out"));
  const again = lively.write(large(), 1_000);
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  deepEqual([stuck.length, got.length], [1, 5]);
  stuck[0]?.();
  equal(await again, "timed_out");
});

test("a write without room for a memory object ends the stream and asks nobody", async () => {
  let asked = 0;
  const out = await stream({
    write({ length }) {
      asked += 1;
      return { status: "ok", written: length };
    },
  }, memory(false));
  deepEqual([await out.write(new Uint8Array(STREAM_INLINE_MAX + 1), 5), asked], ["gone", 0]);
});

test("openNetwork's streams exchange within one call, and end as reads do", async () => {
  const asked: { readonly bytes: Uint8Array; readonly timeoutMs: number }[] = [];
  const answers = [
    { status: "ok", length: 2, bytes: Uint8Array.of(8, 9) },
    { status: "lost" },
    { status: "timed_out" },
  ] as const;
  const one = await stream({
    exchange: ({ bytes, timeoutMs }) => {
      asked.push({ bytes: bytes.slice(), timeoutMs });
      return answers[asked.length - 1] ?? { status: "io" };
    },
  });
  deepEqual(await one.exchange(Uint8Array.of(1, 2), 70), {
    status: "ok",
    bytes: Uint8Array.of(8, 9),
  });
  deepEqual(await one.exchange(Uint8Array.of(3), 71), { status: "reset" });
  deepEqual(await one.exchange(new Uint8Array(EXCHANGE_LENGTH_MAX), 72), { status: "timed_out" });
  deepEqual(asked.map(({ bytes, timeoutMs }) => [bytes.length, timeoutMs]), [
    [2, 70],
    [1, 71],
    [EXCHANGE_LENGTH_MAX, 72],
  ]);
});
