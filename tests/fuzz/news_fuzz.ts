import { type BorderObserver, RemoteIsolate } from "@runtime/boot/remote_isolate.ts";
import { principalNamed } from "@runtime/kernel/principal.ts";
import { ok } from "../fakes/assert.ts";
import { manualKernel } from "../fakes/kernel.ts";
import { fakeWires } from "../fakes/wires.ts";
import { Choices } from "./choices.ts";

/**
 * What a compromised isolate may say, on the way to the boot and on a wire: nothing of it throws, it
 * speaks for its own daemons alone, and an endpoint takes no more than it is deep.
 */
export const name = "news";

const OWN = "samgrd";
const KINDS = [
  "began",
  "failed",
  "proved",
  "faulted",
  "moved",
  "ended",
  "violated",
  "spawn",
] as const;
const DEPTH = 4;
const ROUNDS = 24;

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  tellBoot(choices);
  await tellEndpoint(choices);
}

function tellBoot(choices: Choices): void {
  const wires = fakeWires();
  const [own, theirs] = wires.pair();
  const liar = wires.open(theirs);
  let violated = 0;
  const isolate = new RemoteIsolate({
    name: OWN,
    started: { activity: new Int32Array(1), control: wires.open(own), terminate() {} },
    wires,
    observer: suspicious(() => violated += 1),
    bridge: () => {},
    nowNs: () => 0,
  });
  isolate.spawn(OWN, []);
  for (let round = 0; round < ROUNDS; round++) {
    const before = violated;
    const news = choices.oneIn(8) ? strange(choices, 2) : newsLike(choices);
    liar.post(news);
    wires.deliver();
    const subject = Array.isArray(news) ? news[1] : undefined;
    const speaks = typeof subject !== "string" || subject === OWN;
    ok(speaks || violated > before, `it spoke for another: ${String(subject)}`);
  }
  isolate.end();
  liar.post(["faulted", OWN, "x"]);
  const heard = violated;
  wires.deliver();
  ok(violated === heard, "who was ended is heard no more");
}

/** A boot that looks at what it is told, and believes nothing of it. */
function suspicious(violated: () => void): BorderObserver {
  const own = (task: string) => ok(task === OWN, "an isolate speaks for its own daemons");
  return {
    proved(task, key, evidence, order) {
      own(task);
      ok(typeof key === "string" && Number.isInteger(order));
      for (const shown of Object.values(evidence)) {
        ok(typeof shown === "number" || shown.length <= 512, "evidence is short");
      }
      return false;
    },
    faulted(task, reason) {
      own(task);
      ok(reason.length <= 512);
    },
    garbled: ({ task }) => own(task),
    alive: (_, { tasks }) => ok(tasks.length <= 64),
    moved: ({ via, ticket, exported, depth }) =>
      ok([via, ticket, exported, depth].every((each) => Number.isInteger(each))),
    ended: (right) => ok(Number.isInteger(right)),
    accused: (right) => ok(Number.isInteger(right)),
    violated,
  };
}

async function tellEndpoint(choices: Choices): Promise<void> {
  const wires = fakeWires();
  const manual = manualKernel();
  const task = manual.kernel.spawn("server");
  const pair = task.endpointCreate(DEPTH);
  if (pair.status !== "ok") throw new TypeError(pair.status);
  const endpoint = manual.kernel.endpointAt(task, pair.receive);
  if (endpoint === undefined) throw new TypeError("no endpoint");
  const [own, theirs] = wires.pair();
  const source = { id: 1, sender: principalNamed("client"), badge: 7 };
  manual.kernel.crossings.openInlet(source, wires.open(own), endpoint);
  const liar = wires.open(theirs);
  for (let round = 0; round < ROUNDS; round++) {
    liar.post(choices.oneIn(4) ? strange(choices, 2) : framesLike(choices));
    wires.deliver();
    ok(endpoint.queued <= DEPTH, "an endpoint holds what it is deep");
    if (!choices.oneIn(2)) continue;
    const taken = task.receive(pair.receive, 0);
    manual.clock.advanceMs(1);
    await manual.quiet();
    const message = await taken;
    ok(
      message.status !== "ok" || message.sender.name === "client",
      "the sender is the boot's word",
    );
    if (message.status === "ok" && message.moved !== undefined) task.capClose(message.moved);
  }
  manual.kernel.stop();
}

function newsLike(choices: Choices): unknown {
  const parts = Array.from({ length: choices.below(5) }, () =>
    choices.pick([
      () => OWN,
      () => "policyd",
      () => choices.u32(),
      () => ({ via: 1, ticket: 2, exported: 3, depth: choices.below(300) }),
      () => ({ drawn: choices.below(3), mac: choices.bytes(choices.below(600)) }),
      () => strange(choices, 2),
    ])());
  return [choices.pick(KINDS), ...parts];
}

/** Lengths and frames, right and wrong, with rights that may belong to none of them. */
function framesLike(choices: Choices): unknown {
  const frames = Array.from({ length: choices.below(DEPTH + 3) }, () => {
    const length = choices.below(choices.pick([1, 4, 300]));
    const said = choices.oneIn(8) ? choices.below(70_000) & 0xffff : length;
    return [said & 0xff, said >>> 8, ...choices.bytes(length)];
  });
  const bytes = Uint8Array.from(frames.flat());
  if (choices.oneIn(2)) return bytes;
  const rights = Array.from({ length: choices.below(3) }, () => ({
    index: choices.below(DEPTH),
    ...choices.oneIn(2)
      ? { ticket: choices.below(5) }
      : { memory: new ArrayBuffer(choices.below(9)) },
  }));
  return { frames: bytes, rights };
}

function strange(choices: Choices, depth: number): unknown {
  const leaves: [() => unknown, ...(() => unknown)[]] = [
    () => undefined,
    () => null,
    () => choices.u32() - 2 ** 31,
    () => Number.NaN,
    () => 2n ** 70n,
    () => "x".repeat(choices.below(700)),
    () => choices.bytes(choices.below(20)),
    () => new Date(0),
    () => new Map([[1, 2]]),
  ];
  if (depth === 0 || choices.oneIn(2)) return choices.pick(leaves)();
  const inner = Array.from({ length: choices.below(4) }, () => strange(choices, depth - 1));
  return choices.oneIn(2) ? inner : Object.fromEntries(inner.map((each, at) => [`${at}`, each]));
}
