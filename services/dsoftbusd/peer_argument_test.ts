import { InvariantError } from "@runtime/core/assert.ts";
import { fromHex } from "@runtime/core/hex.ts";
import { deepEqual, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { peersOf, unresolvedOf } from "./peer_argument.ts";
import { DIALS_MAX } from "./protocol.ts";

const ID = "ab".repeat(32);
const KEY = "cd".repeat(32);

test("peersOf reads addresses, pinned ids and static keys", () => {
  const nobody = { deviceId: undefined, noiseStatic: undefined, typed: undefined };
  deepEqual(peersOf(""), []);
  deepEqual(
    peersOf(`10.0.2.2:7401 10.0.2.3:1,${ID} 10.0.2.4:65535,${ID},${KEY} 10.0.2.5:2,,${KEY}`),
    [
      { ...nobody, address: 0x0a000202, port: 7401 },
      { ...nobody, address: 0x0a000203, port: 1, deviceId: ID },
      { ...nobody, address: 0x0a000204, port: 65535, deviceId: ID, noiseStatic: fromHex(KEY) },
      { ...nobody, address: 0x0a000205, port: 2, noiseStatic: fromHex(KEY) },
    ],
  );
});

test("peersOf and unresolvedOf keep an address as it was typed", () => {
  const pins = { deviceId: ID, noiseStatic: undefined };
  deepEqual(peersOf(`198.18.0.1:7401,${ID},,[::1]:7401`), [
    { ...pins, address: 0xc6120001, port: 7401, typed: "[::1]:7401" },
  ]);
  deepEqual(unresolvedOf(""), []);
  deepEqual(unresolvedOf(`peer.example:7401,${ID},`), [
    { ...pins, port: 7401, typed: "peer.example:7401" },
  ]);
  throws(() => unresolvedOf("peer.example"), InvariantError);
});

test("peersOf treats what main.ts would never write as a bug", () => {
  const many = Array.from({ length: DIALS_MAX + 1 }, () => "10.0.2.2:1").join(" ");
  for (
    const bad of [
      "10.0.2:1",
      "10.0.2.2",
      "10.0.2.2:0",
      "10.0.2.2:65536",
      "10.0.2.2:1,ab",
      `10.0.2.2:1,,${KEY.slice(1)}`,
      `10.0.2.2:1,${ID.toUpperCase()}`,
      many,
    ]
  ) {
    throws(() => peersOf(bad), InvariantError, bad.slice(0, 40));
  }
});
