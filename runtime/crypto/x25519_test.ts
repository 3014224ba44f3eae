import { InvariantError } from "../core/assert.ts";
import { fromHex, toHex } from "../core/hex.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { parseStanzas, stanzaBytes } from "@tests/fakes/stanzas.ts";
import { test } from "@tests/fakes/test.ts";

import { x25519Provider, x25519Secret } from "./x25519.ts";

const WYCHEPROOF = "vectors/wycheproof/x25519_test.json";
const RFC7748 = "vectors/x25519/rfc7748-x25519.json";
const RING = "vectors/x25519/ring-agreement_tests-x25519-part.txt";

/** Cases that must run, per implementation. */
const WYCHEPROOF_CASES = 518;
const WYCHEPROOF_LOW_ORDER = 31;
const RING_CASES = 2;

/** Runs `body` with each implementation in turn. */
function withEach(body: (name: string) => void): void {
  for (const name of x25519Provider.names) {
    x25519Provider.force(name);
    try {
      body(name);
    } finally {
      x25519Provider.force(undefined);
    }
  }
}

function sharedHex(secret: string, remote: string): string | undefined {
  const shared = x25519Secret(fromHex(secret)).shared(fromHex(remote));
  return shared === undefined ? undefined : toHex(shared);
}

test("x25519Secret gives Wycheproof's shared secrets and refuses every all-zero one", () => {
  const { testGroups } = JSON.parse(sharedText(WYCHEPROOF));
  withEach((name) => {
    let cases = 0;
    let refused = 0;
    for (const { tests } of testGroups) {
      for (const one of tests) {
        const zero = /^0+$/.test(one.shared);
        equal(sharedHex(one.private, one.public), zero ? undefined : one.shared, `${one.tcId}`);
        cases++;
        if (zero) refused++;
      }
    }
    deepEqual([name, cases, refused], [name, WYCHEPROOF_CASES, WYCHEPROOF_LOW_ORDER]);
  });
}, { ignore: !sharedPresent(WYCHEPROOF) });

test("x25519Secret gives RFC 7748's results, also after 1000 iterations", () => {
  const rfc = JSON.parse(sharedText(RFC7748));
  equal(rfc.section_5_2.length, 2);
  withEach(() => {
    for (const one of rfc.section_5_2) equal(sharedHex(one.scalar, one.u), one.out);
    const keys = rfc.section_6_1;
    equal(sharedHex(keys.alice_private, keys.bob_public), keys.shared);
    equal(sharedHex(keys.bob_private, keys.alice_public), keys.shared);
    equal(toHex(x25519Secret(fromHex(keys.alice_private)).publicKey), keys.alice_public);
    let [scalar, u] = [rfc.section_5_2_iterated.start, rfc.section_5_2_iterated.start];
    for (let round = 0; round < 1000; round++) {
      [scalar, u] = [sharedHex(scalar, u) ?? "", scalar];
    }
    equal(scalar, rfc.section_5_2_iterated.after_1000);
  });
}, { ignore: !sharedPresent(RFC7748) });

test("x25519Secret gives ring's results and public keys", () => {
  const stanzas = parseStanzas(sharedText(RING)).filter((stanza) => stanza.has("Output"));
  equal(stanzas.length, RING_CASES);
  withEach(() => {
    for (const stanza of stanzas) {
      const secret = x25519Secret(stanzaBytes(stanza, "D"));
      deepEqual(secret.publicKey, stanzaBytes(stanza, "MyQ"));
      deepEqual(secret.shared(stanzaBytes(stanza, "PeerQ")), stanzaBytes(stanza, "Output"));
    }
  });
}, { ignore: !sharedPresent(RING) });

test("x25519Secret treats a key of another length, and use after a wipe, as bugs", () => {
  withEach(() => {
    throws(() => x25519Secret(new Uint8Array(31)), InvariantError);
    const secret = x25519Secret(new Uint8Array(32).fill(7));
    throws(() => secret.shared(new Uint8Array(33)), InvariantError);
    secret.wipe();
    throws(() => secret.shared(new Uint8Array(32).fill(9)), InvariantError);
  });
});

test("x25519Secret keeps its own copy of the secret", () => {
  withEach(() => {
    const bytes = new Uint8Array(32).fill(7);
    const secret = x25519Secret(bytes);
    const before = secret.shared(new Uint8Array(32).fill(9));
    bytes.fill(0);
    deepEqual(secret.shared(new Uint8Array(32).fill(9)), before);
  });
});
