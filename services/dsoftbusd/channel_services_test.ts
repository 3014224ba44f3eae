import { fromHex } from "@runtime/core/hex.ts";
import { createClient } from "@runtime/idl/client.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { encodeCapnpRequest } from "@runtime/idl/capnp_frame.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { manualClock } from "@tests/fakes/clock.ts";
import { directClient, watchedGate } from "@tests/fakes/direct.ts";
import { test } from "@tests/fakes/test.ts";
import { samgrdCapnp } from "../samgrd/protocol.ts";
import { createServicesChannel, resolveReply, resolveRequest } from "./channel_services.ts";

const PEER = "a".repeat(64);
const SUBJECT = `peer:${PEER}`;
const DENIED = samgrdCapnp.status.denied;
const UNSUPPORTED = samgrdCapnp.status.unsupported;
const MALFORMED = samgrdCapnp.status.malformed;

function channel(allowed: Parameters<typeof watchedGate>[0] = true) {
  const reached: string[] = [];
  const told = (name: string) => {
    reached.push(name);
    return { status: "unsupported" } as const;
  };
  const handlers: Handlers<typeof samgrdCapnp> = {
    register: () => told("register"),
    resolve({ name }) {
      reached.push(name);
      return { status: "ok", found: name === "logd", endpoint: name === "logd" ? 3 : 0 };
    },
    heartbeat: () => told("heartbeat"),
  };
  const clock = manualClock();
  const { gate, asks } = watchedGate(allowed);
  const samgr = directClient(samgrdCapnp, handlers);
  const serve = createServicesChannel({ gate, samgr, clock }, PEER);
  return { reached, asks, clock, serve: async (hex: string) => await serve(fromHex(hex)) };
}

const PING = "70696e67";
const PONG = "706f6e67";

test("a ping brings its payload back, by decision and by memory of the decision", async () => {
  const { serve, asks } = channel();
  for (let times = 0; times < 3; times++) {
    deepEqual(await serve(`${PING}0102`), fromHex(`${PONG}0102`));
    deepEqual(await serve(PING), fromHex(PONG));
  }
  deepEqual(asks, [
    { subject: SUBJECT, capability: "dsoftbus.ping", operation: "session.ping", target: "" },
  ]);
});

test("a denied ping is refused each time, and each time decided anew", async () => {
  const { serve, asks } = channel(false);
  for (let times = 0; times < 3; times++) {
    deepEqual(await serve(`${PING}0102`), Uint8Array.of(0x80, DENIED));
  }
  equal(asks.length, 3);
});

test("a peer's resolve reaches samgrd once policy allows it", async () => {
  const { serve, reached, asks } = channel();
  const hex = (name: string) =>
    [...resolveRequest(name)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  deepEqual(resolveReply(await serve(hex("logd"))), { status: "ok", found: true, endpoint: 3 });
  deepEqual(resolveReply(await serve(hex("none"))), { status: "ok", found: false, endpoint: 0 });
  deepEqual(reached, ["logd", "none"]);
  deepEqual(asks[0], {
    subject: SUBJECT,
    capability: "samgr.resolve",
    operation: "samgrd.resolve",
    target: "logd",
  });
});

test("what a peer may not do never reaches samgrd, allowed or not", async () => {
  const register = encodeCapnpRequest(samgrdCapnp, {
    opName: "register",
    values: { name: "evil", endpoint: 7 },
  });
  for (const [allowed, status] of [[true, UNSUPPORTED], [false, DENIED]] as const) {
    const { reached, asks } = channel(allowed);
    const clock = manualClock();
    const { gate } = watchedGate(allowed);
    const samgr = directClient(samgrdCapnp, {
      register: () => ({ status: "ok", ok: true }),
      resolve: () => ({ status: "ok", found: true, endpoint: 1 }),
      heartbeat: () => ({ status: "unsupported" }),
    });
    const serve = createServicesChannel({ gate, samgr, clock }, PEER);
    deepEqual(await serve(register), Uint8Array.of(0x81, status));
    deepEqual([reached, asks], [[], []]);
  }
});

test("requests that are none are refused by name, asking nobody", async () => {
  const { serve, asks, reached } = channel();
  deepEqual(await serve("09"), Uint8Array.of(0x89, UNSUPPORTED));
  deepEqual(await serve("02ff"), Uint8Array.of(0x82, MALFORMED));
  deepEqual(await serve(""), Uint8Array.of(0x80, MALFORMED));
  deepEqual([asks, reached], [[], []]);
});

test("a samgrd that is gone leaves a refusal, not a fault", async () => {
  const samgr = createClient(samgrdCapnp, { exchange: () => Promise.resolve({ status: "gone" }) });
  const { gate } = watchedGate(true);
  const serve = createServicesChannel({ gate, samgr, clock: manualClock() }, PEER);
  deepEqual(await serve(resolveRequest("logd")), Uint8Array.of(0x82, UNSUPPORTED));
});

test("resolveReply takes refusals by name, and nothing that is no reply", () => {
  equal(resolveReply(Uint8Array.of(0x82, DENIED))?.status, "denied");
  for (const bad of ["", "03", "82", "8200", "82ff", "820f00", "02ff", "706f6e67"]) {
    equal(resolveReply(fromHex(bad)), undefined, bad);
  }
});
