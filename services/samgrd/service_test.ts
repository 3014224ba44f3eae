import { fnv1a64 } from "@runtime/core/fnv.ts";
import { bind } from "@runtime/idl/server.ts";
import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { directClient, directFrames, watchedGate } from "@tests/fakes/direct.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { samgrd, samgrdCapnp } from "./protocol.ts";
import { ENTRIES_MAX, ENTRIES_PER_OWNER_MAX, Registry } from "./registry.ts";
import { createSamgrd } from "./service.ts";

const BOOT = "nexus-init";
const golden = goldenFrames("samgrd");

function registryOf() {
  const registry = new Registry(fnv1a64(BOOT));
  const handlers = createSamgrd(registry);
  return {
    handlers,
    registry,
    as: (sender: string) => directClient(samgrd, handlers.samgrd, { sender }),
    capnpAs: (sender: string) => directClient(samgrdCapnp, handlers.capnp, { sender }),
  };
}

const NOT_FOUND = { status: "not_found" };

test("samgrd finds what the caller registered and moves it when it registers again", async () => {
  const client = registryOf().as("vfsd");
  deepEqual(await client.lookup({ name: "vfsd" }), NOT_FOUND);
  deepEqual(await client.register({ name: "vfsd", send: 5, receive: 6 }), {
    status: "ok",
    send: 0,
    receive: 0,
  });
  deepEqual(await client.lookup({ name: "vfsd" }), { status: "ok", send: 5, receive: 6 });
  await client.register({ name: "vfsd", send: 7, receive: 8 });
  deepEqual(await client.lookup({ name: "vfsd" }), { status: "ok", send: 7, receive: 8 });
});

test("samgrd keeps one caller's names from another and shows the boot's to all", async () => {
  const { as } = registryOf();
  await as("impostor").register({ name: "keystored", send: 66, receive: 66 });
  deepEqual(await as("vfsd").lookup({ name: "keystored" }), NOT_FOUND);
  await as(BOOT).register({ name: "keystored", send: 4, receive: 0 });
  deepEqual(await as("vfsd").lookup({ name: "keystored" }), { status: "ok", send: 4, receive: 0 });
  const own = await as("impostor").lookup({ name: "keystored" });
  deepEqual(own, { status: "ok", send: 66, receive: 66 });
});

test("samgrd's RESOLVE_STATUS tells that a name is known in any scope, and no place", async () => {
  const { as } = registryOf();
  deepEqual(await as("vfsd").resolveStatus({ name: "private" }), NOT_FOUND);
  await as("other").register({ name: "private", send: 5, receive: 6 });
  const known = { status: "ok", send: 0, receive: 0 };
  deepEqual(await as("vfsd").resolveStatus({ name: "private" }), known);
});

test("samgrd bounds what one caller and what all together register", async () => {
  const { as } = registryOf();
  const register = (owner: number, index: number) =>
    as(`owner${owner}`).register({ name: `name${index}`, send: index, receive: 0 });
  for (let index = 0; index < ENTRIES_PER_OWNER_MAX; index++) await register(0, index);
  deepEqual(await register(0, ENTRIES_PER_OWNER_MAX), { status: "over_limit" });
  equal((await register(0, 3)).status, "ok");
  const owners = ENTRIES_MAX / ENTRIES_PER_OWNER_MAX;
  for (let owner = 1; owner < owners; owner++) {
    for (let index = 0; index < ENTRIES_PER_OWNER_MAX; index++) await register(owner, index);
  }
  deepEqual(await register(owners, 0), { status: "over_limit" });
});

test("samgrd tells a caller the service id that the kernel stamped", async () => {
  const reply = await registryOf().as("selftest-client").senderServiceId({});
  deepEqual(reply, { status: "ok", sid: 0x52c6c4a34ffb3f69n });
});

test("samgrd answers a ping with PONG", async () => {
  const reply = await registryOf().as("vfsd").ping({});
  deepEqual(reply, { status: "ok", pong: new TextEncoder().encode("PONG") });
});

test("samgrd refuses malformed frames, unknown operations and other versions as upstream", async () => {
  const exchange = directFrames([bind(samgrd, registryOf().handlers.samgrd)]);
  const lookup = golden("lookup");
  const zeros = [0, 0, 0, 0, 0, 0, 0, 0];
  deepEqual(await exchange(lookup.subarray(0, 6)), golden("lookup malformed"));
  const unnamed = Uint8Array.of(0x53, 0x4d, 1, 2, 0);
  deepEqual(await exchange(unnamed), golden("lookup malformed"));
  const unknown = Uint8Array.of(0x53, 0x4d, 1, 0x7e);
  deepEqual(await exchange(unknown), Uint8Array.of(0x53, 0x4d, 1, 0xfe, 3));
  const version = lookup.slice();
  version[2] = 9;
  deepEqual(await exchange(version), Uint8Array.of(0x53, 0x4d, 1, 0x82, 3, ...zeros));
  const pid = Uint8Array.of(0x53, 0x4d, 1, 4, 0, 0, 0, 0);
  deepEqual(await exchange(pid), Uint8Array.of(0x53, 0x4d, 1, 0x84, 3));
});

test("samgrd asks policy before it registers or tells, and names what it is about", async () => {
  const { handlers, as } = registryOf();
  await as(BOOT).register({ name: "keystored", send: 4, receive: 0 });
  const { gate, asks } = watchedGate(false);
  const client = directClient(samgrd, handlers.samgrd, { gate, sender: "vfsd" });
  deepEqual(await client.register({ name: "a", send: 1, receive: 1 }), { status: "denied" });
  deepEqual(await client.lookup({ name: "keystored" }), { status: "denied" });
  deepEqual(asks, [
    { subject: "vfsd", capability: "samgr.register", operation: "samgrd.register", target: "a" },
    {
      subject: "vfsd",
      capability: "samgr.resolve",
      operation: "samgrd.lookup",
      target: "keystored",
    },
  ]);
  deepEqual(await as("vfsd").lookup({ name: "a" }), NOT_FOUND);
});

test("samgrd's Cap'n Proto plane works on the same registry", async () => {
  const { as, capnpAs } = registryOf();
  await as(BOOT).register({ name: "keystored", send: 4, receive: 0 });
  const peer = capnpAs("dsoftbusd");
  const found = { status: "ok", endpoint: 4, found: true };
  deepEqual(await peer.resolve({ name: "keystored" }), found);
  const missing = { status: "ok", endpoint: 0, found: false };
  deepEqual(await peer.resolve({ name: "nothing" }), missing);
  deepEqual(await peer.resolve({ name: "" }), missing);
  deepEqual(await peer.register({ name: "mine", endpoint: 9 }), { status: "ok", ok: true });
  deepEqual(await as("dsoftbusd").lookup({ name: "mine" }), { status: "ok", send: 9, receive: 0 });
  deepEqual(await peer.register({ name: "", endpoint: 9 }), { status: "ok", ok: false });
});

test("samgrd's heartbeat is for endpoints that the caller registered", async () => {
  const { capnpAs } = registryOf();
  await capnpAs("vfsd").register({ name: "vfsd", endpoint: 9 });
  deepEqual(await capnpAs("vfsd").heartbeat({ endpoint: 9 }), { status: "ok", endpoint: 9 });
  deepEqual(await capnpAs("other").heartbeat({ endpoint: 9 }), NOT_FOUND);
  deepEqual(await capnpAs("vfsd").heartbeat({ endpoint: 8 }), NOT_FOUND);
});

test("samgrd drops what a principal registered that has ended, and nothing of others", async () => {
  const { as, registry } = registryOf();
  const place = { send: 5, receive: 6 };
  for (let index = 0; index < ENTRIES_PER_OWNER_MAX; index++) {
    await as("vfsd").register({ name: `n${index}`, ...place });
  }
  await as("execd").register({ name: "n1", ...place });
  registry.drop(fnv1a64("vfsd"));
  deepEqual(await as("vfsd").lookup({ name: "n0" }), NOT_FOUND);
  deepEqual(await as("execd").lookup({ name: "n1" }), { status: "ok", ...place });
  equal((await as("tester").resolveStatus({ name: "n0" })).status, "not_found");
  equal((await as("tester").resolveStatus({ name: "n1" })).status, "ok");
  equal((await as("vfsd").register({ name: "again", ...place })).status, "ok");
});
