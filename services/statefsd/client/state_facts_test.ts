import { InvariantError } from "@runtime/core/assert.ts";
import { WireError } from "@runtime/core/error.ts";
import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import {
  decodeFacts,
  encodeFacts,
  imageNameOf,
  keyNameOf,
  SECTORS_MAX,
  SECTORS_MIN,
  type StateFacts,
  useOf,
} from "./state_facts.ts";

const FACTS: StateFacts = {
  rekeys: 2,
  sectorCount: SECTORS_MIN,
  imageId: new Uint8Array(16).fill(0xab),
  check: new Uint8Array(16).fill(0xcd),
  key: {
    kind: "passphrase",
    cost: { memoryKiB: 65_536, passes: 3, lanes: 4 },
    salt: new Uint8Array(16).fill(0xef),
  },
  keystore: new Uint8Array(72).fill(0x42),
};
const TEXT = `{
  "format": "nexus-state",
  "version": 1,
  "rekeys": 2,
  "sectors": 128,
  "imageId": "abababababababababababababababab",
  "check": "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
  "key": {
    "kind": "passphrase",
    "argon2id": {
      "memoryKiB": 65536,
      "passes": 3,
      "lanes": 4,
      "salt": "efefefefefefefefefefefefefefefef"
    }
  },
  "keystore": "${"42".repeat(72)}"
}
`;

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

test("state.json has one form, and is read as it was written", () => {
  equal(new TextDecoder().decode(encodeFacts(FACTS)), TEXT);
  for (const facts of [FACTS, { ...FACTS, imageId: undefined, key: { kind: "file" } as const }]) {
    deepEqual(decodeFacts(encodeFacts(facts)), facts);
  }
});

test("decodeFacts refuses any other form, and every value beyond its bounds", () => {
  const changes: readonly (readonly [string, string])[] = [
    ['"version": 1', '"version": 2'],
    ["nexus-state", "nexus-stale"],
    ['"rekeys": 2', '"rekeys": -1'],
    ['"rekeys": 2', '"rekeys": 1000000000'],
    ['"rekeys": 2', '"rekeys": 2.5'],
    ['"rekeys": 2', '"rekeys": "2"'],
    ['"rekeys": 2', '"rekeys": 2, "rekeys": 2'],
    ['"rekeys": 2', '"rekeys": 2,\n  "more": 0'],
    ['"sectors": 128', '"sectors": 127'],
    ['"sectors": 128', `"sectors": ${SECTORS_MAX + 1}`],
    ["abab", "ab"],
    ["abab", "ABAB"],
    ["abab", "xyab"],
    ['"abababababababababababababababab"', "7"],
    ["cdcd", "cd"],
    ["efef", "ef"],
    ['"kind": "passphrase"', '"kind": "file"'],
    ['"kind": "passphrase"', '"kind": "token"'],
    ['"memoryKiB": 65536', '"memoryKiB": 4194304'],
    ['"passes": 3', '"passes": 4294967295'],
    ['"lanes": 4', '"lanes": 0'],
    ['"lanes": 4', '"lanes": null'],
    ['"argon2id": {', '"argon2id": [], "x": {'],
    ['42"\n}\n', '42"\n}'],
    ['42"\n}\n', '42"\n}\n\n'],
    ["4242", "42"],
  ];
  for (const [from, to] of changes) {
    const text = TEXT.replace(from, to);
    equal(text === TEXT, false, from);
    throws(() => decodeFacts(bytesOf(text)), WireError, `${from} -> ${to}`);
  }
  for (const text of ["", "{", "null", "[]", "7", '"x"', "[".repeat(4096), " ".repeat(4097)]) {
    throws(() => decodeFacts(bytesOf(text)), WireError, text.slice(0, 10));
  }
  throws(
    () => decodeFacts(bytesOf(" ".repeat(4097))),
    (error) => error instanceof WireError && error.code === "limit_exceeded",
  );
  for (let length = 0; length < TEXT.length; length++) {
    throws(() => decodeFacts(bytesOf(TEXT.slice(0, length))), WireError);
  }
});

test("facts beyond their bounds are never written", () => {
  const bad: readonly Partial<StateFacts>[] = [
    { rekeys: -1 },
    { sectorCount: SECTORS_MIN - 1 },
    { sectorCount: SECTORS_MAX + 1 },
    { imageId: new Uint8Array(15) },
    { check: new Uint8Array(15) },
    { key: { kind: "passphrase", cost: { memoryKiB: 1, passes: 1, lanes: 1 }, salt: FACTS.check } },
  ];
  for (const change of bad) throws(() => encodeFacts({ ...FACTS, ...change }), InvariantError);
});

test("useOf knows the names that follow from facts, and no others", () => {
  for (const rekeys of [0, 1, 999_999_999]) {
    deepEqual([useOf(imageNameOf(rekeys)), useOf(keyNameOf(rekeys))], ["image", "key"]);
  }
  const id = "01234567-89ab-cdef-0123-456789abcdef";
  for (const name of ["state.json", "state.img", "record.3.key"]) {
    equal(useOf(`${name}.${id}.new`), "draft");
  }
  for (
    const name of [
      ...["state.json", "state.01.img", "state.0.img", "record.key.bak", "my-state.img"],
      ...["state.img.new", `notes.${id}.new`, "lock", "control.sock", ""],
    ]
  ) {
    equal(useOf(name), "other", name);
  }
});
