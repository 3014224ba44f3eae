import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { test } from "@tests/fakes/test.ts";
import type { Ask } from "@runtime/idl/policy.ts";
import type { samgrdCapnp } from "../samgrd/protocol.ts";
import type { Client } from "@runtime/idl/client.ts";
import { createServicesChannel, PING_DECISION_MS } from "./channel_services.ts";

const PEER = "a".repeat(64);
/** "push" and three bytes. */
const REQUEST = [0x70, 0x75, 0x73, 0x68, 1, 2, 3];
/** "pong" */
const REPLY = [0x70, 0x6f, 0x6e, 0x67];

function channel(allowed: () => boolean) {
  const asked: Ask[] = [];
  const clock = manualClock();
  const samgr = {} as Client<typeof samgrdCapnp>; // never called by a push
  const gate = (ask: Ask) => {
    asked.push(ask);
    return Promise.resolve(allowed());
  };
  return { serve: createServicesChannel({ gate, samgr, clock }, PEER), asked, clock };
}

test("a push is answered by a pong without its payload, judged as a ping of its peer", async () => {
  const { serve, asked } = channel(() => true);
  deepEqual([...await serve(Uint8Array.from(REQUEST))], REPLY);
  equal(asked.length, 1);
  equal(asked[0]?.subject, `peer:${PEER}`);
  equal(asked[0]?.capability, "dsoftbus.ping");
  deepEqual([...await serve(Uint8Array.from(REQUEST))], REPLY);
  equal(asked.length, 1, "the decision is still fresh");
});

test("a push is denied once policy says no, and the decision does not outlive its time", async () => {
  let allowed = true;
  const { serve, clock } = channel(() => allowed);
  await serve(Uint8Array.from(REQUEST));
  allowed = false;
  clock.advanceMs(PING_DECISION_MS);
  const denied = await serve(Uint8Array.from(REQUEST));
  equal(denied[0], 0x80);
  equal(denied.length, 2);
});
