import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { AddressError, parseHostPort, parsePeer } from "./address.ts";

const ID = "0123456789abcdef".repeat(4);
const KEY = "fedcba9876543210".repeat(4);

test("parsePeer reads the three forms", () => {
  const address = { host: "192.0.2.7", port: 7401 };
  const open = { address, deviceId: undefined, noiseStatic: undefined };
  deepEqual(parsePeer("192.0.2.7:7401"), open);
  deepEqual(parsePeer(`nx://${ID}@192.0.2.7:7401`), { ...open, deviceId: ID });
  deepEqual(parsePeer(`nx://${ID}@192.0.2.7:7401?static=${KEY}`), {
    address,
    deviceId: ID,
    noiseStatic: KEY,
  });
});

test("parsePeer reads an IPv6 address in brackets", () => {
  const peer = parsePeer("[::1]:7401");
  deepEqual(peer.address, { host: "::1", port: 7401 });
});

test("parsePeer reads hexadecimal and names in either case", () => {
  const peer = parsePeer(
    `nx://${ID.toUpperCase()}@Some-Host.example:1?static=${KEY.toUpperCase()}`,
  );
  deepEqual(peer, {
    address: { host: "some-host.example", port: 1 },
    deviceId: ID,
    noiseStatic: KEY,
  });
});

const BAD_PEERS = [
  "",
  ":",
  "host",
  "host:",
  ":7401",
  "host:0",
  "host:65536",
  "host:07401",
  "host:-1",
  "host:+1",
  "host:1e3",
  "host:7401 ",
  " host:7401",
  "host:74\n01",
  "ho st:7401",
  "host\u0000:7401",
  "h\u00f6st:7401",
  "-host:7401",
  "host-:7401",
  ".host:7401",
  "host..example:7401",
  `${"a".repeat(64)}:7401`,
  `${"a.".repeat(126)}aa:7401`,
  "127.1:7401",
  "127.0.0.256:7401",
  "0127.0.0.1:7401",
  "1.2.3.4.5:7401",
  "2130706433:7401",
  "::1:7401",
  "user@host:7401",
  "http://host:7401",
  "nx://host:7401",
  `nx://@host:7401`,
  `nx://${ID.slice(1)}@host:7401`,
  `nx://${ID}0@host:7401`,
  `nx://${ID.slice(1)}g@host:7401`,
  `nx://${ID}@${ID}@host:7401`,
  `nx://${ID}@host`,
  `nx://${ID}@host:7401/`,
  `nx://${ID}@host:7401?`,
  `nx://${ID}@host:7401?static`,
  `nx://${ID}@host:7401?static=`,
  `nx://${ID}@host:7401?static=${KEY.slice(2)}`,
  `nx://${ID}@host:7401?static=${KEY}00`,
  `nx://${ID}@host:7401?static=${KEY}=`,
  `nx://${ID}@host:7401?static=${KEY}&static=${KEY}`,
  `nx://${ID}@host:7401?static=${KEY}?static=${KEY}`,
  `nx://${ID}@host:7401?other=${KEY}`,
  `NX://${ID}@host:7401`,
  `host:7401?static=${KEY}`,
  "a".repeat(100_000),
];

test("parsePeer refuses everything else", () => {
  for (const text of BAD_PEERS) throws(() => parsePeer(text), AddressError, text.slice(0, 90));
});

test("parseHostPort takes port 0 only where the host may choose", () => {
  deepEqual(parseHostPort("127.0.0.1:0", 0), { host: "127.0.0.1", port: 0 });
  throws(() => parseHostPort("127.0.0.1:0", 1), AddressError);
});

test("parseHostPort takes an IPv6 address in brackets", () => {
  deepEqual(parseHostPort("[::1]:7401", 0), { host: "::1", port: 7401 });
  for (const text of ["[]:1", "[g::]:1", "[127]:1", "[::1:1", "[[::1]]:1"]) {
    throws(() => parseHostPort(text, 0), AddressError, text);
  }
});

test("AddressError never repeats the text", () => {
  try {
    parsePeer(`nx://${ID}@host:7401?static=secret`);
  } catch (error) {
    equal(String(error).includes("secret"), false);
  }
});
