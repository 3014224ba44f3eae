import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { fakeWires } from "@tests/fakes/wires.ts";
import { RIGHTS_EXPORTED_MAX } from "../kernel/crossing.ts";
import type { Isolate } from "./isolate.ts";
import { CROSSING_RIGHTS_MAX, Mint } from "./mint.ts";

interface Told extends Isolate {
  readonly severed: number[];
  readonly let: number[];
  readonly forgotten: number[];
}

/** An isolate that keeps what the mint tells it. */
function isolate(name: string): Told {
  const [severed, let_, forgotten]: number[][] = [[], [], []];
  const told = {
    name,
    severed,
    let: let_,
    forgotten,
    letIn: () => {},
    letInExported: ({ requests }: { requests: { id: number } }) => void let_?.push(requests.id),
    arrive: () => {},
    sever: (ids: readonly number[]) => void severed?.push(...ids),
    forget: (id: number) => void forgotten?.push(id),
  };
  return told as unknown as Told;
}

function minted() {
  const [near, far, other] = [isolate("near"), isolate("far"), isolate("other")] as const;
  const mint = new Mint(fakeWires());
  const { requests, replies } = mint.mintCall({
    caller: { isolate: near, place: { task: "caller", key: "x" } },
    server: { isolate: far, place: { task: "server", endpoint: "main" } },
    badge: 1,
    depth: 4,
  });
  const move = { via: requests.id, ticket: 1, exported: 1, depth: 1 };
  return { mint, near, far, other, requests, replies, move };
}

test("Mint moves a right over the mover's own alone", () => {
  const { mint, near, far, other, move } = minted();
  equal(mint.move(near, move), true);
  for (const liar of [far, other]) equal(mint.move(liar, move), false, liar.name);
  for (const depth of [0, 257, 1.5, -1]) equal(mint.move(near, { ...move, depth }), false);
  equal(mint.move(near, { ...move, via: 99 }), false, "a right that never was");
});

test("Mint takes no isolate for a liar that moves a right over one that has just ended", () => {
  const { mint, near, far, requests, move } = minted();
  equal(mint.ended(far, requests.id), true);
  equal(mint.move(near, move), true);
  deepEqual(near.let, []);
});

test("Mint lets one isolate have so many rights away, and no other pays for it", () => {
  const { mint, near, far, move } = minted();
  const room = 2 * RIGHTS_EXPORTED_MAX;
  for (let count = 0; count < room; count++) equal(mint.move(near, move), true);
  equal(mint.move(near, move), false);
  const [first] = near.let;
  equal(mint.ended(far, first ?? 0), true);
  equal(mint.move(near, move), true);
  equal(room * 4 <= CROSSING_RIGHTS_MAX, true);
});

test("Mint forgets a right that ended, at the word of either end and of nobody else", () => {
  const { mint, near, far, other, requests } = minted();
  equal(mint.ended(other, requests.id), false);
  equal(mint.ended(near, requests.id), true);
  equal(mint.ended(far, requests.id), true, "the other end says it later");
  equal(mint.ended(far, 99), false);
  deepEqual([near, far, other].map(({ forgotten }) => forgotten), [
    [requests.id],
    [requests.id],
    [],
  ]);
  mint.sever(({ isolate: each }) => each === far);
  deepEqual(near.severed, [2], "the way back is left");
});

test("Mint parts who accuses from whom it accuses, and believes neither", () => {
  const { mint, near, far, other, requests } = minted();
  for (const liar of [near, other]) equal(mint.violated(liar, requests.id), false, liar.name);
  equal(mint.violated(far, requests.id), true);
  deepEqual([near.severed, far.severed], [[requests.id], []]);
  equal(mint.violated(far, requests.id), true, "it ended meanwhile");
  equal(mint.violated(far, 99), false);
});
