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

const QUEUE = { endpoint: "main", waiting: 0xffff, depth: 1 };
const TASK = {
  task: "samgrd",
  frames: 3,
  busyNs: 0.5,
  ageNs: Number.MAX_SAFE_INTEGER,
  queues: [QUEUE],
  rights: { send: 0, receive: 1, vmo: 0xffff, mmio: 0 },
};

/** News of an isolate with one part of it in the place of another. */
function alive(change: {
  readonly stats?: object;
  readonly task?: object;
  readonly queue?: object;
  readonly rights?: object;
}) {
  const queues = [{ ...QUEUE, ...change.queue }];
  const rights = { ...TASK.rights, ...change.rights };
  const tasks = [{ ...TASK, queues, rights, ...change.task }];
  return newsOf(["alive", { memoryBytes: 1 << 20, tasks, ...change.stats }]);
}

test("newsOf takes of an isolate's figures those alone that can be told on", () => {
  deepEqual(alive({}), ["alive", { memoryBytes: 1 << 20, tasks: [TASK] }]);
  equal(alive({ stats: { memoryBytes: null } })?.[0], "alive");
  const numbers: readonly unknown[] = [
    ...[-1, Number.NaN, Infinity, 2 ** 53, 2 ** 64, "1", null, undefined, 1n],
  ];
  for (const wrong of numbers) {
    const tell = textOf(wrong);
    if (wrong !== null) equal(alive({ stats: { memoryBytes: wrong } }), undefined, tell);
    for (const part of ["frames", "busyNs", "ageNs"]) {
      equal(alive({ task: { [part]: wrong } }), undefined, `${part} ${tell}`);
    }
  }
  for (const wrong of [...numbers, 0x10000]) {
    for (const kind of ["send", "receive", "vmo", "mmio"]) {
      equal(alive({ rights: { [kind]: wrong } }), undefined, `${kind} ${textOf(wrong)}`);
    }
    for (const part of ["waiting", "depth"]) {
      equal(alive({ queue: { [part]: wrong } }), undefined, `${part} ${textOf(wrong)}`);
    }
  }
  for (const endpoint of ["", "x".repeat(33), "\u00e4", "a b", "a\n", 1]) {
    equal(alive({ queue: { endpoint } }), undefined, textOf(endpoint));
  }
  for (const frames of [0.5, 1.5]) equal(alive({ task: { frames } }), undefined);
  equal(alive({ stats: { memoryBytes: 0.5 } }), undefined);
  equal(alive({ task: { queues: new Array(65).fill(QUEUE) } }), undefined);
});
