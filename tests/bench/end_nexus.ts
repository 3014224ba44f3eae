/**
 * One end of this project for the session benchmark: a whole node, its machine and its gateway.
 *
 * @module
 */

import { ANY_PEER } from "@services/dsoftbusd/protocol.ts";
import { controld } from "@services/controld/protocol.ts";
import { createClient } from "@runtime/idl/client.ts";
import { assert } from "@runtime/core/assert.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { type BenchDialer, dialingDsoftbusd } from "./bench_dialer.ts";
import { benchIsolation, benchNode } from "./bench_node.ts";
import {
  type Contender,
  type Exchange,
  type Job,
  measure,
  tell,
  untilParentEnds,
} from "./measure.ts";

const FOREVER = { timeoutMs: "never" } as const;
/** Pings of one call at most. */
const CALL_COUNT_MAX = 50_000;

async function serve(): Promise<void> {
  const { node, port } = await benchNode();
  const bus = createClient(controld, node.connect("host-control", controld));
  const identity = await bus.identity({});
  assert(identity.status === "ok", "the node knows itself");
  tell({ port: `${port},${identity.deviceId},${toHex(identity.noiseStatic)}` });
}

async function contender(server: string): Promise<Contender> {
  const [port, deviceId, noiseStatic] = server.split(",");
  let dialer: BenchDialer | undefined;
  // A daemon of the benchmark's own can only live beside the boot.
  const inline = benchIsolation() === "inline";
  const instead = inline ? dialingDsoftbusd((made) => dialer = made) : undefined;
  const { node, gateway } = await benchNode(instead && { instead });
  const address = gateway.guestAddressOf("127.0.0.1");
  assert(address !== undefined && (dialer !== undefined || !inline), "the node is up");
  const at = { address, port: Number(port) };
  const { dial, push } = await dialer?.({
    ...at,
    deviceId: deviceId ?? "",
    noiseStatic: fromHex(noiseStatic ?? ""),
  }) ?? NO_DIALER;
  const bus = createClient(controld, node.connect("host-control", controld));
  const connect = async () => {
    const request = { ...at, deviceId: "", noiseStatic: new Uint8Array(0), timeoutMs: 10_000 };
    const reply = await bus.connect(request, FOREVER);
    assert(reply.status === "ok", "the nodes are joined");
  };
  let joined = false;
  return {
    dial,
    async echo({ count, size, window }) {
      if (!joined) await connect();
      joined = true;
      for (let left = count; left > 0; left -= CALL_COUNT_MAX) {
        const once = Math.min(left, CALL_COUNT_MAX);
        const ping = { peer: ANY_PEER, count: once, size, window, timeoutMs: 60_000 };
        const reply = await bus.ping(ping, FOREVER);
        assert(reply.status === "ok" && reply.count === once, "every ping comes back");
      }
    },
    oneWay: (exchange: Exchange) => push(exchange),
  };
}

const NO_DIALER = {
  dial: () => Promise.reject(new TypeError("dials are measured inline")),
  push: () => Promise.reject(new TypeError("one way is measured inline")),
};

if (import.meta.main) {
  const [job, server] = Deno.args;
  if (job === "serve") {
    await serve();
    untilParentEnds();
  } else if (job === "start") {
    await benchNode({ line: (text) => text.includes("init: ready") && tell({ value: 1 }) });
    untilParentEnds();
  } else {
    tell({ value: await measure(await contender(server ?? ""), job as Job) });
    Deno.exit(0);
  }
}
