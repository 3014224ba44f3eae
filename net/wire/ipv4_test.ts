import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { dice } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import {
  formatIpv4,
  ipv4Fields,
  parseIpv4,
  prefixMask,
  putIpv4,
  readIpv4,
  unicast,
} from "./ipv4.ts";

/** 10.0.2.15 to 10.0.2.2, UDP, 13 bytes of payload; checksum by another implementation. */
const PACKET = fromHex("4500002100004000401122bc0a00020f0a000202" + "00440043000da36a68656c6c6f");

test("readIpv4() reads a packet in a padded frame", () => {
  const fields = ipv4Fields();
  equal(readIpv4(Uint8Array.of(9, 9, ...PACKET, 0, 0, 0), 2, fields), undefined);
  deepEqual(fields, {
    source: 0x0a00020f,
    target: 0x0a000202,
    protocol: 17,
    fragment: false,
    payloadStart: 22,
    payloadEnd: 35,
  });
});

test("putIpv4() writes the header another implementation writes", () => {
  const packet = new Uint8Array(20);
  putIpv4(packet, 0, { source: 0x0a00020f, target: 0x0a000202, protocol: 17, length: 13 });
  equal(toHex(packet), toHex(PACKET.subarray(0, 20)));
});

test("readIpv4() takes no shorter packet and no wrong header", () => {
  const fields = ipv4Fields();
  for (let length = 0; length < PACKET.length; length++) {
    equal(readIpv4(PACKET.subarray(0, length), 0, fields), "truncated");
  }
  const changed = (at: number, value: number) => {
    const packet = PACKET.slice();
    packet[at] = value;
    return readIpv4(packet, 0, fields);
  };
  equal(changed(0, 0x65), "bad_version");
  equal(changed(0, 0x44), "length_out_of_range");
  equal(changed(3, 19), "length_out_of_range");
  equal(changed(8, 63), "bad_checksum");
});

test("readIpv4() sees a fragment by its offset and by its more-fragments bit", () => {
  for (const bits of [0x2000, 0x0001]) {
    const packet = PACKET.slice();
    new DataView(packet.buffer).setUint16(6, bits);
    new DataView(packet.buffer).setUint16(10, 0x22bc + 0x4000 - bits);
    const fields = ipv4Fields();
    equal(readIpv4(packet, 0, fields), undefined);
    equal(fields.fragment, true);
  }
});

test("parseIpv4() reads what formatIpv4() writes, and nothing else", () => {
  for (const text of ["0.0.0.0", "10.0.2.15", "255.255.255.255", "198.18.0.1"]) {
    equal(formatIpv4(parseIpv4(text) ?? -1), text);
  }
  equal(parseIpv4("10.0.2.15"), 0x0a00020f);
  for (const text of ["", "1.2.3", "1.2.3.4.5", "256.0.0.1", "01.2.3.4", "1.2.3.x", " 1.2.3.4"]) {
    equal(parseIpv4(text), undefined);
  }
});

test("parseIpv4() agrees with a pattern on every text that is nearly an address", () => {
  const pattern = /^(?:(?:0|[1-9][0-9]{0,2})(?:\.(?!$)|$)){4}$/;
  const pieces = ["0", "1", "9", "25", "255", "256", "00", "-1", ".", "..", "/", ":", "٣", ""];
  const numbers = dice(12);
  let addresses = 0;
  for (let round = 0; round < 20_000; round++) {
    const parts = Array.from(
      { length: 3 + numbers.below(3) },
      () => pieces[numbers.below(pieces.length)] ?? "",
    );
    const text = parts.join(".");
    const valid = pattern.test(text) && text.split(".").every((part) => Number(part) <= 255);
    const address = parseIpv4(text);
    equal(address === undefined ? undefined : formatIpv4(address), valid ? text : undefined);
    if (valid) addresses++;
  }
  equal(addresses > 100, true);
});

test("unicast() and prefixMask() follow the address plan", () => {
  for (const text of ["0.1.2.3", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"]) {
    equal(unicast(parseIpv4(text) ?? 0), false);
  }
  equal(unicast(parseIpv4("192.0.2.1") ?? 0), true);
  deepEqual([prefixMask(0), prefixMask(24), prefixMask(32)], [0, 0xffffff00, 0xffffffff]);
});
