import { formatIpv4, parseIpv4 } from "../stack/stack.ts";
import { deepEqual, equal, notDeepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { AddressBook } from "./address_book.ts";
import { gatewayCounters } from "./counters.ts";
import { GATEWAY_LIMITS } from "./limits.ts";

function bookOf(mappedAddresses: number, pinnedAddresses = mappedAddresses) {
  const counters = gatewayCounters();
  const book = new AddressBook({ ...GATEWAY_LIMITS, mappedAddresses, pinnedAddresses }, counters);
  return { book, counters };
}

const text = (address: number | undefined) =>
  address === undefined ? undefined : formatIpv4(address);

test("AddressBook dialled() gives ordinary IPv4 addresses as they are and loopback as 10.0.2.2", () => {
  const { book } = bookOf(4);
  equal(text(book.dialled("192.168.1.9")), "192.168.1.9");
  equal(text(book.dialled("127.0.0.1")), "10.0.2.2");
  equal(book.size, 0);
});

test("AddressBook dialled() maps what means something else to the guest, and back", () => {
  const { book } = bookOf(8);
  for (const host of ["10.0.2.15", "127.0.0.2", "198.19.0.1", "::1", "fe80::1%eth0"]) {
    const address = book.dialled(host);
    ok(address !== undefined && formatIpv4(address).startsWith("198.18."), host);
    equal(book.holdTarget(address), host);
  }
});

test("AddressBook dialled() gives one address for all spellings of one host", () => {
  const { book } = bookOf(8);
  equal(book.dialled("2001:DB8:0:0::1"), book.dialled("2001:db8::1"));
  equal(book.size, 1);
});

test("AddressBook dialled() refuses what is no host address", () => {
  const { book } = bookOf(8);
  const wrong = ["", "name", "0.0.0.0", "::", "1.2.3", ":::", "::1]/", "::1%", "::1%a b", "g::"];
  for (const host of [...wrong, `fe80::1%${"x".repeat(100)}`]) {
    equal(book.dialled(host), undefined, host);
  }
  equal(book.size, 0);
});

test("AddressBook dialled() keeps its addresses, up to its limit", () => {
  const { book } = bookOf(8, 2);
  const kept = ["2001:db8::1", "2001:db8::2"].map((host) => book.dialled(host));
  equal(book.dialled("2001:db8::3"), undefined);
  for (let index = 16; index < 64; index++) {
    const address = book.holdPeer(`2001:db8::${index}`);
    ok(address !== undefined);
    book.release(address);
  }
  deepEqual(kept, ["2001:db8::1", "2001:db8::2"].map((host) => book.dialled(host)));
});

test("AddressBook holdPeer() evicts the least recently used and never one in use", () => {
  const { book, counters } = bookOf(2);
  const first = book.holdPeer("2001:db8::1");
  const second = book.holdPeer("2001:db8::2");
  ok(first !== undefined && second !== undefined);
  equal(book.holdPeer("2001:db8::3"), undefined);
  book.release(first);
  const third = book.holdPeer("2001:db8::3");
  ok(third !== undefined);
  notDeepEqual(third, first);
  equal(book.holdTarget(first), undefined);
  equal(book.holdTarget(second), "2001:db8::2");
  deepEqual([book.size, counters.addressesEvicted], [2, 1]);
});

test("AddressBook holds an address for each use", () => {
  const { book } = bookOf(1);
  const address = book.holdPeer("2001:db8::1");
  ok(address !== undefined);
  equal(book.holdPeer("2001:db8::1"), address);
  book.release(address);
  equal(book.holdPeer("2001:db8::2"), undefined);
  book.release(address);
  ok(book.holdPeer("2001:db8::2") !== undefined);
});

test("AddressBook holdTarget() knows where the guest's packets cannot go", () => {
  const { book } = bookOf(4);
  for (
    const target of [
      "10.0.2.3",
      "10.0.2.15",
      "127.0.0.1",
      "0.1.2.3",
      "224.0.0.1",
      "255.255.255.255",
      "198.18.0.1",
    ]
  ) {
    const address = parseIpv4(target);
    ok(address !== undefined);
    equal(book.holdTarget(address), undefined, target);
  }
});
