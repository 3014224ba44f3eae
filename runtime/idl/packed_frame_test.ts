import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { bytes8, rest, text8, u16, u8 } from "./field.ts";
import {
  correlated,
  encodeRefusal,
  encodeReply,
  encodeRequest,
  frameSizeMax,
  parseReply,
  parseRequest,
  replyNonce,
  speaks,
} from "./packed_frame.ts";
import { defineService, type Envelope, type PackedService } from "./service.ts";

function service(envelope: Envelope, more: Partial<PackedService> = {}): PackedService {
  return defineService({
    name: "testd",
    magic: "TE",
    version: 3,
    envelope,
    status: { ok: 0, denied: 15, malformed: 2, empty: 9 },
    ops: {
      put: {
        code: 5,
        doc: "Puts.",
        capability: null,
        request: { id: u8() },
        reply: { size: u16() },
      },
      open: {
        code: 6,
        doc: "Has an open end.",
        capability: null,
        request: { id: u8(), data: rest(9) },
        reply: { data: rest(9) },
      },
      pair: {
        code: 7,
        doc: "Has its lengths in front, and its fields always.",
        capability: null,
        requestLayout: "split",
        replyFields: "always",
        request: { key: bytes8(1, 4), value: bytes8(0, 4) },
        reply: { count: u8(), name: text8(0, 4) },
      },
    },
    ...more,
  });
}

/** Frames by hand: header, then what the envelope says, then the body. */
const ENVELOPES: readonly {
  readonly tell: string;
  readonly envelope: Envelope;
  readonly nonce: bigint | undefined;
  readonly request: string;
  readonly reply: string;
  readonly refusal: string;
}[] = [
  {
    tell: "bare",
    envelope: { request: [], reply: ["status"] },
    nonce: undefined,
    request: "5445 03 05 07",
    reply: "5445 03 85 00 0201",
    refusal: "5445 03 85 09",
  },
  {
    tell: "nonce32 after the status",
    envelope: { request: ["nonce32"], reply: ["status", "nonce32"] },
    nonce: 0x01020304n,
    request: "5445 03 05 04030201 07",
    reply: "5445 03 85 00 04030201 0201",
    refusal: "5445 03 85 09 04030201",
  },
  {
    tell: "nonce64",
    envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
    nonce: 0x0102030405060708n,
    request: "5445 03 05 0807060504030201 07",
    reply: "5445 03 85 00 0807060504030201 0201",
    refusal: "5445 03 85 09 0807060504030201",
  },
  {
    tell: "nonce32 before the status, and a zero",
    envelope: { request: ["nonce32"], reply: ["nonce32", "status", "zero8"] },
    nonce: 0x01020304n,
    request: "5445 03 05 04030201 07",
    reply: "5445 03 85 04030201 00 00 0201",
    refusal: "5445 03 85 04030201 09 00",
  },
  {
    tell: "a nonce at the end",
    envelope: { request: ["tailNonce64"], reply: ["status", "tailNonce64"] },
    nonce: 0x0102030405060708n,
    request: "5445 03 05 07 0807060504030201",
    reply: "5445 03 85 00 0201 0807060504030201",
    refusal: "5445 03 85 09 0807060504030201",
  },
  {
    tell: "a length after the status",
    envelope: { request: [], reply: ["status", "length16"] },
    nonce: undefined,
    request: "5445 03 05 07",
    reply: "5445 03 85 00 0200 0201",
    refusal: "5445 03 85 09 0000",
  },
];

function bytes(hex: string): Uint8Array {
  return fromHex(hex.replaceAll(" ", ""));
}

test("each envelope lies in the frame as written by hand, and comes back", () => {
  for (const { tell, envelope, nonce, request, reply, refusal } of ENVELOPES) {
    const own = service(envelope);
    const put = { opName: "put", nonce };
    const size = { size: 0x0102 };
    deepEqual(encodeRequest(own, { ...put, values: { id: 7 } }), bytes(request), tell);
    deepEqual(parseRequest(own, bytes(request)), { ...put, values: { id: 7 } }, tell);
    deepEqual(encodeReply(own, { ...put, status: "ok", values: size }), bytes(reply), tell);
    deepEqual(parseReply(own, "put", bytes(reply)), { status: "ok", nonce, values: size }, tell);
    deepEqual(encodeReply(own, { ...put, status: "empty", values: {} }), bytes(refusal), tell);
    const refused = { status: "empty", nonce, values: {} };
    deepEqual(parseReply(own, "put", bytes(refusal)), refused, tell);
    deepEqual(encodeRefusal(own, { code: 5, nonce, status: "empty" }), bytes(refusal), tell);
    equal(correlated(own), nonce !== undefined, tell);
    if (nonce !== undefined) equal(replyNonce(own, bytes(reply)), nonce, tell);
    if (nonce !== undefined) equal(replyNonce(own, bytes(refusal)), nonce, tell);
  }
});

test("each envelope's frames parse at their own length only", () => {
  for (const { tell, envelope, request, reply, refusal } of ENVELOPES) {
    const own = service(envelope);
    // Upstream leaves a trailing nonce out; so may a refusal that knows none.
    const optional = (hex: string, length: number) =>
      tell === "a nonce at the end" && length === bytes(hex).length - 8;
    const wholeStatus = (hex: string, length: number) =>
      hex === refusal && envelope.reply[0] === "status" && envelope.reply[1] === "nonce32" &&
        length === 5 || hex === refusal && envelope.reply[1] === "nonce64" && length === 5;
    for (
      const [hex, parse] of [
        [request, (frame: Uint8Array) => "refusal" in parseRequest(own, frame)],
        [reply, (frame: Uint8Array) => thrown(() => parseReply(own, "put", frame))],
        [refusal, (frame: Uint8Array) => thrown(() => parseReply(own, "put", frame))],
      ] as const
    ) {
      const whole = bytes(hex);
      for (let length = 0; length < whole.length; length++) {
        const fine = optional(hex, length) || wholeStatus(hex, length);
        equal(parse(whole.subarray(0, length)), !fine, `${tell} ${hex} at ${length}`);
      }
      ok(parse(Uint8Array.of(...whole, 0)), `${tell} and one byte`);
    }
  }
});

function thrown(parse: () => unknown): boolean {
  try {
    parse();
    return false;
  } catch {
    return true;
  }
}

test("a reply is refused by a wrong length, a wrong zero, and another operation's code", () => {
  const length = service({ request: [], reply: ["status", "length16"] });
  throws(() => parseReply(length, "put", bytes("5445 03 85 00 0300 0201")), {
    code: "length_out_of_range",
    offset: 5,
  });
  const zero = service({ request: ["nonce32"], reply: ["nonce32", "status", "zero8"] });
  throws(() => parseReply(zero, "put", bytes("5445 03 85 04030201 00 01 0201")), {
    code: "value_out_of_range",
    offset: 9,
  });
  const bare = service({ request: [], reply: ["status"] });
  throws(() => parseReply(bare, "put", bytes("5445 03 86 00 0201")), { code: "unknown_op" });
  throws(() => parseReply(bare, "put", bytes("5445 03 05 00 0201")), { code: "unknown_op" });
  throws(() => parseReply(bare, "put", bytes("5445 04 85 00 0201")), { code: "bad_version" });
  throws(() => parseReply(bare, "put", bytes("5446 03 85 00 0201")), { code: "bad_magic" });
  throws(() => parseReply(bare, "put", bytes("5445 03 85 08")), { code: "value_out_of_range" });
});

test("a refused request says its cause, its opcode and the nonce it had", () => {
  const own = service({ request: ["nonce32"], reply: ["status", "nonce32"] });
  const refused = (hex: string) => {
    const parsed = parseRequest(own, bytes(hex));
    if (!("refusal" in parsed)) throw new Error("parsed");
    return [parsed.refusal.code, parsed.refusal.offset, parsed.code, parsed.nonce];
  };
  deepEqual(refused(""), ["truncated", 0, 0, undefined]);
  deepEqual(refused("5545 03 05"), ["bad_magic", 0, 5, undefined]);
  deepEqual(refused("5446 03 05"), ["bad_magic", 1, 5, undefined]);
  deepEqual(refused("5445 02 05"), ["bad_version", 2, 5, undefined]);
  deepEqual(refused("5445 03 05 0102"), ["truncated", 4, 5, undefined]);
  deepEqual(refused("5445 03 63 01000000"), ["unknown_op", 3, 0x63, 1n]);
  deepEqual(refused("5445 03 05 01000000"), ["truncated", 8, 5, 1n]);
  deepEqual(refused("5445 03 05 01000000 07 00"), ["trailing_bytes", 9, 5, 1n]);
});

test("the reply to a frame without a nonce has none either", () => {
  for (const { envelope, tell } of ENVELOPES) {
    const own = service(envelope);
    const frame = encodeRefusal(own, { code: 0x63, nonce: undefined, status: "malformed" });
    equal(frame[3], 0xe3, tell);
    ok(frame.length <= 7, tell);
    equal(frame.includes(2), true, tell);
  }
});

test("an open end goes up to its bound, and no nonce is taken from it", () => {
  const own = service({ request: ["nonce32"], reply: ["status", "nonce32"] });
  const frame = bytes("5445 03 06 01000000 07 0a0b0c");
  const data = Uint8Array.of(10, 11, 12);
  deepEqual(parseRequest(own, frame), { opName: "open", nonce: 1n, values: { id: 7, data } });
  const long = Uint8Array.of(...bytes("5445 03 06 01000000 07"), ...new Uint8Array(10));
  const parsed = parseRequest(own, long);
  equal("refusal" in parsed && parsed.refusal.code, "length_out_of_range");
});

test("fields that are always there are zero in a refusal, and not handed on", () => {
  const own = service({ request: [], reply: ["status"] });
  const put = { opName: "pair", nonce: undefined };
  const refusal = encodeReply(own, { ...put, status: "denied", values: {} });
  equal(toHex(refusal), "544503870f0000");
  const expected = { status: "denied", nonce: undefined, values: {} };
  deepEqual(parseReply(own, "pair", refusal), expected);
  deepEqual(parseReply(own, "pair", bytes("5445 03 87 0f")), expected);
  equal(thrown(() => parseReply(own, "pair", bytes("5445 03 87 0f 00"))), true);
  const refused = encodeRefusal(own, { code: 7, nonce: undefined, status: "malformed" });
  equal(toHex(refused), "54450387020000");
});

test("a split request has its lengths in front", () => {
  const own = service({ request: [], reply: ["status"] });
  const values = { key: Uint8Array.of(1, 2), value: Uint8Array.of(9) };
  const frame = encodeRequest(own, { opName: "pair", nonce: undefined, values });
  equal(toHex(frame), "54450307" + "02" + "01" + "0102" + "09");
  deepEqual(parseRequest(own, frame), { opName: "pair", nonce: undefined, values });
});

test("a correlated request without a nonce, an unknown operation and a status are bugs", () => {
  const own = service({ request: ["nonce32"], reply: ["status", "nonce32"] });
  const values = { id: 1 };
  throws(() => encodeRequest(own, { opName: "put", nonce: undefined, values }), InvariantError);
  throws(() => encodeRequest(own, { opName: "none", nonce: 1n, values }), InvariantError);
  const wrong = { opName: "put", nonce: 1n, status: "weird", values };
  throws(() => encodeReply(own, wrong), InvariantError);
});

test("speaks looks at magic and version", () => {
  const own = service({ request: [], reply: ["status"] });
  equal(speaks(own, bytes("544503")), true);
  for (const hex of ["", "54", "5445", "544504", "554503", "544603"]) {
    equal(speaks(own, bytes(hex)), false, hex);
  }
});

test("frameSizeMax is the longer of request and reply", () => {
  const own = service({ request: ["nonce32"], reply: ["status", "nonce64"] });
  const { put, open } = own.ops;
  equal(put && frameSizeMax(own, put), 4 + 1 + 8 + 2);
  equal(open && frameSizeMax(own, open), 4 + 1 + 8 + 9);
});

test("defineService refuses what two readers would read differently", () => {
  const bare = { request: [], reply: ["status"] } as const;
  const op = { code: 1, doc: "D.", capability: null, request: { id: u8() }, reply: {} } as const;
  const bound = { min: 0, max: 1, status: "denied" };
  const wrong: readonly Partial<PackedService>[] = [
    { magic: "T" },
    { magic: "te" },
    { magic: "TES" },
    { ops: { one: { ...op, code: 0 } } },
    { ops: { one: { ...op, code: 0x80 } } },
    { ops: { one: op, two: op } },
    { status: { ok: 0, denied: 1, malformed: 1 } },
    { refusals: { truncated: "weird" } },
    { ops: { one: { ...op, bounds: { other: bound } } } },
    { ops: { one: { ...op, bounds: { id: { ...bound, status: "weird" } } } } },
    { ops: { one: { ...op, target: "other" } } },
    { ops: { one: { ...op, target: ["id", "other"] } } },
  ];
  for (const more of wrong) throws(() => service(bare, more), InvariantError);
  ok(service(bare, { ops: { one: { ...op, bounds: { id: bound }, target: "id" } } }));
});
