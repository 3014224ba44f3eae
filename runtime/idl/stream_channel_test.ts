import type { FrameStream, FrameStreamObserver } from "../core/program_ports.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { connectStream, WAITING_MAX } from "./stream_channel.ts";

const CONNECT_MS = 1_000;
const CALL_MS = 2_000;

/** The other end of a stream, in a test's hands: a frame's first byte is its nonce. */
function far() {
  const state = { ended: false, reset: false, full: false, sent: [] as number[] };
  let observer: FrameStreamObserver | undefined;
  const stream: FrameStream = {
    observe: (given) => void (observer = given),
    send(frame) {
      if (state.full) return false;
      state.sent.push(frame[0] ?? 0);
      return true;
    },
    end: () => void (state.ended = true),
    reset: () => void (state.reset = true),
  };
  return {
    state,
    stream,
    open: () => observer?.opened(),
    answer: (nonce: number) => observer?.frame(Uint8Array.of(nonce)),
    close: () => observer?.closed("reset"),
  };
}

async function connected() {
  const clock = manualClock();
  const { stream, ...there } = far();
  const attempt = connectStream(stream, {
    ...{ clock, turns: clock, connectTimeoutMs: CONNECT_MS },
    nonceOf: (frame) => frame[0] === 0xff ? undefined : BigInt(frame[0] ?? 0),
  });
  there.open();
  const outcome = await attempt;
  if (outcome.status !== "ok") throw new TypeError(outcome.error);
  const { connection } = outcome;
  const ask = (nonce: number, timeoutMs: number | undefined = CALL_MS) =>
    connection.exchange({
      ...{ frame: Uint8Array.of(nonce), nonce: BigInt(nonce), move: undefined, timeoutMs },
    });
  return { ...there, clock, connection, ask };
}

test("connectStream gives up in time, and says why nobody accepts", async () => {
  const clock = manualClock();
  const ports = { clock, turns: clock, connectTimeoutMs: CONNECT_MS, nonceOf: () => undefined };
  const silent = far();
  const waiting = connectStream(silent.stream, ports);
  clock.advanceMs(CONNECT_MS);
  deepEqual(await waiting, { status: "failed", error: "timed_out" });
  equal(silent.state.ended, true);
  const refusing = far();
  const refused = connectStream(refusing.stream, ports);
  refusing.close();
  deepEqual(await refused, { status: "failed", error: "reset" });
  equal(clock.nextNs(), undefined);
});

test("a stream channel sends eight requests at a time, and the next as answers come", async () => {
  const { ask, state, answer, clock } = await connected();
  const calls = Array.from({ length: 10 }, (_, nonce) => ask(nonce));
  deepEqual(state.sent, [0, 1, 2, 3, 4, 5, 6, 7]);
  answer(0);
  deepEqual(state.sent.at(-1), 8);
  for (let nonce = 1; nonce < 10; nonce++) answer(nonce);
  deepEqual((await Promise.all(calls)).map(({ status }) => status), Array(10).fill("ok"));
  equal(clock.nextNs(), undefined);
});

test("a stream channel holds so many requests and no more", async () => {
  const { ask, connection, clock } = await connected();
  const calls = Array.from({ length: WAITING_MAX }, (_, index) => ask(index & 0x7f));
  deepEqual(await ask(1), { status: "gone" });
  connection.close();
  deepEqual(new Set((await Promise.all(calls)).map(({ status }) => status)), new Set(["gone"]));
  equal(clock.nextNs(), undefined);
});

test("an answer that is late ends a stream channel, one that was never sent for does not", async () => {
  const { ask, state, clock, answer, connection } = await connected();
  const calls = Array.from({ length: 8 }, (_, nonce) => ask(nonce, undefined));
  const queued = ask(8, 10);
  clock.advanceMs(10);
  deepEqual(await queued, { status: "no_reply" });
  deepEqual([state.reset, connection.ended], [false, false]);
  answer(0);
  equal(state.sent.length, 8);
  const late = ask(9, 10);
  clock.advanceMs(10);
  deepEqual(await late, { status: "no_reply" });
  deepEqual([state.reset, connection.ended], [true, true]);
  const [first, ...others] = await Promise.all(calls);
  equal(first?.status, "ok");
  deepEqual(new Set(others.map(({ status }) => status)), new Set(["gone"]));
  deepEqual(await ask(10), { status: "gone" });
});

test("an answer to another request, to none, or without a nonce ends a stream channel", async () => {
  for (const wrong of [2, 0xff]) {
    const { ask, state, answer } = await connected();
    const call = ask(1);
    answer(wrong);
    deepEqual(await call, { status: "gone" });
    equal(state.reset, true);
  }
  const { state, answer } = await connected();
  answer(1);
  equal(state.reset, true);
});

test("a stream channel whose stream takes no more, or is closed, is over", async () => {
  const full = await connected();
  full.state.full = true;
  deepEqual(await full.ask(1), { status: "gone" });
  equal(full.state.reset, true);
  const closed = await connected();
  const call = closed.ask(1);
  closed.close();
  deepEqual(await call, { status: "gone" });
  equal(closed.connection.ended, true);
});
