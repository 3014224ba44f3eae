import type { PartialChecksum } from "@runtime/core/ports.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { ipv4Fields } from "./ipv4.ts";
import { putSynOptions, putTcp, readTcp, sealTcp, tcpFields } from "./tcp.ts";

const SOURCE = 0x0a00020f;
const TARGET = 0x0a000202;
/** Bytes and checksums by another implementation. */
const SYN_ACK = fromHex("c0010050fffffff0010203047012ffffad8e00000204ffd701030304");
const DATA = fromHex("c001005000000001000000025018020011020000616263");

function read(segment: Uint8Array, left?: PartialChecksum) {
  const fields = tcpFields();
  const packet = { ...ipv4Fields(), source: SOURCE, target: TARGET, protocol: 6 };
  packet.payloadEnd = segment.length;
  return { code: readTcp(segment, packet, fields, left), fields };
}

/** The segment with one byte replaced and its checksum made good again. */
function resealed(segment: Uint8Array, at: number, value: number): Uint8Array {
  const changed = segment.slice();
  changed[at] = value;
  changed[16] = 0;
  changed[17] = 0;
  sealTcp(changed, 0, { source: SOURCE, target: TARGET, length: changed.length });
  return changed;
}

test("readTcp() reads a SYN with its options", () => {
  deepEqual(read(SYN_ACK), {
    code: undefined,
    fields: {
      sourcePort: 0xc001,
      targetPort: 80,
      sequence: -16,
      acknowledgement: 0x01020304,
      flags: 0x12,
      window: 0xffff,
      mss: 65495,
      windowShift: 4,
      payloadStart: 28,
      payloadEnd: 28,
    },
  });
});

test("putTcp() and sealTcp() write what another implementation writes", () => {
  const segment = new Uint8Array(28);
  putSynOptions(segment, 20, { mss: 65495, windowShift: 4 });
  putTcp(segment, 0, {
    sourcePort: 0xc001,
    targetPort: 80,
    sequence: -16,
    acknowledgement: 0x01020304,
    flags: 0x12,
    window: 0xffff,
    optionsLength: 8,
  });
  sealTcp(segment, 0, { source: SOURCE, target: TARGET, length: 28 });
  equal(toHex(segment), toHex(SYN_ACK));
});

test("putSynOptions() leaves the window scale out when there is none", () => {
  const options = new Uint8Array(8);
  putSynOptions(options, 0, { mss: 1460, windowShift: -1 });
  equal(toHex(options), "020405b401010101");
});

test("readTcp() takes no segment at another length, and none with a flipped bit", () => {
  for (const segment of [SYN_ACK, DATA]) {
    for (let length = 0; length < segment.length; length++) {
      equal(typeof read(segment.subarray(0, length)).code, "string");
    }
    for (let bit = 0; bit < segment.length * 8; bit++) {
      const flipped = segment.slice();
      flipped[bit >>> 3] = (flipped[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      equal(typeof read(flipped).code, "string");
    }
  }
});

test("readTcp() refuses a header longer than the segment and port 0", () => {
  equal(read(resealed(DATA, 12, 0x60)).code, "length_out_of_range");
  equal(read(resealed(DATA, 12, 0x40)).code, "length_out_of_range");
  equal(read(resealed(resealed(DATA, 2, 0), 3, 0)).code, "value_out_of_range");
  equal(read(resealed(resealed(DATA, 0, 0), 1, 0)).code, "value_out_of_range");
});

test("readTcp() stops at a malformed option and keeps those before it", () => {
  for (const length of [0, 1, 200]) {
    const { code, fields } = read(resealed(SYN_ACK, 26, length));
    deepEqual([code, fields.mss, fields.windowShift], [undefined, 65495, -1]);
  }
  const { fields } = read(resealed(SYN_ACK, 27, 15));
  equal(fields.windowShift, 14);
});

/** Sum of the pseudo header alone: 0x0a00 + 0x020f + 0x0a00 + 0x0202 + 6 + 23. */
const PSEUDO = 0x182e;
const LEFT: PartialChecksum = { start: 0, offset: 16 };

/** A segment of 23 bytes whose checksum field holds `sum`. */
function withSum(sum: number): Uint8Array {
  const segment = DATA.slice();
  segment[16] = sum >>> 8;
  segment[17] = sum & 0xff;
  return segment;
}

test("sealTcp() leaves a checksum partial where that is wanted, and says what is left", () => {
  const segment = withSum(0);
  const left = { start: 9, offset: 9 };
  sealTcp(segment, 0, { source: SOURCE, target: TARGET, length: segment.length }, left);
  equal(toHex(segment), toHex(withSum(PSEUDO)));
  deepEqual(left, LEFT);
  let sum = 0;
  for (let at = 0; at < segment.length; at += 2) {
    sum += ((segment[at] ?? 0) << 8) | (segment[at + 1] ?? 0);
  }
  // What the specification says a device does: the sum from `start` on, in the field's place.
  const field = ~((sum & 0xffff) + (sum >>> 16)) & 0xffff;
  equal(toHex(withSum(field)), toHex(DATA));
});

test("readTcp() takes a partial checksum only from whoever says that it is this segment's", () => {
  const partial = withSum(PSEUDO);
  equal(read(partial, LEFT).code, undefined);
  equal(read(partial).code, "bad_checksum");
  for (
    const left of [{ start: 1, offset: 15 }, { start: 0, offset: 6 }, { start: 16, offset: 0 }]
  ) {
    equal(read(partial, left).code, "bad_checksum");
    equal(read(DATA, left).code, undefined);
  }
});

test("readTcp() checks what a partial checksum covers so far", () => {
  for (let bit = 0; bit < 16; bit++) {
    equal(read(withSum(PSEUDO ^ 1 << bit), LEFT).code, "bad_checksum");
  }
  equal(read(DATA, LEFT).code, "bad_checksum");
  const shorter = withSum(PSEUDO).subarray(0, 22);
  equal(read(shorter, LEFT).code, "bad_checksum");
});
