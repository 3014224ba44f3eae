/**
 * What each daemon's frames get by existing: everything here loops over the registry, so a new daemon
 * is held to it without a line of its own.
 *
 * @module
 */

import { WireError } from "@runtime/core/error.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { Writer } from "@runtime/core/writer.ts";
import { encodeStruct } from "@runtime/capnp/codec.ts";
import {
  encodeCapnpReply,
  encodeCapnpRequest,
  parseCapnpReply,
  parseCapnpRequest,
} from "@runtime/idl/capnp_frame.ts";
import {
  encodeReply,
  encodeRequest,
  frameSizeMax,
  HEADER_LENGTH,
  parseReply,
  parseRequest,
} from "@runtime/idl/packed_frame.ts";
import {
  type CapnpOp,
  type CapnpService,
  type PackedOp,
  type PackedService,
  REPLY_BIT,
  type Service,
} from "@runtime/idl/service.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { deepEqual, equal, ok, throws } from "../fakes/assert.ts";
import {
  capnpBodies,
  capnpBodiesBeyond,
  packedBeyond,
  packedBodies,
  prefixWidth,
  type RawField,
  unbounded,
  type Values,
} from "../fakes/samples.ts";
import { test } from "../fakes/test.ts";

/** Operations whose fields together outgrow a frame: the daemon sends as many records as fit. */
const PAGED = [
  "controld.log",
  "logd.query",
  "logd.queryAfter",
  "statefsd.list",
  "statefsd.listAfter",
];
/** Operations whose values share a frame: the longer the one, the shorter the others. */
const SHARED = [
  "keys.sealMany",
  "keys.signMany",
  "keys.unsealMany",
  "keys.verifyMany",
  "statefsd.put",
  "statefsd.txnPut",
];
const NONCE = 0x01020304n;

interface Spoken<S, O> {
  readonly tell: string;
  readonly service: S;
  readonly opName: string;
  readonly op: O;
}

function services(): readonly Service[] {
  return COMPONENTS.flatMap(({ serves }) => Object.values(serves));
}

function packedOps(): readonly Spoken<PackedService, PackedOp>[] {
  return services().flatMap((service) =>
    service.plane !== "packed" ? [] : Object.entries(service.ops).map(([opName, op]) => ({
      tell: `${service.name} v${service.version} ${opName}`,
      service,
      opName,
      op,
    }))
  );
}

function capnpOps(): readonly Spoken<CapnpService, CapnpOp>[] {
  return services().flatMap((service) =>
    service.plane !== "capnp" ? [] : Object.entries(service.ops).map(([opName, op]) => ({
      tell: `${service.name} capnp ${opName}`,
      service,
      opName,
      op,
    }))
  );
}

/** The nonce that comes back: 32 bits of it, 64, or none. */
function nonceOf({ envelope }: PackedService): bigint | undefined {
  return envelope.request.length > 0 ? NONCE : undefined;
}

function requestFrame({ service, opName }: Spoken<PackedService, PackedOp>, values: Values) {
  return encodeRequest(service, { opName, nonce: NONCE, values }).slice();
}

function firstRequest(spoken: Spoken<PackedService, PackedOp>): Uint8Array {
  return requestFrame(spoken, packedBodies(spoken.op.request)[0] ?? {});
}

/** Whether the body ends wherever the frame does, or says itself how long it is inside. */
function openEnded({ service, op }: Spoken<PackedService, PackedOp>): boolean {
  return Object.values(op.request).some(({ label }) => label.startsWith("rest")) ||
    service.envelope.request.includes("tailNonce64");
}

function refused(service: PackedService, frame: Uint8Array): boolean {
  return "refusal" in parseRequest(service, frame);
}

test("each packed operation's samples survive encode and parse, both ways", () => {
  ok(packedOps().length > 40);
  for (const spoken of packedOps()) {
    const { tell, service, opName, op } = spoken;
    for (const values of packedBodies(op.request)) {
      const parsed = parseRequest(service, requestFrame(spoken, values));
      deepEqual(parsed, { opName, nonce: nonceOf(service), values }, tell);
    }
    for (const values of packedBodies(op.reply)) {
      const frame = encodeReply(service, { opName, nonce: nonceOf(service), status: "ok", values });
      deepEqual(
        parseReply(service, opName, frame),
        { status: "ok", nonce: nonceOf(service), values },
        tell,
      );
    }
  }
});

test("each packed status survives encode and parse, and an unknown one is refused", () => {
  for (const { tell, service, opName, op } of packedOps()) {
    const nonce = nonceOf(service);
    const statusAt = HEADER_LENGTH + (service.envelope.reply[0] === "nonce32" ? 4 : 0);
    for (const status of Object.keys(service.status).filter((name) => name !== "ok")) {
      const [values = {}] = packedBodies(op.refusalReply?.[status] ?? {});
      const frame = encodeReply(service, { opName, nonce, status, values }).slice();
      equal(frame[statusAt], service.status[status], tell);
      deepEqual(parseReply(service, opName, frame), { status, nonce, values }, tell);
      for (let code = 0; code < 256; code++) {
        if (Object.values(service.status).includes(code)) continue;
        frame[statusAt] = code;
        throws(() => parseReply(service, opName, frame), WireError, `${tell} ${code}`);
      }
    }
  }
});

test("each packed request is refused at every other length", () => {
  for (const spoken of packedOps()) {
    const frame = firstRequest(spoken);
    if (openEnded(spoken)) continue;
    for (let length = 0; length < frame.length; length++) {
      ok(refused(spoken.service, frame.subarray(0, length)), `${spoken.tell} at ${length}`);
    }
    for (const more of [1, 8]) {
      const longer = new Uint8Array(frame.length + more);
      longer.set(frame);
      ok(refused(spoken.service, longer), `${spoken.tell} and ${more} bytes`);
    }
  }
});

test("each packed request with an open end is refused before its end and past its bound", () => {
  for (const spoken of packedOps().filter(openEnded)) {
    const frame = firstRequest(spoken);
    const tail = spoken.service.envelope.request.includes("tailNonce64") ? 8 : 0;
    for (let length = 0; length < frame.length - tail; length++) {
      ok(refused(spoken.service, frame.subarray(0, length)), `${spoken.tell} at ${length}`);
    }
    // Between no nonce and a whole one there is nothing, unless the body's own end is open.
    if (Object.values(spoken.op.request).some(({ label }) => label.startsWith("rest"))) continue;
    for (const length of [1, 7, 9]) {
      const cut = new Uint8Array(frame.length - tail + length);
      cut.set(frame.subarray(0, cut.length));
      ok(refused(spoken.service, cut), `${spoken.tell} with ${length} bytes of a nonce`);
    }
  }
});

test("each packed request is refused with any header byte changed", () => {
  for (const spoken of packedOps()) {
    const { tell, service } = spoken;
    const codes = Object.values(service.ops).map(({ code }) => code);
    for (let at = 0; at < HEADER_LENGTH; at++) {
      const frame = firstRequest(spoken);
      const original = frame[at];
      for (let value = 0; value < 256; value++) {
        if (value === original || (at === 3 && codes.includes(value))) continue;
        frame[at] = value;
        const parsed = parseRequest(service, frame);
        const expected = ["bad_magic", "bad_magic", "bad_version", "unknown_op"][at];
        equal("refusal" in parsed && parsed.refusal.code, expected, `${tell} ${at} ${value}`);
      }
    }
  }
});

/** A request whose one field is raw bytes. */
function frameWith({ service, op }: Spoken<PackedService, PackedOp>, raw: RawField): Uint8Array {
  const writer = new Writer(1 << 20);
  const nonceLength = { nonce32: 4, nonce64: 8, tailNonce64: 0 } as const;
  writer.u8(service.magic.charCodeAt(0)).u8(service.magic.charCodeAt(1)).u8(service.version);
  writer.u8(op.code);
  for (const part of service.envelope.request) writer.bytes(new Uint8Array(nonceLength[part]));
  const contents: Uint8Array[] = [];
  for (const [name, field] of Object.entries(op.request)) {
    const own = new Writer(1 << 20);
    field.write(own, field.samples[0]);
    const bytes = name === raw.name ? raw.bytes : own.finish().slice();
    const split = op.requestLayout === "split" && field.split !== undefined;
    const head = split ? prefixWidth(field) : bytes.length;
    writer.bytes(bytes.subarray(0, head));
    contents.push(bytes.subarray(head));
  }
  for (const content of contents) writer.bytes(content);
  return writer.finish();
}

test("each packed request is refused with any field one past its bound", () => {
  let tried = 0;
  for (const spoken of packedOps()) {
    for (const raw of packedBeyond(spoken.op.request)) {
      const parsed = parseRequest(spoken.service, frameWith(spoken, raw));
      const tell = `${spoken.tell} ${raw.name} ${raw.bytes.length}`;
      const cause = "refusal" in parsed ? parsed.refusal.code : "none";
      ok(["length_out_of_range", "value_out_of_range", "trailing_bytes"].includes(cause), tell);
      tried += 1;
    }
  }
  ok(tried > 30);
});

test("each packed operation fits a frame, or is one that the daemon pages", () => {
  const larger = packedOps().filter(({ service, op }) =>
    frameSizeMax(service, op) > FRAME_LENGTH_MAX
  );
  const names = new Set(larger.map(({ service, opName }) => `${service.name}.${opName}`));
  deepEqual([...names].toSorted(), [...PAGED, ...SHARED].toSorted());
  for (const { service, opName, op } of larger) {
    if (SHARED.includes(`${service.name}.${opName}`)) continue;
    const requestOnly = frameSizeMax(service, { ...op, reply: {} });
    ok(requestOnly <= FRAME_LENGTH_MAX);
  }
});

test("each Cap'n Proto operation's samples survive encode and parse within a frame", () => {
  ok(capnpOps().length > 5);
  for (const { tell, service, opName, op } of capnpOps()) {
    for (const values of capnpBodies(op.request)) {
      const frame = encodeCapnpRequest(service, { opName, values });
      ok(frame.length <= FRAME_LENGTH_MAX, tell);
      deepEqual(parseCapnpRequest(service, frame), { opName, nonce: undefined, values }, tell);
    }
    for (const values of capnpBodies(op.reply)) {
      const frame = encodeCapnpReply(service, { opName, status: "ok", values });
      ok(frame.length <= FRAME_LENGTH_MAX, tell);
      const parsed = parseCapnpReply(service, opName, frame);
      deepEqual(parsed, { status: "ok", nonce: undefined, values }, tell);
    }
  }
});

test("each Cap'n Proto frame is refused cut, with an unknown opcode, or past a bound", () => {
  for (const { tell, service, opName, op } of capnpOps()) {
    const values = capnpBodies(op.request)[0] ?? {};
    const frame = encodeCapnpRequest(service, { opName, values });
    const length = op.request === null ? 1 : frame.length;
    for (let cut = 0; cut < length; cut++) {
      ok("refusal" in parseCapnpRequest(service, frame.slice(0, cut)), `${tell} at ${cut}`);
    }
    const codes = Object.values(service.ops).map(({ code }) => code);
    for (let code = 0; code < 256; code++) {
      if (codes.includes(code)) continue;
      const parsed = parseCapnpRequest(service, Uint8Array.of(code, ...frame.subarray(1)));
      equal("refusal" in parsed && parsed.refusal.code, "unknown_op", `${tell} ${code}`);
    }
    for (const [name, beyond] of capnpBodiesBeyond(op.request)) {
      const message = encodeStruct(unbounded(service.schema), op.request?.name ?? "", beyond);
      const parsed = parseCapnpRequest(service, Uint8Array.of(op.code, ...message));
      ok("refusal" in parsed, `${tell} ${name}`);
    }
  }
});

test("each Cap'n Proto refusal survives, and an unknown status does not", () => {
  for (const { tell, service, opName, op } of capnpOps()) {
    for (let code = 0; code < 256; code++) {
      const frame = Uint8Array.of(op.code | REPLY_BIT, code);
      const name = Object.keys(service.status).find((key) => service.status[key] === code);
      if (name === undefined || name === "ok") {
        throws(() => parseCapnpReply(service, opName, frame), WireError, `${tell} ${code}`);
        continue;
      }
      const parsed = parseCapnpReply(service, opName, frame);
      deepEqual(parsed, { status: name, nonce: undefined, values: {} }, tell);
      deepEqual(encodeCapnpReply(service, { opName, status: name, values: {} }), frame, tell);
    }
    throws(() => parseCapnpReply(service, opName, Uint8Array.of(op.code | REPLY_BIT)), WireError);
  }
});
