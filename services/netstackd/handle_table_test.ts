import { fnv1a64 } from "@runtime/core/fnv.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { netPair, PEER_IP } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
import { HandleTable } from "./handle_table.ts";
import { ANY_IPV4 } from "./protocol.ts";

async function bind(net: ReturnType<typeof netPair>, port: number): Promise<number> {
  const reply = await net.v2().udpBind({ ip: ANY_IPV4, port });
  return reply.status === "ok" ? reply.handle : -1;
}

test("HandleTable does not give a number again after it was let go of", async () => {
  const net = netPair();
  const seen: number[] = [];
  for (let round = 0; round < 5; round++) {
    const handle = await bind(net, 10);
    seen.push(handle);
    await net.v2().close({ handle });
  }
  deepEqual(seen, [1, 2, 3, 4, 5]);
});

test("HandleTable wraps past zero and past numbers in use", async () => {
  const net = netPair({ handleBefore: 0 });
  equal(await bind(net, 10), 1);
  const late = netPair({ handleBefore: 0xffff_fffe });
  deepEqual([await bind(late, 10), await bind(late, 11)], [0xffff_ffff, 1]);
  const first = net.sockets.table.any(1, fnv1a64("tester"));
  ok(first !== undefined);
  const table = new HandleTable(0xffff_fffe);
  table.add(first);
  deepEqual([table.nextHandle(), table.nextHandle()], [0xffff_ffff, 2]);
});

test("HandleTable knows a kind from another", async () => {
  const net = netPair();
  const handle = await bind(net, 10);
  const client = net.v2();
  deepEqual(await client.accept({ handle, timeoutMs: 0 }), { status: "not_found" });
  deepEqual(await client.read({ handle, min: 1, max: 1, timeoutMs: 0 }), { status: "not_found" });
  const stream = net.sockets.connect(fnv1a64("tester"), { ip: PEER_IP, port: 1 });
  ok(typeof stream !== "string");
  const absent = await client.udpRecvFrom({ handle: stream.handle, timeoutMs: 0 });
  deepEqual(absent, { status: "not_found" });
  await net.settle();
});
