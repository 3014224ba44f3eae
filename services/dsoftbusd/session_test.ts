import { encodeFrame, frameLength } from "@net/transport/session_messages.ts";
import { Transport } from "@net/noise/transport.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { type ManualClock, manualClock } from "@tests/fakes/clock.ts";
import { type FakeStream, type PairOptions, streamPair } from "@tests/fakes/streams.ts";
import { test } from "@tests/fakes/test.ts";
import { RecordStream } from "./record_stream.ts";
import { Refusal, type SessionEnd } from "./refusal.ts";
import {
  CHANNEL_REVERSE,
  CHANNEL_SERVICES,
  IDLE_TIMEOUT_MS,
  KEEPALIVE_MS,
  OUTBOX_BYTES_MAX,
  type PeerReply,
  PING,
  REQUESTS_MAX,
  Session,
  type SessionOptions,
  STALL_TIMEOUT_MS,
} from "./session.ts";

/** Largest payload of a frame: what a record holds beside the frame's own 32 bytes and the tag. */
const PAYLOAD_MAX = 65_480;
const KEYS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)] as const;

interface Wire {
  readonly clock: ManualClock;
  readonly near: Session;
  /** Why `near` ended. */
  readonly ended: Promise<SessionEnd>;
  readonly stream: FakeStream;
  readonly far: FakeStream;
  /** Seals a frame as the peer would and sends it. */
  send(channel: number, bytes: Uint8Array): Promise<void>;
  /** Seals any plaintext as a record. */
  sendPlain(plain: Uint8Array): Promise<void>;
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 1_000; turn++) await Promise.resolve();
}

/** One session whose peer is the test itself. */
function wire(
  options: PairOptions & Partial<Pick<SessionOptions, "role" | "serve" | "announced">> = {},
): Wire {
  const clock = manualClock();
  const [stream, far] = streamPair(clock, options);
  const near = new Session({
    role: "responder",
    deviceId: "ab".repeat(32),
    hash: new Uint8Array(32),
    transport: new Transport({ send: KEYS[0], receive: KEYS[1] }),
    records: new RecordStream(stream, clock),
    clock,
    serve: (_, request) => request,
    announced: () => Promise.resolve(),
    ...options,
  });
  const transport = new Transport({ send: KEYS[1], receive: KEYS[0] });
  const sendPlain = async (plain: Uint8Array) => {
    const record = new Uint8Array(4 + plain.length + 16);
    new DataView(record.buffer).setUint32(0, plain.length + 16);
    transport.seal(plain, record, 4);
    await far.write(record, 1_000);
    await settle();
  };
  const send = async (channel: number, bytes: Uint8Array) => {
    const plain = new Uint8Array(frameLength(bytes.length));
    encodeFrame(channel, bytes, plain, 0);
    await sendPlain(plain);
  };
  return { clock, near, ended: near.run(), stream, far, send, sendPlain };
}

/** Two sessions that face each other. */
function pair(
  serve: SessionOptions["serve"],
  options: PairOptions = {},
): { clock: ManualClock; a: Session; b: Session; ends: readonly Promise<SessionEnd>[] } {
  const clock = manualClock();
  const streams = streamPair(clock, options);
  const [a, b] = streams.map((stream, index) =>
    new Session({
      role: index === 0 ? "initiator" : "responder",
      deviceId: `${index}`.repeat(64),
      hash: new Uint8Array(32),
      transport: new Transport({
        send: KEYS[index] ?? KEYS[0],
        receive: KEYS[1 - index] ?? KEYS[0],
      }),
      records: new RecordStream(stream, clock),
      clock,
      serve,
      announced: (session) => {
        session.peerAnnounced = true;
        return Promise.resolve();
      },
    })
  );
  ok(a !== undefined && b !== undefined);
  return { clock, a, b, ends: [a.run(), b.run()] };
}

async function bytesOf(reply: Promise<PeerReply>): Promise<Uint8Array> {
  const bytes = await reply;
  ok(bytes instanceof Uint8Array, "the peer answered");
  return bytes;
}

test("Session answers requests in order, each with its own reply, at every length up to the bound", async () => {
  for (const segment of [Infinity, 1_000]) {
    const { a, ends } = pair((_, request) => request.slice(), { segment });
    const lengths = [0, 1, 7, 8, 9, 8_168, 8_169, 65_479, PAYLOAD_MAX];
    const requests = lengths.map((length, index) => new Uint8Array(length).fill(index + 1));
    const replies = await Promise.all(requests.map((request) => bytesOf(a.request(request))));
    deepEqual(replies, requests);
    a.end("local_close");
    deepEqual(await Promise.all(ends), ["local_close", "closed"]);
  }
});

test("Session keeps the order of replies although serving takes different times", async () => {
  const waits: (() => void)[] = [];
  const { a } = pair((_, request) => {
    const reply = request.slice();
    if (waits.length > 0) return reply;
    return new Promise((resolve) => waits.push(() => resolve(reply)));
  });
  const replies = [1, 2, 3].map((word) => bytesOf(a.request(Uint8Array.of(word))));
  await settle();
  waits[0]?.();
  deepEqual(await Promise.all(replies), [1, 2, 3].map((word) => Uint8Array.of(word)));
});

test("Session keeps no view into a buffer that the next record overwrites", async () => {
  // Records come in parts, through one buffer, while earlier replies wait for room.
  const { a } = pair((_, request) => {
    request[0] = 9;
    return request;
  }, { segment: 5, capacity: 64 });
  const kept = Array.from(
    { length: 40 },
    (_, index) => bytesOf(a.request(Uint8Array.of(0, index))),
  );
  deepEqual(
    await Promise.all(kept),
    Array.from({ length: 40 }, (_, index) => Uint8Array.of(9, index)),
  );
});

test("Session lets a caller use its request's buffer again at once", async () => {
  const { a } = pair((_, request) => request.slice());
  const word = new Uint8Array(1);
  const replies = Array.from({ length: 10 }, (_, index) => {
    word[0] = index;
    return bytesOf(a.request(word));
  });
  deepEqual(
    (await Promise.all(replies)).map(([first]) => first),
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test("Session asks nobody beyond its bound, and says that it is its own", async () => {
  const { a } = pair(() => new Promise(() => {}));
  const replies = Array.from({ length: REQUESTS_MAX }, () => a.request(PING));
  deepEqual(await a.request(PING), { ended: "requests_limit" });
  a.end("local_close");
  for (const reply of replies) deepEqual(await reply, { ended: "local_close" });
  deepEqual(await a.request(PING), { ended: "local_close" });
});

test("a responder may ask only a peer that announced itself, on the reverse channel", async () => {
  const { a, b } = pair((_, request) => request.slice());
  deepEqual([a.askable, b.askable], [true, false]);
  a.announce(Uint8Array.of(1));
  await settle();
  equal(b.askable, true);
  deepEqual(await bytesOf(b.request(Uint8Array.of(7))), Uint8Array.of(7));
});

test("an initiator that announced nothing takes the reverse channel for an unknown one", async () => {
  const { near, ended, send } = wire({ role: "initiator" });
  ok(near.askable);
  await send(CHANNEL_SERVICES + CHANNEL_REVERSE, PING);
  equal(await ended, "unknown_channel");
});

test("Session names each way to break the protocol, and closes in order", async () => {
  const cases: readonly (readonly [SessionEnd, (wire: Wire) => Promise<unknown>])[] = [
    ["unknown_channel", ({ send }) => send(2, PING)],
    ["unknown_channel", ({ send }) => send(0xffffffff, PING)],
    ["unasked_reply", ({ send }) => send(CHANNEL_SERVICES + CHANNEL_REVERSE, PING)],
    ["frame_malformed", ({ sendPlain }) => sendPlain(new Uint8Array(0))],
    ["frame_malformed", ({ sendPlain }) => sendPlain(new Uint8Array(64).fill(0xff))],
    ["message_length", ({ far }) => far.write(fromHex("0000000f" + "00".repeat(15)).slice(), 1)],
    ["noise_decrypt", ({ far }) => far.write(fromHex("00000040" + "00".repeat(64)).slice(), 1)],
    ["record_length", ({ far }) => far.write(fromHex("00010000").slice(), 1)],
    ["record_length", ({ far }) => far.write(fromHex("00000000").slice(), 1)],
    ["record_cut", async ({ far }) => {
      await far.write(fromHex("00000050616263").slice(), 1);
      await far.close();
    }],
  ];
  for (const [reason, attack] of cases) {
    const attacked = wire();
    await attack(attacked);
    deepEqual([await attacked.ended, attacked.stream.left], [reason, "closed"]);
  }
});

test("Session's replies still arrive when its peer breaks the protocol behind the requests", async () => {
  const { ended, send, far, near } = wire();
  for (let count = 0; count < 3; count++) await send(CHANNEL_SERVICES, PING);
  await send(2, PING);
  equal(await ended, "unknown_channel");
  const reply = 4 + frameLength(PING.length) + 16;
  let arrived = 0;
  for (;;) {
    const read = await far.read(1);
    if (read.status !== "ok") {
      equal(read.status, "closed");
      break;
    }
    arrived += read.bytes.length;
  }
  equal(arrived, 3 * reply);
  equal(near.ended, "unknown_channel");
});

test("Session refuses a record that comes a second time", async () => {
  const { ended, send, far } = wire();
  await send(CHANNEL_SERVICES, PING);
  await far.write(far.sent.slice(), 1_000);
  equal(await ended, "noise_decrypt");
});

test("Session reads frames of two segments with a far pointer, as upstream sends its large ones", async () => {
  const asked: Uint8Array[] = [];
  const { sendPlain } = wire({
    serve: (_, request) => {
      asked.push(request.slice());
      return request;
    },
  });
  await sendPlain(fromHex(
    "01000000" + "03000000" + "02000000" + "00000000" +
      "0000000001000100" + "0100000000000000" + "0200000001000000" +
      "0100000022000000" + "70696e6700000000",
  ));
  deepEqual(asked, [PING]);
});

test("Session tells closed, reset, idle and a dead netstackd apart", async () => {
  const closed = wire();
  await closed.far.close();
  deepEqual([await closed.ended, closed.stream.left], ["closed", "closed"]);
  const reset = wire();
  await reset.far.abort();
  equal(await reset.ended, "connection_reset");
  const gone = wire();
  gone.stream.read = () => Promise.resolve({ status: "gone" });
  await settle();
  gone.clock.advanceMs(KEEPALIVE_MS);
  equal(await gone.ended, "gone");
  const idle = wire();
  for (let ms = 0; ms < IDLE_TIMEOUT_MS; ms += KEEPALIVE_MS) {
    equal(idle.near.ended, undefined);
    await settle();
    idle.clock.advanceMs(KEEPALIVE_MS);
  }
  equal(await idle.ended, "idle");
});

test("an initiator pings a silent peer, and a peer that answers is not idle", async () => {
  const asked: number[] = [];
  const { clock, a, b } = pair((_, request) => {
    asked.push(request.length);
    return request.slice();
  });
  for (let ms = 0; ms < 3 * IDLE_TIMEOUT_MS; ms += 5_000) {
    clock.advanceMs(5_000);
    await settle();
  }
  deepEqual([a.ended, b.ended], [undefined, undefined]);
  ok(asked.length >= 6 && asked.length <= 12, `${asked.length} pings`);
});

test("a peer that trickles bytes of a record which never ends is idle all the same", async () => {
  const { clock, ended, far } = wire();
  await far.write(fromHex("0000ffff").slice(), 1);
  for (let ms = 0; ms < IDLE_TIMEOUT_MS; ms += 1_000) {
    await far.write(Uint8Array.of(0), 1);
    await settle();
    clock.advanceMs(1_000);
    await settle();
  }
  equal(await ended, "idle");
});

test("a peer that reads nothing is not read from for long, and is given up", async () => {
  let served = 0;
  const attacked = wire({
    capacity: 1 << 16,
    serve: (_, request) => {
      served += 1;
      return request;
    },
  });
  const request = new Uint8Array(60_000);
  const sent = 200;
  for (let index = 0; index < sent; index++) {
    // What does not fit waits on the peer's side.
    attacked.send(CHANNEL_SERVICES, request);
    await settle();
  }
  const held = served * request.length;
  ok(held <= OUTBOX_BYTES_MAX + (256 << 10) + (1 << 16) + 4 * request.length, `${held} bytes`);
  equal(attacked.near.ended, undefined);
  attacked.clock.advanceMs(STALL_TIMEOUT_MS);
  deepEqual([await attacked.ended, attacked.stream.left], ["stalled", "aborted"]);
});

test("a peer that reads slowly gets everything, in order", async () => {
  const { a } = pair((_, request) => request.slice(), { capacity: 4_096, segment: 512 });
  const replies = Array.from(
    { length: 40 },
    (_, index) => bytesOf(a.request(new Uint8Array(5_000).fill(index))),
  );
  const words = (await Promise.all(replies)).map((reply) => `${reply.length}:${reply[0]}`);
  deepEqual(words, Array.from({ length: 40 }, (_, index) => `5000:${index}`));
});

test("Session sends what waits before it closes in order", async () => {
  const { near, far, stream } = wire({ role: "initiator", capacity: 64 });
  for (let index = 0; index < 5; index++) near.request(PING);
  const written = stream.sent.length;
  near.end("local_close");
  await settle();
  equal(stream.left, "closed");
  ok(stream.sent.length === 5 * written, "all five requests were handed over");
  ok(far.left === "open");
});

test("Session wipes its keys when it ends: nothing can be sealed or opened any more", async () => {
  const transport = new Transport({ send: KEYS[0], receive: KEYS[1] });
  const clock = manualClock();
  const [stream] = streamPair(clock);
  const session = new Session({
    role: "responder",
    deviceId: "",
    hash: new Uint8Array(32),
    transport,
    records: new RecordStream(stream, clock),
    clock,
    serve: (_, request) => request,
    announced: () => Promise.resolve(),
  });
  session.end("local_close");
  equal(transport.failed, true);
  equal(session.end("idle"), "local_close");
  equal(await session.run(), "local_close");
});

test("Session throws a bug of its own on, after it has ended", async () => {
  const serving = wire({
    serve: () => {
      throw new TypeError("a bug");
    },
  });
  serving.send(CHANNEL_SERVICES, PING);
  await rejects(serving.ended, TypeError);
  deepEqual([serving.near.ended, serving.stream.left], ["gone", "aborted"]);
  const writing = wire({ role: "initiator" });
  writing.stream.write = () => Promise.reject(new TypeError("a bug"));
  writing.near.request(PING);
  await rejects(writing.ended, TypeError);
  equal(writing.near.ended, "gone");
});

test("what the announce channel refuses ends the session by that name", async () => {
  const { ended, send } = wire({
    announced: () => Promise.reject(new Refusal("announce_invalid")),
  });
  await send(0, concatBytes(PING));
  equal(await ended, "announce_invalid");
});
