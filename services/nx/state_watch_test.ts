import { FileFailure } from "@runtime/core/program_ports.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { encodeReply } from "@runtime/idl/packed_frame.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal, rejects } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directChannel } from "@tests/fakes/direct.ts";
import { controllerOf, settled } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { CONTROL_PRINCIPAL, controld } from "../controld/protocol.ts";
import type { Witness } from "../statefsd/client/state_witness.ts";
import { statefsd } from "../statefsd/protocol.ts";
import { NOTE_INTERVAL_MS, StateWatch } from "./state_watch.ts";

const DEVICE = "ab".repeat(32);
const GONE: RawChannel = { exchange: () => Promise.resolve({ status: "gone" }) };

/** A node whose store is at the sequence that a test says, and what is noted of it. */
function watched() {
  const clock = manualClock();
  const noted: Witness[] = [];
  const node = {
    sequence: 1n,
    state: true,
    control: true,
    /** Thrown by the next note. */
    failure: undefined as Error | undefined,
  };
  const handlers = controllerOf({ deviceId: DEVICE });
  const control = directChannel([bind(controld, handlers)], { sender: CONTROL_PRINCIPAL });
  const connected: string[] = [];
  const held = {
    note(seen: Witness) {
      if (node.failure !== undefined) throw node.failure;
      noted.push(seen);
    },
  };
  const watch = new StateWatch({ clock, turns: clock }, held, {
    connect(principal, { name }) {
      connected.push(`${principal} ${name}`);
      if (name === "statefsd") return stateOf(node);
      return { exchange: (ask) => (node.control ? control : GONE).exchange(ask) };
    },
  });
  return { clock, connected, node, noted, watch };
}

/** A statefsd that answers STATS, or is gone. */
function stateOf(node: { readonly sequence: bigint; readonly state: boolean }): RawChannel {
  const counted = { persists: 1, failed: 0, keys: 0, generation: 1 };
  const bytes = { liveBytes: 0n, logBytes: 0n, capacity: 0n };
  return {
    exchange(asked) {
      if (!node.state) return GONE.exchange(asked);
      const values = { ...counted, ...bytes, sequence: node.sequence };
      const reply = { opName: "stats", nonce: asked.nonce, status: "ok", values };
      const frame = encodeReply(statefsd, reply);
      return Promise.resolve({ status: "ok", frame, moved: undefined });
    },
  };
}

test("StateWatch notes at the start, at each interval and at the end", async () => {
  const { clock, connected, node, noted, watch } = watched();
  deepEqual(connected, [`${CONTROL_PRINCIPAL} statefsd`, `${CONTROL_PRINCIPAL} controld`]);
  await watch.begin();
  deepEqual(noted, [{ sequence: 1n, deviceId: DEVICE }]);
  for (const sequence of [5n, 9n]) {
    node.sequence = sequence;
    clock.advanceMs(NOTE_INTERVAL_MS - 1);
    await settled();
    equal(noted.at(-1)?.sequence === sequence, false, "too early");
    clock.advanceMs(1);
    await settled();
    deepEqual(noted.at(-1), { sequence, deviceId: DEVICE });
  }
  node.sequence = 12n;
  await watch.end();
  deepEqual(noted.map(({ sequence }) => sequence), [1n, 5n, 9n, 12n]);
  equal(clock.nextNs(), undefined);
});

test("StateWatch notes what it knows, and nothing of a statefsd that does not answer", async () => {
  const { clock, node, noted, watch } = watched();
  node.state = false;
  await watch.begin();
  deepEqual(noted, []);
  [node.state, node.control] = [true, false];
  clock.advanceMs(NOTE_INTERVAL_MS);
  await settled();
  deepEqual(noted, [{ sequence: 1n, deviceId: undefined }]);
  node.control = true;
  clock.advanceMs(NOTE_INTERVAL_MS);
  await settled();
  deepEqual(noted.at(-1), { sequence: 1n, deviceId: DEVICE });
  await watch.end();
});

test("StateWatch goes on when the host cannot write, but not at the start and with no bug", async () => {
  const { clock, node, noted, watch } = watched();
  node.failure = new FileFailure("no_space", "/s/state.seen");
  await rejects(watch.begin(), FileFailure);
  node.failure = undefined;
  await watch.begin();
  node.failure = new FileFailure("no_space", "/s/state.seen");
  clock.advanceMs(NOTE_INTERVAL_MS);
  await settled();
  equal(noted.length, 1);
  node.failure = undefined;
  clock.advanceMs(NOTE_INTERVAL_MS);
  await settled();
  equal(noted.length, 2);
  node.failure = new FileFailure("failed", "/s/state.seen");
  await watch.end();
  node.failure = new TypeError("a bug");
  await rejects(watch.end(), TypeError);
});

test("StateWatch that ended in the midst of a note begins no other", async () => {
  const { clock, noted, watch } = watched();
  await watch.begin();
  clock.advanceMs(NOTE_INTERVAL_MS);
  await watch.end();
  await settled();
  deepEqual([noted.length, clock.nextNs()], [3, undefined]);
});
