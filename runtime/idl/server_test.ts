import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { directClient, directFrames, principal, watchedGate } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { text8, u16, u8 } from "./field.ts";
import { list16 } from "./list_field.ts";
import { encodeReply, encodeRequest, parseReply } from "./packed_frame.ts";
import { OPERATION_LENGTH_MAX, TARGET_LENGTH_MAX } from "./policy.ts";
import { bind, type Handlers, REFUSED, serve, TARGET } from "./server.ts";
import { BARE, defineService, type Envelope, NONCE32 } from "./service.ts";

const store = defineService({
  name: "stored",
  magic: "ST",
  version: 1,
  envelope: BARE,
  status: { ok: 0, denied: 1, malformed: 2, unsupported: 3, too_large: 4 },
  refusals: { bad_version: "unsupported", length_out_of_range: "too_large" },
  ops: {
    put: {
      code: 1,
      doc: "Stores a word.",
      capability: "store.put",
      target: "word",
      bounds: { level: { min: 1, max: 3, status: "too_large" } },
      replyFields: "always",
      request: { level: u8(), word: text8(1, 200) },
      reply: { count: u16() },
    },
    anOperationWithAVeryLongNameIndeed: {
      code: 2,
      doc: "Has a name that no audit record holds whole.",
      capability: "store.put",
      request: {},
      reply: { words: list16({ level: u8(), word: text8(0, 4), other: text8(0, 4) }, 3, "split") },
    },
  },
});

const ACT = { code: 1, doc: "Acts.", capability: null, request: { id: u8() }, reply: {} } as const;

const shelf = defineService({
  name: "shelfd",
  magic: "SH",
  version: 1,
  envelope: BARE,
  status: { ok: 0, denied: 1, malformed: 2 },
  ops: {
    take: {
      code: 1,
      doc: "Takes from a shelf.",
      capability: {
        of: ["shelf.high", "shelf.low"],
        choose: ({ level }) => level === 0 ? [] : level === 1 ? ["shelf.low"] : OFF_LIST,
      },
      request: { level: u8() },
      reply: {},
    },
  },
});
const OFF_LIST: string[] = ["shelf.low", "shelf.high"];

const WORDS = [
  { level: 1, word: "ab", other: "c" },
  { level: 2, word: "", other: "d" },
];

function handlersOf(heard: string[] = []): Handlers<typeof store> & { ran: number } {
  const handlers = {
    ran: 0,
    put() {
      handlers.ran += 1;
      return { status: "ok", count: 1 } as const;
    },
    anOperationWithAVeryLongNameIndeed: () => ({ status: "ok", words: WORDS }) as const,
    [REFUSED]: ({ cause, code }: { readonly cause: { readonly code: string }; code: number }) =>
      void heard.push(`${cause.code} ${code}`),
  };
  return handlers;
}

const PUT = [0x53, 0x54, 1, 1, 2, 1, 0x61];

test("serve answers each cause with the protocol's status, in the length of the operation", async () => {
  const exchange = directFrames([bind(store, handlersOf())]);
  const reply = async (
    frame: readonly number[],
  ) => [...await exchange(Uint8Array.from(frame)) ?? []];
  deepEqual(await reply(PUT), [0x53, 0x54, 1, 0x81, 0, 1, 0]);
  deepEqual(await reply([0x53, 0x54, 1, 1, 2, 0]), [0x53, 0x54, 1, 0x81, 4, 0, 0]);
  deepEqual(await reply(PUT.slice(0, 6)), [0x53, 0x54, 1, 0x81, 2, 0, 0]);
  deepEqual(await reply([...PUT, 0]), [0x53, 0x54, 1, 0x81, 2, 0, 0]);
  deepEqual(await reply([0x53, 0x54, 9, 1]), [0x53, 0x54, 1, 0x81, 3, 0, 0]);
  deepEqual(await reply([0x53, 0x54, 1, 0x55]), [0x53, 0x54, 1, 0xd5, 3]);
  deepEqual(await reply([0x53, 0x54, 1, 0x81]), [0x53, 0x54, 1, 0x81, 3]);
  deepEqual(await reply([]), [0x53, 0x54, 1, 0x80, 2]);
});

test("serve tells a daemon of every frame that it refused, with cause and opcode", async () => {
  const heard: string[] = [];
  const exchange = directFrames([bind(store, handlersOf(heard))]);
  for (const frame of [[], PUT, PUT.slice(0, 5), [0x53, 0x54, 1, 0x55]]) {
    await exchange(Uint8Array.from(frame));
  }
  deepEqual(heard, ["truncated 0", "truncated 1", "unknown_op 85"]);
});

test("serve looks at bounds before it asks, and runs nothing that was denied", async () => {
  const handlers = handlersOf();
  const { gate, asks } = watchedGate(false);
  const client = directClient(store, handlers, { gate });
  deepEqual(await client.put({ level: 4, word: "a" }), { status: "too_large" });
  equal(asks.length, 0);
  deepEqual(await client.put({ level: 3, word: "a" }), { status: "denied" });
  deepEqual({ asks: asks.length, ran: handlers.ran }, { asks: 1, ran: 0 });
});

test("serve cuts operation and target to their bounds in bytes, between characters", async () => {
  const { gate, asks } = watchedGate(true);
  const client = directClient(store, handlersOf(), { gate });
  await client.put({ level: 1, word: "\u20ac".repeat(60) });
  await client.anOperationWithAVeryLongNameIndeed({});
  const bytes = (text: string | undefined) => new TextEncoder().encode(text).length;
  equal(asks[0]?.target, "\u20ac".repeat(Math.floor(TARGET_LENGTH_MAX / 3)));
  equal(bytes(asks[1]?.operation), OPERATION_LENGTH_MAX);
});

test("list16 can write each record's lengths before its contents", () => {
  const opName = "anOperationWithAVeryLongNameIndeed";
  const values = { words: WORDS };
  const frame = encodeReply(store, { opName, nonce: undefined, status: "ok", values });
  const body = [2, 0, 1, 2, 1, 0x61, 0x62, 0x63, 2, 0, 1, 0x64];
  deepEqual([...frame], [0x53, 0x54, 1, 0x82, 0, ...body]);
  deepEqual(parseReply(store, opName, frame).values, values);
});

/** The order in which requests of two senders begin and end, when the first of each takes longer. */
async function orderOf(envelope: Envelope): Promise<readonly string[]> {
  const events: string[] = [];
  const slow = defineService({ ...store, name: "slowd", envelope, ops: { act: ACT } });
  const release: (() => void)[] = [];
  const handlers: Handlers<typeof slow> = {
    async act({ id }, { sender }) {
      events.push(`${sender.name} ${id} begins`);
      if (id === 1) await new Promise<void>((resolve) => release.push(resolve));
      events.push(`${sender.name} ${id} ends`);
      return { status: "ok" };
    },
  };
  const answer = serve([bind(slow, handlers)], () => Promise.resolve(true));
  const ask = (sender: string, id: number) => {
    const frame = encodeRequest(slow, { opName: "act", nonce: BigInt(id), values: { id } });
    return answer(frame.slice(), { sender: principal(sender), moved: undefined });
  };
  const asked = [ask("a", 1), ask("a", 2), ask("b", 2)];
  for (let count = 0; count < 50; count++) await undefined;
  release.forEach((end) => end());
  await Promise.all(asked);
  return events;
}

test("serve runs requests without nonces one after the other, each sender's own", async () => {
  deepEqual(await orderOf(BARE), [
    "a 1 begins",
    "b 2 begins",
    "b 2 ends",
    "a 1 ends",
    "a 2 begins",
    "a 2 ends",
  ]);
  deepEqual(await orderOf(NONCE32), [
    "a 1 begins",
    "a 2 begins",
    "a 2 ends",
    "b 2 begins",
    "b 2 ends",
    "a 1 ends",
  ]);
});

test("serve goes on after a handler of the same sender has thrown", async () => {
  let calls = 0;
  const throwing = {
    ...handlersOf(),
    put() {
      calls += 1;
      if (calls === 1) throw new TypeError("bug");
      return { status: "ok", count: 1 } as const;
    },
  };
  const exchange = directFrames([bind(store, throwing)]);
  const [first, second] = [exchange(Uint8Array.from(PUT)), exchange(Uint8Array.from(PUT))];
  await rejects(first, TypeError);
  equal((await second)?.[4], 0);
});

test("serve asks for the capabilities that follow from the request, until one allows", async () => {
  const asked: string[] = [];
  let held = "";
  const ran: number[] = [];
  const handlers = {
    take({ level }: { readonly level: number }) {
      ran.push(level);
      return { status: "ok" } as const;
    },
  };
  const gate = ({ capability }: { readonly capability: string }) => {
    asked.push(capability);
    return Promise.resolve(capability === held);
  };
  const answer = serve([bind(shelf, handlers)], gate);
  const take = async (level: number) => {
    asked.length = 0;
    const frame = encodeRequest(shelf, { opName: "take", nonce: undefined, values: { level } });
    const reply = await answer(frame, { sender: principal("a"), moved: undefined });
    return parseReply(shelf, "take", reply?.frame ?? new Uint8Array(0)).status;
  };
  deepEqual([await take(0), asked, ran], ["ok", [], [0]]);
  deepEqual([await take(1), asked, ran], ["denied", ["shelf.low"], [0]]);
  deepEqual([await take(2), asked, ran], ["denied", ["shelf.low", "shelf.high"], [0]]);
  held = "shelf.high";
  deepEqual([await take(1), ran], ["denied", [0]]);
  deepEqual([await take(2), asked, ran], ["ok", ["shelf.low", "shelf.high"], [0, 2]]);
  held = "shelf.low";
  deepEqual([await take(2), asked], ["ok", ["shelf.low"]]);
  OFF_LIST.push("shelf.other");
  held = "shelf.other";
  await rejects(() => take(2), InvariantError);
});

const vault = defineService({
  name: "vaultd",
  magic: "VA",
  version: 1,
  envelope: BARE,
  subjects: { "host-control": "operator" },
  status: { ok: 0, EPERM: 1, EINVAL: 2 },
  words: { denied: "EPERM", malformed: "EINVAL" },
  ops: {
    open: {
      code: 1,
      doc: "Opens a drawer.",
      capability: "vault.open",
      target: "drawer",
      request: { drawer: u8() },
      reply: {},
    },
  },
});

test("serve has a daemon name what a request is about, now or later, before it asks", async () => {
  for (const later of [false, true]) {
    const name = (drawer: unknown) => `drawer ${drawer} of ${"x".repeat(200)}`;
    const handlers: Handlers<typeof vault> = {
      open: () => ({ status: "ok" }),
      [TARGET]: (opName, { drawer }) => {
        equal(opName, "open");
        return later ? Promise.resolve(name(drawer)) : name(drawer);
      },
    };
    const { gate, asks } = watchedGate(true);
    deepEqual(await directClient(vault, handlers, { gate }).open({ drawer: 7 }), { status: "ok" });
    deepEqual(asks.map(({ target }) => target), [name(7).slice(0, TARGET_LENGTH_MAX)]);
  }
});

test("serve refuses in the protocol's own words, and judges aliases as their subjects", async () => {
  const handlers: Handlers<typeof vault> = { open: () => ({ status: "ok" }) };
  const { gate, asks } = watchedGate(({ subject }) => subject === "operator");
  const as = (sender: string) => directClient(vault, handlers, { gate, sender });
  deepEqual(await as("host-control").open({ drawer: 1 }), { status: "ok" });
  deepEqual(await as("stranger").open({ drawer: 1 }), { status: "EPERM" });
  deepEqual(await as("toString").open({ drawer: 1 }), { status: "EPERM" });
  deepEqual(asks.map(({ subject }) => subject), ["operator", "stranger", "toString"]);
  const answer = serve([bind(vault, handlers)], gate);
  const call = { sender: principal("host-control"), moved: undefined };
  const reply = await answer(Uint8Array.of(0x56, 0x41, 1, 1), call);
  equal(parseReply(vault, "open", reply?.frame ?? new Uint8Array(0)).status, "EINVAL");
});
