import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import { encodeReply, parseReply } from "../idl/packed_frame.ts";
import type { Isolate, TaskStats } from "./isolate.ts";
import { newsOf } from "./news.ts";
import { Overview } from "./overview.ts";
import { FAULT_LENGTH_MAX, initTasks, QUEUES_PER_TASK_MAX, TASKS_MAX } from "./protocol.ts";

/** An overview of as many daemons as a node has at most, each of which tells what it likes. */
function overview(stats: Omit<TaskStats, "task">, fault?: string) {
  const daemons = Array.from({ length: TASKS_MAX }, (_, index) => ({
    name: `daemon-${index}`,
    isolate: `isolate-${index}`,
  }));
  const shown = new Overview({
    clock: manualClock(),
    sleepUntil: () => new Promise(() => {}),
    isolates: () =>
      daemons.map(({ name: task, isolate: name }) => {
        const ping = () => {
          const news = newsOf(["alive", { memoryBytes: 0, tasks: [{ task, ...stats }] }]);
          if (news?.[0] === "alive") shown.heard(name, news[1]);
        };
        return { name, ping } as Isolate;
      }),
    daemons: () => daemons,
    of: () => ({ state: "serving", restarts: 0, fault, degraded: undefined }),
    about: () => ({ placement: "all", inspector: "" }),
  });
  return shown;
}

const STATS = { frames: 0, busyNs: 0, ageNs: 0, queues: [] };
const NO_RIGHTS = { send: 0, receive: 0, vmo: 0, mmio: 0 };

/** What whoever asked reads of a look. */
async function told(shown: Overview) {
  const { status, ...values } = await shown.look();
  const reply = encodeReply(initTasks, { opName: "tasks", nonce: 1n, status, values });
  const parsed = parseReply(initTasks, "tasks", reply);
  equal(parsed.status, "ok");
  return values;
}

test("Overview tells the largest figures and the most queues that any isolate may name", async () => {
  const most = 0xffff;
  const queue = { endpoint: "e".repeat(32), waiting: most, depth: most };
  const large = Number.MAX_SAFE_INTEGER;
  const { tasks, queues } = await told(overview({
    ...{ frames: large, busyNs: large, ageNs: 0.5 },
    queues: new Array(64).fill(queue),
    rights: { send: most, receive: most, vmo: most, mmio: most },
  }));
  equal(tasks[0]?.frames, BigInt(large));
  equal(queues.length, TASKS_MAX * QUEUES_PER_TASK_MAX);
  deepEqual(queues.at(-1), { task: TASKS_MAX - 1, ...queue });
});

test("Overview tells the front of a fault's name, whatever a daemon calls what it throws", async () => {
  for (const character of ["x", "\u00e4", "\u{1f600}", "\ud800", "\0"]) {
    const { tasks } = await told(overview({ ...STATS, rights: NO_RIGHTS }, character.repeat(200)));
    const bytes = new TextEncoder().encode(tasks[0]?.fault).length;
    equal(bytes <= FAULT_LENGTH_MAX && bytes > FAULT_LENGTH_MAX - 4, true, character);
  }
});
