import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { InvariantError } from "../core/assert.ts";
import { toHex } from "../core/hex.ts";
import {
  ARGON2_COST,
  ARGON2_MEMORY_KIB_MAX,
  ARGON2_WORK_KIB_MAX,
  argon2Fits,
  argon2id,
} from "./argon2id.ts";

const SMALL = { memoryKiB: 32, passes: 3, lanes: 4 };
const SALT = new Uint8Array(16).fill(2);

test("argon2id gives the tag of RFC 9106, Argon2id Test Vectors", () => {
  const tag = argon2id(new Uint8Array(32).fill(1), {
    ...SMALL,
    salt: SALT,
    key: new Uint8Array(8).fill(3),
    ad: new Uint8Array(12).fill(4),
  });
  equal(toHex(tag), "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659");
});

test("argon2id depends on the passphrase, the salt and each number of its cost", () => {
  const derive = (change: object, passphrase = "passphrase") =>
    toHex(argon2id(new TextEncoder().encode(passphrase), { ...SMALL, salt: SALT, ...change }));
  const keys = [
    derive({}),
    derive({}, "Passphrase"),
    derive({ salt: new Uint8Array(16) }),
    derive({ memoryKiB: 40 }),
    derive({ passes: 2 }),
    derive({ lanes: 2 }),
  ];
  equal(new Set(keys).size, keys.length);
  equal(derive({}), keys[0]);
});

test("argon2id tells how far it is", () => {
  const told: number[] = [];
  argon2id(new Uint8Array(8), { ...SMALL, salt: SALT, progress: (done) => void told.push(done) });
  ok(told.length > 10 && told.every((done, index) => done > (told[index - 1] ?? 0)));
  equal(told.at(-1), 1);
});

test("argon2id refuses what would hang it or eat memory, before it begins", () => {
  const refused = [
    { ...SMALL, memoryKiB: 31 },
    { ...SMALL, memoryKiB: ARGON2_MEMORY_KIB_MAX + 1, passes: 1 },
    { ...SMALL, memoryKiB: ARGON2_MEMORY_KIB_MAX, passes: 5 },
    { ...SMALL, passes: 0 },
    { ...SMALL, passes: 65 },
    { ...SMALL, lanes: 0 },
    { ...SMALL, memoryKiB: 1024, lanes: 17 },
    { ...SMALL, passes: 1.5 },
    { ...SMALL, memoryKiB: NaN },
    { ...SMALL, lanes: Infinity },
  ];
  for (const cost of refused) {
    equal(argon2Fits(cost), false, JSON.stringify(cost));
    throws(() => argon2id(new Uint8Array(8), { ...cost, salt: SALT }), InvariantError);
  }
  throws(
    () => argon2id(new Uint8Array(8), { ...SMALL, salt: SALT.subarray(1) }),
    InvariantError,
  );
});

test("argon2Fits lets the largest cost pass, and the one that is used", () => {
  const largest = {
    memoryKiB: ARGON2_MEMORY_KIB_MAX,
    passes: ARGON2_WORK_KIB_MAX / ARGON2_MEMORY_KIB_MAX,
    lanes: 16,
  };
  deepEqual([argon2Fits(largest), argon2Fits(ARGON2_COST), argon2Fits(SMALL)], [true, true, true]);
});
