import { BootError } from "@runtime/boot/isolate.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { linkPair, type NetNode, netNode } from "@tests/fakes/net_node.ts";
import { test } from "@tests/fakes/test.ts";
import { hostTurns } from "@tests/fakes/turns.ts";

const FOREVER = { timeoutMs: 0 };
const NEVER = { timeoutMs: "never" } as const;

interface World {
  readonly left: NetNode;
  readonly right: NetNode;
  stop(): void;
}

async function world(): Promise<World> {
  const host = hostTurns();
  const [one, other] = linkPair(1500);
  const args = (station: number) => ({ address: `10.0.2.${station}/24` });
  const left = await netNode({ host, link: one, station: 15, args: args(15) });
  const right = await netNode({ host, link: other, station: 2, args: args(2) });
  const stop = () => {
    left.stop();
    right.stop();
    host.stop();
  };
  return { left, right, stop };
}

test("netstackd proves its card, its facade and that it serves, in this order", async () => {
  const { left, stop } = await world();
  const own = left.lines.filter((line) => /^net/.test(line));
  deepEqual(own, ["net: virtio-net up", "netstackd: facade up", "netstackd: ready"]);
  stop();
});

test("netstackd fails the boot without entropy and proves no facade", async () => {
  const host = hostTurns();
  const [link] = linkPair(1500);
  const booting = netNode({ host, link, station: 15, args: {}, entropy: false });
  await rejects(
    booting,
    (error) =>
      error instanceof BootError && error.code === "daemon_faulted" && error.task === "netstackd",
  );
  host.stop();
});

test("netstackd fails the boot on a command line it cannot use", async () => {
  const host = hostTurns();
  const [link] = linkPair(1500);
  const booting = netNode({ host, link, station: 15, args: { mtu: "many" } });
  await rejects(booting, BootError);
  host.stop();
});

test("netstackd carries payloads as memory objects from caller to caller", async () => {
  const { left, right, stop } = await world();
  const listening = await left.client.listen({ ip: "0.0.0.0", port: 7401 });
  ok(listening.status === "ok");
  const accepting = left.client.accept({ handle: listening.handle, ...FOREVER }, NEVER);
  const to = { ip: "10.0.2.15", port: 7401 };
  const connected = await right.client.connect({ ...to, ...FOREVER }, NEVER);
  const accepted = await accepting;
  ok(accepted.status === "ok" && connected.status === "ok");
  equal(accepted.ip, "10.0.2.2");
  const payload = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 31) & 0xff);
  const object = right.caller.vmoFrom(payload.slice());
  ok(object.status === "ok");
  const write = { handle: connected.handle, length: 300_000, bytes: new Uint8Array(0) };
  const writing = right.client.write({ ...write, ...FOREVER }, { ...NEVER, move: object.slot });
  const received = new Uint8Array(300_000);
  let objects = 0;
  for (let count = 0; count < received.length;) {
    const min = Math.min(100_000, received.length - count);
    const read = { handle: accepted.handle, min, max: 1 << 20, ...FOREVER };
    const reply = await left.client.read(read, NEVER);
    ok(reply.status === "ok");
    const bytes = reply.move === undefined ? reply.bytes : left.caller.vmoMap(reply.move);
    ok(bytes !== undefined && bytes.length === reply.length);
    received.set(bytes, count);
    count += reply.length;
    if (reply.move !== undefined) objects++;
    if (reply.move !== undefined) left.caller.capClose(reply.move);
  }
  ok(objects > 0, "some of it came as an object");
  deepEqual(received, payload);
  deepEqual(await writing, { status: "ok", written: 300_000 });
  equal(right.caller.vmoMap(object.slot), undefined);
  stop();
});

test("netstackd sends no packet longer than its command line allows", async () => {
  const host = hostTurns();
  const [link, peer] = linkPair(1500);
  const args = { mtu: "600" };
  const node = await netNode({ host, link, station: 15, args });
  const bound = await node.client.udpBind({ ip: "0.0.0.0", port: 9 });
  ok(bound.status === "ok");
  const to = { handle: bound.handle, ip: "10.0.2.2", port: 9 };
  const sent = [572, 573].map((length) =>
    node.client.udpSendTo({ ...to, payload: new Uint8Array(length) })
  );
  const statuses = (await Promise.all(sent)).map(({ status }) => status);
  deepEqual(statuses, ["ok", "too_large"]);
  equal(peer.mtu, 1500);
  node.stop();
  host.stop();
});

/** More than a capability table holds. */
const MESSAGES = 300;

test("netstackd drops a memory object that comes with an operation that takes none", async () => {
  const { left, stop } = await world();
  for (let count = 0; count < MESSAGES; count++) {
    const object = left.caller.vmoCreate(16);
    ok(object.status === "ok");
    const reply = count % 2 === 0
      ? await left.client.localAddr({}, { move: object.slot })
      : await left.client.listen({ ip: "0.0.0.0", port: 0 }, { move: object.slot });
    equal(reply.status, count % 2 === 0 ? "ok" : "malformed");
  }
  deepEqual(left.faults, []);
  stop();
});

test("netstackd answers an echo from another station", async () => {
  const { left, right, stop } = await world();
  equal((await left.client.icmpPing({ ip: "10.0.2.2", timeoutMs: 1000 }, NEVER)).status, "ok");
  equal((await right.client.icmpPing({ ip: "10.0.2.15", timeoutMs: 1000 }, NEVER)).status, "ok");
  stop();
});
