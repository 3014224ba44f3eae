import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { IN_FLIGHT_MAX } from "@runtime/idl/channel.ts";
import { HANDLES_PER_OWNER_MAX } from "../netstackd/handle_table.ts";
import { REPLIES_WAITING_MAX } from "@runtime/boot/serve.ts";
import { CAPABILITY_SLOTS } from "@runtime/core/syscalls.ts";
import { ENDPOINT_DEPTH_MAX } from "@runtime/kernel/endpoint.ts";
import { PARKED_PAYLOADS_MAX } from "../netstackd/service.ts";
import { READ_SLOTS_MAX } from "../netstackd/stream.ts";
import { PAYLOADS_MAX } from "./network.ts";
import { PARKED_PER_OWNER_MAX } from "../netstackd/parking.ts";
import {
  AdmissionTable,
  type Admitted,
  CONNECTIONS_MAX,
  CONNECTIONS_PER_ADDRESS,
} from "./admission.ts";
import { DIALS_MAX } from "./protocol.ts";

const HERE = 1;
const THERE = 2;

function admitted(table: AdmissionTable, address: number, evict = () => {}): Admitted {
  const admission = table.admit(address, evict);
  ok(admission.status === "admitted");
  return admission.entry;
}

test("AdmissionTable gives up the oldest unauthenticated connection of the same address", () => {
  const table = new AdmissionTable(2, 8);
  const evicted: string[] = [];
  admitted(table, THERE, () => evicted.push("other"));
  admitted(table, HERE, () => evicted.push("first"));
  admitted(table, HERE, () => evicted.push("second"));
  admitted(table, HERE);
  deepEqual([evicted, table.size], [["first"], 3]);
});

test("AdmissionTable gives up the oldest unauthenticated connection of all at the total", () => {
  const table = new AdmissionTable(8, 3);
  const evicted: string[] = [];
  const done = admitted(table, THERE, () => evicted.push("authenticated"));
  done.authenticated = true;
  admitted(table, THERE, () => evicted.push("first"));
  admitted(table, HERE, () => evicted.push("second"));
  admitted(table, HERE);
  deepEqual([evicted, table.size], [["first"], 3]);
});

test("AdmissionTable refuses a newcomer when everybody is authenticated", () => {
  const table = new AdmissionTable(2, 3);
  const evict = () => ok(false, "an authenticated connection is never given up");
  for (const address of [HERE, HERE, THERE]) {
    admitted(table, address, evict).authenticated = true;
  }
  equal(table.admit(HERE, evict).status, "limit_address");
  equal(table.admit(THERE, evict).status, "limit_total");
  equal(table.size, 3);
});

test("AdmissionTable does not give up a stranger's connection for an address at its own cap", () => {
  const table = new AdmissionTable(1, 8);
  admitted(table, THERE, () => ok(false, "another address pays nothing"));
  admitted(table, HERE).authenticated = true;
  equal(table.admit(HERE, () => {}).status, "limit_address");
});

test("AdmissionTable counts a connection that was given up and then released once", () => {
  const table = new AdmissionTable(1, 8);
  const first = admitted(table, HERE);
  const second = admitted(table, HERE);
  table.release(first);
  table.release(first);
  equal(table.size, 1);
  table.release(second);
  equal(table.size, 0);
  for (let turn = 0; turn < 3; turn++) table.release(admitted(table, HERE));
  equal(table.size, 0);
});

test("connections and dials together stay within what netstackd keeps for one caller", () => {
  const parked = 2 * CONNECTIONS_MAX + 2 * DIALS_MAX + 1;
  ok(parked < Math.min(IN_FLIGHT_MAX, PARKED_PER_OWNER_MAX));
  ok(parked < ENDPOINT_DEPTH_MAX + REPLIES_WAITING_MAX, "all of them may be answered at once");
  ok(PAYLOADS_MAX < PARKED_PAYLOADS_MAX);
  ok(READ_SLOTS_MAX + PARKED_PAYLOADS_MAX < CAPABILITY_SLOTS - PARKED_PAYLOADS_MAX / 4);
  ok(CONNECTIONS_MAX + 2 * DIALS_MAX + 1 < HANDLES_PER_OWNER_MAX);
  ok(CONNECTIONS_PER_ADDRESS < CONNECTIONS_MAX);
});
