import { InvariantError } from "../core/assert.ts";
import { WireError } from "../core/error.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { decodeByLibrary, encodeByLibrary } from "./codec.ts";
import { dsoftbusSchema } from "./declarations.ts";
import { decodeFrame, encodeFrame, frameLength } from "./frame.ts";
import { FRAME_PAYLOAD_MAX } from "./limits.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

const UTF8 = new TextEncoder();
const PING = "000000000400000000000000010001000100000000000000010000002200000070696e6700000000";

/** Bytes that differ from their neighbours. */
function pattern(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => (index * 31 + (index >> 8)) & 0xff);
}

function encoded(chan: number, bytes: Uint8Array): Uint8Array {
  const into = new Uint8Array(frameLength(bytes.length));
  equal(encodeFrame(chan, bytes, into, 0), into.length);
  return into;
}

/** A frame as upstream's builder writes large ones: the payload alone in a second segment. */
function twoSegments(chan: number, bytes: Uint8Array): Uint8Array {
  const words = Math.ceil(bytes.length / 8);
  const frame = new Uint8Array(48 + words * 8);
  const view = new DataView(frame.buffer);
  const halves = [1, 3, 1 + words, 0, 0, 0x00010001, chan, 0, 2, 1, 1, bytes.length * 8 + 2];
  halves.forEach((half, index) => view.setUint32(index * 4, half, true));
  frame.set(bytes, 48);
  return frame;
}

test("encodeFrame writes the bytes of the reference tool, inside a larger buffer", () => {
  const into = new Uint8Array(48).fill(0xee);
  equal(encodeFrame(1, UTF8.encode("ping"), into, 4), 40);
  equal(toHex(into), "eeeeeeee" + PING + "eeeeeeee");
});

test("encodeFrame and decodeFrame equal capnp-es for every padding and the largest payload", () => {
  const lengths = [0, 1, 2, 7, 8, 9, 15, 16, 17, 4_095, 8_168, 8_169, FRAME_PAYLOAD_MAX];
  for (const length of lengths) {
    for (const chan of [0, 1, 0xffffffff]) {
      const values = { chan, bytes: pattern(length) };
      const frame = encoded(chan, values.bytes);
      deepEqual(frame, encodeByLibrary(dsoftbusSchema, "Frame", values));
      deepEqual(decodeFrame(frame), values);
      deepEqual(decodeByLibrary(dsoftbusSchema, "Frame", frame), values);
    }
  }
});

test("encodeFrame refuses a channel, a payload or a buffer out of its bounds", () => {
  const into = new Uint8Array(70_000);
  for (const chan of [-1, 0x100000000, 1.5]) {
    throws(() => encodeFrame(chan, UTF8.encode("ping"), into, 0), InvariantError);
  }
  throws(() => encodeFrame(1, new Uint8Array(FRAME_PAYLOAD_MAX + 1), into, 0), InvariantError);
  throws(() => encodeFrame(1, UTF8.encode("ping"), new Uint8Array(39), 0), InvariantError);
  throws(() => encodeFrame(1, UTF8.encode("ping"), new Uint8Array(40), 1), InvariantError);
  throws(() => encodeFrame(1, UTF8.encode("ping"), into, -1), InvariantError);
});

test("decodeFrame reads two segments, null bytes, an older and a newer struct", () => {
  for (const length of [0, 4, 8_176, 65_464]) {
    const bytes = pattern(length);
    deepEqual(decodeFrame(twoSegments(7, bytes)), { chan: 7, bytes });
  }
  const none = new Uint8Array(0);
  const nothing = "0000000003000000000000000100010007000000000000000000000000000000";
  deepEqual(decodeFrame(fromHex(nothing)), { chan: 7, bytes: none });
  const older = "0000000002000000000000000100000007000000ffffffff";
  deepEqual(decodeFrame(fromHex(older)), { chan: 7, bytes: none });
  const newer = "00000000060000000000000002000200" + "0700000000000000ffffffffffffffff" +
    "05000000120000000000000000000000" + "6162000000000000";
  deepEqual(decodeFrame(fromHex(newer)), { chan: 7, bytes: UTF8.encode("ab") });
});

test("decodeFrame gives a view of the frame it was given", () => {
  const outer = new Uint8Array(48);
  outer.set(fromHex(PING), 8);
  const { bytes } = decodeFrame(outer.subarray(8));
  equal(bytes.buffer, outer.buffer);
  equal(bytes.byteOffset, 40);
  equal(bytes.length, 4);
});

test("decodeFrame refuses every shorter and longer frame", () => {
  const ping = fromHex(PING);
  for (let length = 0; length < ping.length; length++) {
    throws(() => decodeFrame(ping.subarray(0, length)), WireError);
  }
  throws(() => decodeFrame(Uint8Array.of(...ping, 0)), WireError);
});

test("decodeFrame refuses a payload past its bound, in either layout", () => {
  const bytes = new Uint8Array(FRAME_PAYLOAD_MAX + 1);
  const frame = new Uint8Array(frameLength(bytes.length));
  frame.set(encoded(1, bytes.subarray(1)));
  const view = new DataView(frame.buffer);
  view.setUint32(4, (frame.length - 8) / 8, true);
  view.setUint32(28, bytes.length * 8 + 2, true);
  const tooLong = (error: unknown) =>
    error instanceof WireError && error.code === "length_out_of_range";
  throws(() => decodeFrame(frame), tooLong);
  throws(() => decodeFrame(twoSegments(1, bytes)), tooLong);
});

test("decodeFrame agrees with the library on every single-bit change of a frame", () => {
  const outcome = (read: () => unknown) => {
    try {
      return read();
    } catch (error) {
      if (error instanceof WireError) return { code: error.code, offset: error.offset };
      throw error;
    }
  };
  let accepted = 0;
  for (const frame of [fromHex(PING), twoSegments(3, pattern(12)), encoded(2, pattern(8))]) {
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const changed = frame.slice();
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const fast = outcome(() => decodeFrame(changed));
      deepEqual(fast, outcome(() => decodeByLibrary(dsoftbusSchema, "Frame", changed)));
      if (typeof fast === "object" && fast !== null && "chan" in fast) accepted += 1;
    }
  }
  equal(accepted > 300, true);
});
