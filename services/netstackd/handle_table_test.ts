import { deepEqual, equal } from "@tests/fakes/assert.ts";
import { netPair } from "@tests/fakes/net_pair.ts";
import { test } from "@tests/fakes/test.ts";
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
});

test("HandleTable knows a kind from another", async () => {
  const net = netPair();
  const handle = await bind(net, 10);
  const client = net.v2();
  deepEqual(await client.accept({ handle, timeoutMs: 0 }), { status: "not_found" });
  deepEqual(await client.read({ handle, min: 1, max: 1, timeoutMs: 0 }), { status: "not_found" });
});
