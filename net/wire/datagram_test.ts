import type { PartialChecksum } from "@runtime/core/ports.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { parseArp, putArp } from "./arp.ts";
import {
  ethernetFromGroup,
  ethernetTargets,
  ethernetToGroup,
  ethernetType,
  putEthernet,
} from "./ethernet.ts";
import { icmpFields, putIcmp, readIcmp } from "./icmp.ts";
import { ipv4Fields } from "./ipv4.ts";
import { putUdp, readUdp, udpFields } from "./udp.ts";

const SOURCE = 0x0a00020f;
const TARGET = 0x0a000202;
/** Bytes and checksums by another implementation. */
const DATAGRAM = fromHex("00440043000da36a68656c6c6f");
const ECHO = fromHex("0800e5f31234000770696e6721");
/** RFC 826 laid out by hand: a request from 10.0.2.15 for 10.0.2.2. */
const ARP = fromHex("00010800060400015254001234560a00020f0000000000000a000202");

function readDatagram(datagram: Uint8Array, left?: PartialChecksum) {
  const fields = udpFields();
  const packet = { ...ipv4Fields(), source: SOURCE, target: TARGET, protocol: 17 };
  packet.payloadEnd = datagram.length;
  return { code: readUdp(datagram, packet, fields, left), fields };
}

test("readUdp() reads a datagram, behind which padding may lie", () => {
  for (const datagram of [DATAGRAM, Uint8Array.of(...DATAGRAM, 7, 7)]) {
    deepEqual(readDatagram(datagram), {
      code: undefined,
      fields: { sourcePort: 68, targetPort: 67, payloadStart: 8, payloadEnd: 13 },
    });
  }
});

test("readUdp() takes a datagram without checksum, but none with a wrong one", () => {
  const plain = DATAGRAM.slice();
  plain.fill(0, 6, 8);
  equal(readDatagram(plain).code, undefined);
  plain[7] = 1;
  equal(readDatagram(plain).code, "bad_checksum");
});

test("readUdp() takes a partial checksum that is this datagram's and covers its header", () => {
  const left = { start: 0, offset: 6 };
  const partial = DATAGRAM.slice();
  // 0x0a00 + 0x020f + 0x0a00 + 0x0202 + 17 + 13, as a guest writes it.
  partial.set([0x18, 0x2f], 6);
  equal(readDatagram(partial, left).code, undefined);
  equal(readDatagram(partial).code, "bad_checksum");
  equal(readDatagram(partial, { start: 0, offset: 16 }).code, "bad_checksum");
  partial[7] = 0x30;
  equal(readDatagram(partial, left).code, "bad_checksum");
});

test("readUdp() refuses every shorter datagram, bad lengths and target port 0", () => {
  for (let length = 0; length < DATAGRAM.length; length++) {
    equal(typeof readDatagram(DATAGRAM.subarray(0, length)).code, "string");
  }
  const short = DATAGRAM.slice();
  short[5] = 7;
  equal(readDatagram(short).code, "length_out_of_range");
  const nowhere = DATAGRAM.slice();
  nowhere.fill(0, 2, 4);
  equal(readDatagram(nowhere).code, "value_out_of_range");
});

test("putUdp() writes what another implementation writes", () => {
  const datagram = DATAGRAM.slice();
  datagram.fill(0, 0, 8);
  const ports = { sourcePort: 68, targetPort: 67 };
  putUdp(datagram, 0, { source: SOURCE, target: TARGET, ...ports, length: 13 });
  equal(toHex(datagram), toHex(DATAGRAM));
});

test("readIcmp() and putIcmp() agree with another implementation", () => {
  const fields = icmpFields();
  equal(readIcmp(ECHO, { start: 0, end: ECHO.length }, fields), undefined);
  deepEqual(fields, { type: 8, code: 0, ident: 0x1234, sequence: 7 });
  const written = ECHO.slice();
  written.fill(0, 0, 8);
  putIcmp(written, { start: 0, end: written.length }, fields);
  equal(toHex(written), toHex(ECHO));
  for (let end = 0; end < ECHO.length; end++) {
    equal(typeof readIcmp(ECHO, { start: 0, end }, fields), "string");
  }
});

test("parseArp() and putArp() agree with RFC 826", () => {
  const packet = parseArp(ARP, 0);
  deepEqual(packet, {
    operation: 1,
    senderMac: fromHex("525400123456"),
    senderAddress: SOURCE,
    targetMac: new Uint8Array(6),
    targetAddress: TARGET,
  });
  const written = new Uint8Array(28);
  if (typeof packet !== "string") putArp(written, 0, packet);
  equal(toHex(written), toHex(ARP));
});

test("parseArp() refuses every shorter packet and other hardware, protocols, operations", () => {
  for (let length = 0; length < ARP.length; length++) {
    equal(parseArp(ARP.subarray(0, length), 0), "truncated");
  }
  for (const at of [1, 2, 4, 5, 6]) {
    const other = ARP.slice();
    other[at] = (other[at] ?? 0) + 1;
    equal(parseArp(other, 0), "value_out_of_range");
  }
});

test("ethernet frames say to whom they go and whence they come", () => {
  const frame = new Uint8Array(14);
  const target = fromHex("525400123456");
  const source = fromHex("020000000001");
  putEthernet(frame, { target, source, type: 0x0806 });
  equal(toHex(frame), "5254001234560200000000010806");
  equal(ethernetType(frame), 0x0806);
  equal(ethernetType(frame.subarray(0, 13)), undefined);
  equal(ethernetTargets(frame, target), true);
  equal(ethernetTargets(frame, source), false);
  deepEqual([ethernetToGroup(frame), ethernetFromGroup(frame)], [false, false]);
  putEthernet(frame, {
    target: new Uint8Array(6).fill(255),
    source: target.map((b) => b | 1),
    type: 0,
  });
  deepEqual([ethernetToGroup(frame), ethernetFromGroup(frame)], [true, true]);
});
