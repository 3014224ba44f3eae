import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { type Access, capabilitiesBelow, capabilityOf, prefixFault } from "./access.ts";

test("prefixFault lets a list begin anywhere in a name, and nowhere else", () => {
  for (const prefix of ["/state/", "/state/a", "/state/a/"]) equal(prefixFault(prefix), undefined);
  for (const prefix of ["", "/", "/sta", "/state", "/state//", "/state/../", "/state/a//"]) {
    equal(prefixFault(prefix), "invalid_key", prefix);
  }
});

const CAPABILITIES: readonly (readonly [string, Access, string])[] = [
  ["/state/keystore/device.signing", "read", "statefs.keystore"],
  ["/state/keystore/device.signing", "write", "statefs.keystore"],
  ["/state/boot/bootctl.v1", "read", "statefs.boot"],
  ["/state/boot/bootctl.v1", "write", "statefs.boot"],
  ["/state/statefsd/enc.v1", "read", "statefs.read"],
  ["/state/statefsd/enc.v1", "write", "statefs.admin"],
  ["/state/keystore", "read", "statefs.read"],
  ["/state/keystorex/a", "write", "statefs.write"],
  ["/state/app/keystore/a", "read", "statefs.read"],
  ["/state/app/a", "write", "statefs.write"],
];

test("capabilityOf judges a value by where it lies", () => {
  for (const [key, access, capability] of CAPABILITIES) {
    equal(capabilityOf(key, access), capability, `${access} ${key}`);
  }
});

test("capabilitiesBelow names every capability that a listed name may take", () => {
  const all = ["statefs.boot", "statefs.keystore", "statefs.log", "statefs.read"];
  const below = (prefix: string) => [...capabilitiesBelow(prefix)].sort();
  deepEqual(below("/state/"), all);
  deepEqual(below("/state/keystore"), ["statefs.keystore", "statefs.read"]);
  deepEqual(below("/state/k"), ["statefs.keystore", "statefs.read"]);
  deepEqual(below("/state/keystore/"), ["statefs.keystore"]);
  deepEqual(below("/state/keystore/a"), ["statefs.keystore"]);
  deepEqual(below("/state/boot/"), ["statefs.boot"]);
  deepEqual(below("/state/app/"), ["statefs.read"]);
});
