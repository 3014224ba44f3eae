import { WireError } from "../core/error.ts";
import { fromHex } from "../core/hex.ts";
import { LIST_COUNT_MAX, NESTING_MAX, TRAVERSAL_SLACK_WORDS } from "./limits.ts";
import { openMessage } from "./message.ts";
import { type PointerShape, validateMessage } from "./validate.ts";
import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { sharedBytes, sharedPresent, sharedText } from "@tests/fakes/shared_data.ts";
import { test } from "@tests/fakes/test.ts";

/** A message of segments given as words in hexadecimal, with its table. */
function message(...segments: readonly (readonly string[])[]): Uint8Array {
  const bytes = fromHex(segments.map((words) => words.join("")).join(""));
  const tableLength = Math.ceil((4 + 4 * segments.length) / 8) * 8;
  const framed = new Uint8Array(tableLength + bytes.length);
  const view = new DataView(framed.buffer);
  view.setUint32(0, segments.length - 1, true);
  segments.forEach((words, index) => view.setUint32(4 + 4 * index, words.length, true));
  framed.set(bytes, tableLength);
  return framed;
}

/** A word of two little-endian halves. */
function word(low: number, high: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setUint32(0, low >>> 0, true);
  view.setUint32(4, high >>> 0, true);
  return view.getBigUint64(0).toString(16).padStart(16, "0");
}

const struct = (offset: number, dataWords: number, pointerCount: number) =>
  word(offset << 2, dataWords | (pointerCount << 16));
const list = (offset: number, elementSize: number, count: number) =>
  word((offset << 2) | 1, ((count << 3) | elementSize) >>> 0);
const far = (segment: number, at: number) => word((at << 3) | 2, segment);
const doubleFar = (segment: number, at: number) => word((at << 3) | 6, segment);
const ZERO = word(0, 0);
const ROOT_OF_ONE = struct(0, 0, 1);
const DATA: readonly PointerShape[] = [{ kind: "data", lengthMax: 64 }];

function refused(code: string, offset?: number): (error: unknown) => boolean {
  return (error) =>
    error instanceof WireError && error.code === code &&
    (offset === undefined || error.offset === offset);
}

function refuses(bytes: Uint8Array, code: string, offset?: number): void {
  throws(() => validateMessage(bytes), refused(code, offset));
}

/** Where the data behind each expected pointer lies in the message. */
function placesOf(bytes: Uint8Array, shape: readonly PointerShape[]) {
  return validateMessage(bytes, shape).pointers.map((value) =>
    value instanceof Uint8Array && { offset: value.byteOffset, length: value.length }
  );
}

test("openMessage accepts a table that describes the frame exactly", () => {
  const opened = openMessage(message([ZERO], [], [ZERO, ZERO]));
  deepEqual(opened.segments, [{ start: 16, words: 1 }, { start: 24, words: 0 }, {
    start: 24,
    words: 2,
  }]);
  equal(opened.words, 3);
});

test("openMessage refuses every shorter and longer frame", () => {
  const whole = message([ROOT_OF_ONE, ZERO], [ZERO]);
  for (let length = 0; length < whole.length; length++) {
    throws(() => openMessage(whole.subarray(0, length)), refused("truncated"));
  }
  throws(() => openMessage(Uint8Array.of(...whole, 0)), refused("trailing_bytes", whole.length));
});

test("openMessage refuses a segment count before it spends anything on it", () => {
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  for (const count of [8, 0x00ffffff, 0x0fffffff, 0x7fffffff, 0xffffffff]) {
    view.setUint32(0, count, true);
    throws(() => openMessage(bytes), refused("limit_exceeded", 0));
  }
  throws(
    () => openMessage(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n")),
    refused("limit_exceeded", 0),
  );
});

test("openMessage refuses a message longer than its bound, and a first segment without a root", () => {
  throws(
    () => openMessage(new Uint8Array(8 * 1024 * 1024 + 8)),
    refused("length_out_of_range"),
  );
  throws(() => openMessage(message([], [ZERO])), refused("truncated", 4));
});

test("validateMessage follows far and double-far pointers", () => {
  const shape = [{ kind: "data", lengthMax: 4 }] as const;
  const near = message([ROOT_OF_ONE, list(0, 2, 4), "70696e6700000000"]);
  const single = message([ROOT_OF_ONE, far(1, 0)], [list(0, 2, 4), "70696e6700000000"]);
  const twice = message(
    [ROOT_OF_ONE, doubleFar(1, 0)],
    [far(2, 0), list(0, 2, 4)],
    ["70696e6700000000"],
  );
  for (const [bytes, offset] of [[near, 24], [single, 40], [twice, 48]] as const) {
    deepEqual(placesOf(bytes, shape), [{ offset, length: 4 }]);
  }
});

test("validateMessage refuses far pointers that lead nowhere, to themselves or to each other", () => {
  refuses(message([ROOT_OF_ONE, far(0, 1)]), "bad_pointer", 16);
  refuses(message([ROOT_OF_ONE, far(1, 0)], [far(0, 1)]), "bad_pointer", 32);
  refuses(message([ROOT_OF_ONE, far(1, 0)], [ZERO]), "bad_pointer", 32);
  refuses(message([ROOT_OF_ONE, far(1, 0)], [doubleFar(0, 1)]), "bad_pointer", 32);
  refuses(message([ROOT_OF_ONE, far(2, 0)], [ZERO]), "out_of_bounds", 24);
  refuses(message([ROOT_OF_ONE, far(1, 1)], [ZERO]), "out_of_bounds", 24);
  refuses(message([ROOT_OF_ONE, far(1, 0x1fffffff)], [ZERO]), "out_of_bounds", 24);
  refuses(message([ROOT_OF_ONE, doubleFar(1, 0)], [far(0, 0)]), "out_of_bounds", 24);
  const pads = (pad: string, tag: string) =>
    message([ROOT_OF_ONE, doubleFar(1, 0)], [pad, tag], [ZERO]);
  refuses(pads(doubleFar(2, 0), list(0, 2, 1)), "bad_pointer", 32);
  refuses(pads(list(0, 2, 1), list(0, 2, 1)), "bad_pointer", 32);
  refuses(pads(far(2, 0), list(1, 2, 1)), "bad_pointer", 40);
  refuses(pads(far(2, 0), far(2, 0)), "bad_pointer");
  refuses(pads(far(2, 1), list(0, 2, 1)), "out_of_bounds", 32);
  refuses(pads(far(3, 0), list(0, 2, 0)), "out_of_bounds", 32);
});

test("validateMessage refuses targets outside their segment, sizeless ones too", () => {
  refuses(message([struct(0, 1, 0)]), "out_of_bounds", 8);
  refuses(message([struct(-2, 0, 0)]), "out_of_bounds", 8);
  refuses(message([struct(-2, 1, 0), ZERO]), "out_of_bounds", 8);
  refuses(message([struct(1, 0, 0)]), "out_of_bounds", 8);
  validateMessage(message([struct(-1, 0, 0)]));
  const sizes = [[1, 64], [2, 8], [3, 4], [4, 2], [5, 1]] as const;
  for (const [elementSize, perWord] of sizes) {
    validateMessage(message([ROOT_OF_ONE, list(0, elementSize, perWord), ZERO]));
    refuses(message([ROOT_OF_ONE, list(0, elementSize, perWord + 1), ZERO]), "out_of_bounds", 16);
    refuses(message([ROOT_OF_ONE, list(1, elementSize, 0)]), "out_of_bounds", 16);
    refuses(message([ROOT_OF_ONE, list(-3, elementSize, 1)]), "out_of_bounds", 16);
  }
  refuses(message([ROOT_OF_ONE, list(0, 6, 1)]), "out_of_bounds", 16);
  refuses(message([ROOT_OF_ONE, list(1, 0, 2)]), "out_of_bounds", 16);
  refuses(message([ROOT_OF_ONE, list(0, 7, 0)]), "out_of_bounds", 16);
});

test("validateMessage refuses a tag that is no struct or claims more than the list holds", () => {
  const tagged = (tag: string) => message([ROOT_OF_ONE, list(0, 7, 2), tag, ZERO, ZERO]);
  validateMessage(tagged(struct(2, 1, 0)));
  validateMessage(tagged(struct(1, 1, 1)));
  refuses(tagged(struct(3, 1, 0)), "bad_pointer", 24);
  refuses(tagged(struct(0x20000000, 0x80, 0)), "bad_pointer", 24);
  refuses(tagged(list(0, 2, 1)), "bad_pointer", 24);
});

test("validateMessage refuses capabilities, a list as root, and kinds that do not exist", () => {
  refuses(message([ROOT_OF_ONE, word(3, 0)]), "bad_pointer", 16);
  refuses(message([ROOT_OF_ONE, word(7, 1)]), "bad_pointer", 16);
  refuses(message([list(0, 2, 0)]), "bad_pointer", 8);
});

test("validateMessage checks pointers in every struct of a list and every list of a list", () => {
  const bad = list(9, 2, 1);
  refuses(message([ROOT_OF_ONE, list(0, 7, 2), struct(2, 0, 1), ZERO, bad]), "out_of_bounds", 40);
  refuses(message([ROOT_OF_ONE, list(0, 6, 2), ZERO, bad]), "out_of_bounds", 32);
  refuses(message([ROOT_OF_ONE, struct(0, 1, 1), ZERO, bad]), "out_of_bounds", 32);
  const shape = [{ kind: "textList", countMax: 2, lengthMax: 8 }] as const;
  const texts = message([ROOT_OF_ONE, list(0, 6, 2), ZERO, bad]);
  throws(() => validateMessage(texts, shape), refused("out_of_bounds", 32));
});

test("validateMessage counts the elements that take no room, and caps every list", () => {
  const voids = (count: number) => message([ROOT_OF_ONE, list(0, 0, count)]);
  equal(validateMessage(voids(1_000)).visited, 1_002);
  equal(validateMessage(voids(TRAVERSAL_SLACK_WORDS)).visited, TRAVERSAL_SLACK_WORDS + 2);
  refuses(voids(TRAVERSAL_SLACK_WORDS + 1), "limit_exceeded", 16);
  refuses(voids(0x1fffffff), "limit_exceeded", 16);
  const empties = (count: number) => message([ROOT_OF_ONE, list(0, 7, 0), struct(count, 0, 0)]);
  validateMessage(empties(1_000));
  refuses(empties(TRAVERSAL_SLACK_WORDS + 1), "limit_exceeded", 16);
  const bits = (count: number) =>
    message([
      ROOT_OF_ONE,
      list(0, 1, count),
      ...Array.from({ length: Math.ceil(count / 64) }, () => ZERO),
    ]);
  validateMessage(bits(LIST_COUNT_MAX));
  refuses(bits(LIST_COUNT_MAX + 1), "limit_exceeded", 16);
});

test("validateMessage refuses a struct that points to itself, and one level too many", () => {
  refuses(message([struct(-1, 0, 1)]), "limit_exceeded");
  refuses(message([ROOT_OF_ONE, struct(-1, 0, 1)]), "limit_exceeded");
  refuses(message([ROOT_OF_ONE, list(-1, 6, 1)]), "limit_exceeded");
  const chain = (levels: number) =>
    message([...Array.from({ length: levels - 1 }, () => ROOT_OF_ONE), struct(-1, 0, 0)]);
  validateMessage(chain(NESTING_MAX));
  refuses(chain(NESTING_MAX + 1), "limit_exceeded", 8 + 8 * NESTING_MAX);
});

test("validateMessage refuses one object read again and again", () => {
  const shared = (readers: number, words: number) => {
    const pointers = Array.from(
      { length: readers },
      (_, index) => list(readers - 1 - index, 5, words),
    );
    const payload = Array.from({ length: words }, () => ZERO);
    return message([struct(0, 0, readers), ...pointers, ...payload]);
  };
  equal(validateMessage(shared(1, 1_000)).visited, 1_002);
  equal(validateMessage(shared(2, 1_000)).visited, 2_003);
  refuses(shared(3, 1_000), "limit_exceeded");
  refuses(shared(1_000, 1_000), "limit_exceeded");
  const doubling = Array.from({ length: 40 }, () => [struct(1, 0, 2), struct(0, 0, 2)]).flat();
  refuses(message([struct(0, 0, 2), ...doubling, ZERO, ZERO]), "limit_exceeded");
});

test("validateMessage refuses a list of texts that are all the same one", () => {
  const texts = (count: number, words: number) => {
    const pointers = Array.from(
      { length: count },
      (_, index) => list(count - 1 - index, 2, words * 8),
    );
    const payload = Array.from({ length: words }, () => ZERO);
    return message([ROOT_OF_ONE, list(0, 6, count), ...pointers, ...payload]);
  };
  const shape = [{ kind: "textList", countMax: 1_000, lengthMax: 8_000 }] as const;
  equal(validateMessage(texts(2, 1_000), shape).visited, 2_004);
  throws(() => validateMessage(texts(3, 1_000), shape), refused("limit_exceeded"));
  throws(() => validateMessage(texts(1_000, 1_000), shape), refused("limit_exceeded"));
});

test("validateMessage reports a blob's place and walks pointers beyond the shape", () => {
  const bytes = message([struct(0, 0, 2), list(1, 2, 8), list(1, 5, 1), ZERO, ZERO]);
  deepEqual(placesOf(bytes, DATA), [{ offset: 32, length: 8 }]);
  const bad = message([struct(0, 0, 2), list(1, 2, 8), list(9, 5, 1), ZERO, ZERO]);
  throws(() => validateMessage(bad, DATA), refused("out_of_bounds", 24));
});

interface MalformedCase {
  readonly name: string;
  readonly framed: string;
}

/** The file's groups of cases; its other members are notes. */
function casesOf(group: string | readonly MalformedCase[]): readonly MalformedCase[] {
  return typeof group === "string" ? [] : group;
}

const MALFORMED = "vectors/capnp/malformed-from-capnproto-rust-tests.json";
const MALFORMED_COUNT = 20;

test("validateMessage refuses the malformed messages of another implementation", () => {
  const groups: Readonly<Record<string, string | readonly MalformedCase[]>> = JSON.parse(
    sharedText(MALFORMED),
  );
  const accepted: string[] = [];
  let count = 0;
  for (const { name, framed } of Object.values(groups).flatMap(casesOf)) {
    count += 1;
    try {
      const bytes = fromHex(framed);
      ok(validateMessage(bytes).visited <= bytes.length / 8 + TRAVERSAL_SLACK_WORDS);
      accepted.push(name);
    } catch (error) {
      ok(error instanceof WireError, `${name}: ${error}`);
    }
  }
  equal(count, MALFORMED_COUNT);
  deepEqual(accepted, ["double_far_pointer"]);
}, { ignore: !sharedPresent(MALFORMED) });

const TESTDATA = "vectors/capnp/testdata";

test("validateMessage accepts what the reference library writes, packed and overlong apart", () => {
  for (const name of ["binary", "lists.binary", "annotated-json.binary"]) {
    const bytes = sharedBytes(`${TESTDATA}/${name}`);
    ok(validateMessage(bytes).visited <= bytes.length / 8 + TRAVERSAL_SLACK_WORDS, name);
  }
  for (const name of ["packed", "packedflat", "segmented-packed", "flat", "segmented"]) {
    throws(() => validateMessage(sharedBytes(`${TESTDATA}/${name}`)), WireError, name);
  }
}, { ignore: !sharedPresent(TESTDATA) });
