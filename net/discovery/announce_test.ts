import { fromHex } from "@runtime/core/hex.ts";
import { InvariantError } from "@runtime/core/assert.ts";
import { WireError } from "@runtime/core/error.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";
import {
  ANNOUNCE_LENGTH_MAX,
  ANNOUNCE_V1_LENGTH_MAX,
  decodeAnnounce,
  encodeAnnounce,
  encodeEnvelopeUnsigned,
} from "./announce.ts";

const VECTOR = "vectors/upstream/discovery-announce-v1.json";
const hasVector = sharedPresent(VECTOR);

interface Vector {
  readonly golden: {
    readonly "device_id": string;
    readonly port: number;
    readonly "noise_static": string;
    readonly services: readonly string[];
    readonly bytes: string;
  };
  readonly reject: readonly { readonly bytes: string; readonly error: string }[];
}

function vector(): Vector {
  return JSON.parse(sharedText(VECTOR)) as Vector;
}

/** The golden vector written out, for checkouts without the shared data. */
const NODE9 = fromHex(
  "4e585342" + "01" + "05" + "6e6f646539" + "909c" + "11".repeat(32) + "02" +
    "06" + "73616d677264" + "0a" + "62756e646c656d677264",
);
const NODE9_SAYS = {
  deviceId: "node9",
  port: 37020,
  noiseStatic: new Uint8Array(32).fill(0x11),
  services: ["samgrd", "bundlemgrd"],
};

/** An envelope behind the golden vector, field by field. */
const ENVELOPE = fromHex(
  "4e584132" + "0084" + "22".repeat(32) + "00000003" + "33".repeat(16) + "0102030405060708" +
    "0000018bcfe56800" + "44".repeat(64),
);
const ENVELOPE_SAYS = {
  key: new Uint8Array(32).fill(0x22),
  epoch: 3,
  bootId: new Uint8Array(16).fill(0x33),
  sequence: 0x0102030405060708n,
  notAfterMs: 1_700_000_000_000n,
  signature: new Uint8Array(64).fill(0x44),
};

function codeOf(bytes: Uint8Array): string {
  try {
    decodeAnnounce(bytes);
    return "ok";
  } catch (error) {
    if (error instanceof WireError) return error.code;
    throw error;
  }
}

test("encodeAnnounce and decodeAnnounce agree with upstream's golden vector", () => {
  const { golden } = vector();
  const announce = {
    deviceId: golden.device_id,
    port: golden.port,
    noiseStatic: fromHex(golden.noise_static),
    services: golden.services,
  };
  deepEqual(encodeAnnounce(announce), fromHex(golden.bytes));
  deepEqual(decodeAnnounce(fromHex(golden.bytes)).announce, announce);
}, { ignore: !hasVector });

test("decodeAnnounce refuses what upstream refuses, for upstream's reason", () => {
  const codes = { BadMagic: "bad_magic", Truncated: "truncated" } as const;
  for (const { bytes, error } of vector().reject) {
    const expected = error.startsWith("UnsupportedVersion")
      ? "bad_version"
      : codes[error as keyof typeof codes];
    equal(codeOf(fromHex(bytes)), expected, error);
  }
}, { ignore: !hasVector });

test("encodeAnnounce writes v1 bytes, and decodeAnnounce reads them back without an envelope", () => {
  deepEqual(encodeAnnounce(NODE9_SAYS), NODE9);
  const decoded = { announce: NODE9_SAYS, envelope: undefined, signed: NODE9 };
  deepEqual(decodeAnnounce(NODE9), decoded);
  deepEqual(decodeAnnounce(concatBytes(NODE9, Uint8Array.of(1, 2, 3))), decoded);
  deepEqual(decodeAnnounce(concatBytes(NODE9, new Uint8Array(138))), decoded);
});

test("encodeEnvelopeUnsigned writes what is signed, and decodeAnnounce finds it and the signature", () => {
  const { signature, ...fields } = ENVELOPE_SAYS;
  const signed = encodeEnvelopeUnsigned(NODE9, fields);
  deepEqual(concatBytes(signed, signature), concatBytes(NODE9, ENVELOPE));
  deepEqual(decodeAnnounce(concatBytes(NODE9, ENVELOPE)), {
    announce: NODE9_SAYS,
    envelope: ENVELOPE_SAYS,
    signed,
  });
});

test("decodeAnnounce refuses an announce that ends anywhere before its end", () => {
  for (let length = 0; length < NODE9.length; length++) {
    equal(codeOf(NODE9.subarray(0, length)), "truncated", `${length}`);
  }
  for (let length = 6; length < ENVELOPE.length; length++) {
    equal(codeOf(concatBytes(NODE9, ENVELOPE.subarray(0, length))), "truncated", `${length}`);
  }
});

test("decodeAnnounce refuses each field outside its bound", () => {
  const id = (length: number) => `4e58534201${length.toString(16).padStart(2, "0")}`;
  const rest = `0001${"11".repeat(32)}`;
  const service = (length: number) => length.toString(16).padStart(2, "0") + "61".repeat(length);
  equal(codeOf(fromHex(`${id(0)}${rest}00`)), "length_out_of_range");
  equal(codeOf(fromHex(`${id(65)}${"61".repeat(65)}${rest}00`)), "length_out_of_range");
  equal(codeOf(fromHex(`${id(64)}${"61".repeat(64)}${rest}00`)), "ok");
  equal(codeOf(fromHex(`${id(1)}ff${rest}00`)), "not_utf8");
  equal(codeOf(fromHex(`${id(1)}61${rest}11${service(1).repeat(17)}`)), "length_out_of_range");
  equal(codeOf(fromHex(`${id(1)}61${rest}10${service(1).repeat(16)}`)), "ok");
  equal(codeOf(fromHex(`${id(1)}61${rest}01${service(0)}`)), "length_out_of_range");
  equal(codeOf(fromHex(`${id(1)}61${rest}01${service(65)}`)), "length_out_of_range");
  equal(codeOf(concatBytes(NODE9, ENVELOPE.with(5, 0x83))), "length_out_of_range");
});

test("decodeAnnounce takes the largest announce and not one byte more", () => {
  const largest = encodeAnnounce({
    deviceId: "d".repeat(64),
    port: 1,
    noiseStatic: new Uint8Array(32),
    services: Array.from({ length: 16 }, () => "s".repeat(64)),
  });
  equal(largest.length, ANNOUNCE_V1_LENGTH_MAX);
  const whole = concatBytes(largest, ENVELOPE);
  equal(whole.length, ANNOUNCE_LENGTH_MAX);
  ok(decodeAnnounce(whole).envelope !== undefined);
  equal(codeOf(concatBytes(whole, new Uint8Array(1))), "length_out_of_range");
});

test("encodeAnnounce treats an announce past its bounds as a bug", () => {
  const services = Array.from({ length: 17 }, () => "s".repeat(64));
  throws(() => encodeAnnounce({ ...NODE9_SAYS, services }), InvariantError);
});
