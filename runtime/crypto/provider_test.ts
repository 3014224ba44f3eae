import { InvariantError } from "../core/assert.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";

import { Provider } from "./provider.ts";
import { cryptoProviders, forceProviders } from "./providers.ts";

const CANDIDATES = [
  { name: "native", implementation: () => 1 },
  { name: "noble", implementation: () => 2 },
] as const;

test("Provider uses the first candidate that passes, and tests once", () => {
  let tests = 0;
  const provider = new Provider<() => number>("sum", CANDIDATES, (candidate) => {
    tests++;
    return candidate() > 0;
  });
  equal(provider.use(), 1);
  equal(provider.use(), 1);
  deepEqual([provider.name, tests], ["native", 1]);
});

test("Provider passes over a candidate that gives a wrong answer or throws", () => {
  const wrong = new Provider<() => number>("sum", CANDIDATES, (candidate) => candidate() === 2);
  deepEqual([wrong.use(), wrong.name], [2, "noble"]);
  const throwing = new Provider<() => number>("sum", CANDIDATES, (candidate) => {
    if (candidate() === 1) throw new InvariantError("absent");
    return true;
  });
  deepEqual([throwing.use(), throwing.name], [2, "noble"]);
});

test("Provider without a working candidate is a bug, as is forcing one it lacks", () => {
  const provider = new Provider<() => number>("sum", CANDIDATES, () => false);
  throws(() => provider.use, InvariantError);
  throws(() => provider.force("own"), InvariantError);
});

test("forceProviders puts every primitive on the reference and back", () => {
  const chosen = cryptoProviders();
  deepEqual(chosen, {
    "x25519": "native",
    "ed25519": "native",
    "chacha20-poly1305": "own",
    "blake2s": "own",
    "sha256": "native",
    "hkdf-sha256": "native",
  });
  forceProviders("noble");
  deepEqual(new Set(Object.values(cryptoProviders())), new Set(["noble"]));
  forceProviders(undefined);
  deepEqual(cryptoProviders(), chosen);
});
