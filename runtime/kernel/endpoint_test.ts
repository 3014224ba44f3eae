import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { NOBODY } from "@tests/fakes/kernel.ts";
import { test } from "@tests/fakes/test.ts";
import { FRAME_LENGTH_MAX } from "../core/syscalls.ts";
import { type ByteBudget, Endpoint, type Envelope, type ReceiveWaiter } from "./endpoint.ts";

interface Watched extends ReceiveWaiter {
  readonly got: number[];
  readonly failed: string[];
  refuse: boolean;
}

/** A message of `length` bytes whose first byte is its number. */
function envelope(number: number, length = 1, events: string[] = []): Envelope {
  const frame = new Uint8Array(length);
  if (length > 0) frame[0] = number;
  return {
    frame,
    sender: NOBODY,
    badge: 0,
    moved: undefined,
    delivered: () => void events.push(`delivered ${number}`),
    discarded: () => void events.push(`discarded ${number}`),
  };
}

function receiver(): Watched {
  const watched: Watched = {
    got: [],
    failed: [],
    refuse: false,
    deliver({ frame }) {
      if (watched.refuse) return false;
      watched.got.push(frame[0] ?? -1);
      return true;
    },
    fail: (status) => void watched.failed.push(status),
  };
  return watched;
}

function endpoint(depth = 2, budgets: readonly ByteBudget[] = []) {
  const closed: string[] = [];
  return { closed, end: new Endpoint(depth, budgets, () => closed.push("closed")) };
}

function sender(number: number, length = 1) {
  const done: string[] = [];
  return {
    envelope: envelope(number, length),
    done: (status: string) => void done.push(status),
    got: done,
  };
}

test("Endpoint refuses by count with queue_full and by bytes with no_space", () => {
  const budget = { max: 10, used: 0 };
  const { end } = endpoint(2, [budget]);
  equal(end.offer(envelope(1, 8)), "ok");
  equal(end.offer(envelope(2, 3)), "no_space");
  equal(end.offer(envelope(3, 2)), "ok");
  equal(end.offer(envelope(4, 0)), "queue_full");
  deepEqual(budget, { max: 10, used: 10 });
});

test("Endpoint charges every budget that it has, and takes nothing when one is full", () => {
  const [owner, node] = [{ max: 100, used: 0 }, { max: 5, used: 0 }];
  const { end } = endpoint(8, [owner, node]);
  equal(end.offer(envelope(1, 6)), "no_space");
  deepEqual([owner.used, node.used], [0, 0]);
  equal(end.offer(envelope(2, 5)), "ok");
  deepEqual([owner.used, node.used], [5, 5]);
  end.receive(receiver());
  deepEqual([owner.used, node.used], [0, 0]);
});

test("Endpoint holds its depth times 8 KiB, whatever its owner may", () => {
  const { end } = endpoint(2);
  equal(end.offer(envelope(1, FRAME_LENGTH_MAX + 1)), "ok");
  equal(end.offer(envelope(2, FRAME_LENGTH_MAX)), "no_space");
  equal(end.offer(envelope(3, FRAME_LENGTH_MAX - 1)), "ok");
});

test("Endpoint serves receivers and messages in the order in which they came", () => {
  const { end } = endpoint(4);
  const [first, second] = [receiver(), receiver()];
  end.receive(first);
  end.receive(second);
  for (const number of [1, 2, 3, 4]) equal(end.offer(envelope(number)), "ok");
  deepEqual([first.got, second.got], [[1], [2]]);
  end.receive(second);
  end.receive(second);
  deepEqual(second.got, [2, 3, 4]);
});

test("Endpoint admits senders that wait in order, and lets nobody overtake them", () => {
  const { end } = endpoint(1);
  const [second, third] = [sender(2), sender(3)];
  equal(end.offer(envelope(1)), "ok");
  end.awaitRoom(second);
  end.awaitRoom(third);
  equal(end.offer(envelope(4)), "queue_full");
  const taker = receiver();
  end.receive(taker);
  deepEqual([second.got, third.got], [["ok"], []]);
  equal(end.offer(envelope(5)), "queue_full");
  end.receive(taker);
  end.receive(taker);
  deepEqual(taker.got, [1, 2, 3]);
  deepEqual(third.got, ["ok"]);
});

test("Endpoint lets no short message overtake a long one that waits for bytes", () => {
  const budget = { max: 4, used: 0 };
  const { end } = endpoint(8, [budget]);
  const long = sender(2, 3);
  equal(end.offer(envelope(1, 3)), "ok");
  equal(end.offer(long.envelope), "no_space");
  end.awaitRoom(long);
  equal(end.offer(envelope(3, 1)), "queue_full");
  end.receive(receiver());
  deepEqual(long.got, ["ok"]);
  equal(end.offer(envelope(3, 1)), "ok");
});

test("Endpoint gives a receiver the sender that waits for a budget used elsewhere", () => {
  const budget = { max: 4, used: 4 };
  const { end } = endpoint(1, [budget]);
  const waiting = sender(1, 4);
  equal(end.offer(waiting.envelope), "no_space");
  end.awaitRoom(waiting);
  const taker = receiver();
  end.receive(taker);
  deepEqual([taker.got, waiting.got, budget.used], [[1], ["ok"], 4]);
});

test("Endpoint withdraws a waiter once", () => {
  const { end } = endpoint(1);
  end.offer(envelope(1));
  const waiting = sender(2);
  end.awaitRoom(waiting);
  equal(end.withdrawSender(waiting), true);
  equal(end.withdrawSender(waiting), false);
  const taker = receiver();
  end.receive(taker);
  equal(end.queued, 0);
  end.receive(taker);
  equal(end.withdrawReceiver(taker), true);
  equal(end.withdrawReceiver(taker), false);
  equal(end.offer(envelope(3)), "ok");
  deepEqual(taker.got, [1]);
});

test("Endpoint keeps a message first that its receiver cannot take", () => {
  const { end } = endpoint(4);
  end.offer(envelope(1));
  end.offer(envelope(2));
  const full = receiver();
  full.refuse = true;
  end.receive(full);
  equal(end.queued, 2);
  const taker = receiver();
  end.receive(taker);
  end.receive(taker);
  deepEqual(taker.got, [1, 2]);
});

test("Endpoint forgets a waiting receiver that could not take the message", () => {
  const { end } = endpoint(4);
  const [full, other] = [receiver(), receiver()];
  full.refuse = true;
  end.receive(full);
  equal(end.offer(envelope(1)), "ok");
  equal(end.queued, 1);
  full.refuse = false;
  end.receive(other);
  equal(end.offer(envelope(2)), "ok");
  deepEqual([full.got, other.got, end.queued], [[], [1], 1]);
});

test("Endpoint.close wakes everyone, discards what was queued and frees its bytes", () => {
  const budget = { max: 100, used: 0 };
  const { end, closed } = endpoint(1, [budget]);
  const events: string[] = [];
  end.offer(envelope(1, 5, events));
  const waiting = sender(2);
  end.awaitRoom(waiting);
  end.close();
  end.close();
  deepEqual(events, ["discarded 1"]);
  deepEqual(waiting.got, ["no_such_endpoint"]);
  deepEqual(closed, ["closed"]);
  equal(budget.used, 0);
  equal(end.offer(envelope(3)), "no_such_endpoint");
  const late = receiver();
  end.receive(late);
  deepEqual(late.failed, ["no_such_endpoint"]);
});

test("Endpoint.close tells receivers that wait", () => {
  const { end } = endpoint();
  const [first, second] = [receiver(), receiver()];
  end.receive(first);
  end.receive(second);
  end.close();
  deepEqual([first.failed, second.failed], [["no_such_endpoint"], ["no_such_endpoint"]]);
});

test("Endpoint tells peer_closed after the last send right and the last message", () => {
  const { end } = endpoint();
  end.sendHeld();
  end.sendHeld();
  const waiting = receiver();
  end.receive(waiting);
  end.sendDropped();
  deepEqual(waiting.failed, []);
  end.sendDropped();
  deepEqual(waiting.failed, ["peer_closed"]);
});

test("Endpoint gives what is queued before it says peer_closed", () => {
  const { end } = endpoint();
  end.sendHeld();
  end.offer(envelope(1));
  end.sendDropped();
  const taker = receiver();
  end.receive(taker);
  end.receive(taker);
  deepEqual([taker.got, taker.failed], [[1], ["peer_closed"]]);
});

test("Endpoint without a send right waits for its first one", () => {
  const { end } = endpoint();
  const waiting = receiver();
  end.receive(waiting);
  deepEqual(waiting.failed, []);
  end.sendHeld();
  end.offer(envelope(1));
  deepEqual(waiting.got, [1]);
});
