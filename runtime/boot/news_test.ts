import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { newsOf } from "./news.ts";

const MOVE = { via: 1, ticket: 2, exported: 3, depth: 4 };

/** One of each kind, as a kernel's entry says it. */
const NEWS: readonly (readonly unknown[])[] = [
  ["began", "samgrd"],
  ["failed", "samgrd", "no_space"],
  ["faulted", "samgrd", "TypeError"],
  ["proved", "samgrd", "ready", { count: 1, name: "x", id: Uint8Array.of(1) }, 7],
  ["moved", MOVE],
  ["ended", 5],
  ["violated", 5],
];

/** What stands nowhere in any of them. */
const WRONG: readonly unknown[] = [
  ...[undefined, null, true, 1.5, Number.NaN, 1n, "x".repeat(513), [], [1], {}, { via: 1 }],
  ...[new Uint8Array(513), new Map(), Symbol.iterator, () => 1],
];

function textOf(value: unknown): string {
  return typeof value === "symbol" ? "symbol" : `${typeof value} ${value}`;
}

test("newsOf reads what a kernel's entry says", () => {
  for (const news of NEWS) deepEqual(newsOf(news), news);
});

test("newsOf refuses each piece of news with any of its parts wrong, or missing", () => {
  for (const news of NEWS) {
    for (let part = 0; part < news.length; part++) {
      const shorter = news.slice(0, part);
      equal(newsOf(shorter), undefined, `${news[0]} with ${part} parts`);
      for (const wrong of WRONG) {
        // Evidence may be none at all: a marker may need none.
        if (news[0] === "proved" && part === 3 && isEmpty(wrong)) continue;
        const changed = newsOf(news.with(part, wrong));
        equal(changed, undefined, `${news[0]} with ${textOf(wrong)} as part ${part}`);
      }
    }
  }
});

/** Members that could be evidence: there are none, or each is. */
function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length < 16 &&
    Object.values(value).every((each) => typeof each === "number");
}

test("newsOf takes evidence that is short, of few parts, and the boot's own copy", () => {
  const proved = (evidence: unknown) => newsOf(["proved", "samgrd", "ready", evidence, 1]);
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, index) => [index, 1]));
  for (const evidence of [many, { a: new Uint8Array(513) }, { a: {} }, { a: null }]) {
    equal(proved(evidence), undefined);
  }
  equal(proved({ a: new Uint8Array(new SharedArrayBuffer(4)) }), undefined);
});

test("newsOf refuses a move with any of its numbers wrong", () => {
  for (const key of Object.keys(MOVE)) {
    for (const wrong of [undefined, "1", 1.5, Number.NaN, 1n]) {
      equal(newsOf(["moved", { ...MOVE, [key]: wrong }]), undefined, key);
    }
  }
});
