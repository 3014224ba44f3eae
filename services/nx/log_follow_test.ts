import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { LogFollower, POLL_PAGES_MAX } from "./log_follow.ts";
import type { AskPage, LogRecord } from "./log_pages.ts";

/** A ring of which a test says what it holds; each page holds two records. */
function ring() {
  let total = 0n;
  let held: LogRecord[] = [];
  let asked = 0;
  const ask: AskPage = ({ afterId }) => {
    asked += 1;
    const records = held.filter(({ recordId }) => recordId > afterId).slice(0, 2);
    const lastId = records.at(-1)?.recordId ?? afterId;
    return Promise.resolve({ status: "ok", total, dropped: 0n, lastId, nowNs: 0n, records });
  };
  const say = (count: number) => {
    for (let left = count; left > 0; left--) {
      total += 1n;
      const texts = { sender: "rngd", scope: "", message: "", fields: "" };
      held.push({ recordId: total, timestampNs: total, level: 2, sid: 1n, ...texts });
    }
  };
  const lose = (...ids: readonly bigint[]) => {
    held = held.filter(({ recordId }) => !ids.includes(recordId));
  };
  const restart = () => [total, held] = [0n, []];
  return { ask, say, lose, restart, asked: () => asked };
}

/** A follower, and what it said. @param heard How much of it is heard. */
function following(ask: AskPage, afterId: bigint, heard = Infinity) {
  const told: (bigint | string)[] = [];
  const tell = (what: bigint | string) => told.push(what) < heard;
  const follower = new LogFollower(
    {
      ask,
      record: ({ recordId }) => tell(recordId),
      lost: (count) => tell(`lost ${count}`),
      restarted: () => tell("restarted"),
    },
    0,
    afterId,
  );
  return { follower, told };
}

test("LogFollower tells every record once, in order, over many pages and polls", async () => {
  const { ask, say } = ring();
  say(5);
  const { follower, told } = following(ask, 2n);
  equal(await follower.poll(), true);
  deepEqual(told, [3n, 4n, 5n]);
  equal(await follower.poll(), true);
  say(1);
  equal(await follower.poll(), true);
  deepEqual(told, [3n, 4n, 5n, 6n]);
});

test("LogFollower says how many were lost, where they were lost", async () => {
  const { ask, say, lose } = ring();
  say(7);
  lose(1n, 2n, 5n);
  const { follower, told } = following(ask, 0n);
  await follower.poll();
  deepEqual(told, ["lost 2", 3n, 4n, "lost 1", 6n, 7n]);
});

test("LogFollower ends a poll where the ring ended when it began", async () => {
  const { ask, say, asked } = ring();
  say(4);
  // Each question is a record itself, as in the audit ring.
  const { follower, told } = following((request) => {
    const page = ask(request);
    say(1);
    return page;
  }, 0n);
  await follower.poll();
  deepEqual([told, asked()], [[1n, 2n, 3n, 4n], 2]);
});

test("LogFollower begins anew with a ring that did", async () => {
  const { ask, say, restart } = ring();
  say(5);
  const { follower, told } = following(ask, 5n);
  restart();
  say(2);
  await follower.poll();
  deepEqual(told, ["restarted", 1n, 2n]);
});

test("LogFollower stops as soon as nobody hears it, whatever it says", async () => {
  const { ask, say, lose } = ring();
  say(4);
  lose(1n);
  for (const heard of [1, 2, 3]) {
    const { follower, told } = following(ask, 0n, heard);
    equal(await follower.poll(), false);
    deepEqual(told, ["lost 1", 2n, 3n].slice(0, heard));
  }
  const { follower, told } = following(ask, 9n, 1);
  equal(await follower.poll(), false);
  deepEqual(told, ["restarted"]);
});

test("LogFollower asks for so many pages and no more in one poll", async () => {
  let asked = 0;
  const { follower } = following(({ afterId }) => {
    asked += 1;
    const lastId = afterId + 1n;
    const counted = { total: 1_000_000n, dropped: 0n, nowNs: 0n };
    return Promise.resolve({ status: "ok", ...counted, lastId, records: [recordOf(lastId)] });
  }, 0n);
  equal(await follower.poll(), true);
  equal(asked, POLL_PAGES_MAX);
});

function recordOf(recordId: bigint): LogRecord {
  const texts = { sender: "rngd", scope: "", message: "", fields: "" };
  return { recordId, timestampNs: recordId, level: 2, sid: 1n, ...texts };
}

test("LogFollower passes over a record that it told already", async () => {
  const { follower, told } = following(() => {
    const counted = { total: 3n, dropped: 0n, lastId: 3n, nowNs: 0n };
    return Promise.resolve({ status: "ok", ...counted, records: [recordOf(2n), recordOf(3n)] });
  }, 2n);
  await follower.poll();
  deepEqual(told, [3n]);
});
