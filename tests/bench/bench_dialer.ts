/** dsoftbusd with a way to dial and to push again and again, for the session benchmark. */

import type { AnyComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { HANDSHAKE_TIMEOUT_MS } from "@services/dsoftbusd/bus.ts";
import { localIdentity } from "@services/dsoftbusd/custody.ts";
import { EntropyPool } from "@services/rngd/client/entropy_pool.ts";
import { type Authenticated, initiate } from "@services/dsoftbusd/handshake.ts";
import dsoftbusd from "@services/dsoftbusd/mod.ts";
import { openNetwork } from "@services/dsoftbusd/network.ts";
import { RecordStream } from "@services/dsoftbusd/record_stream.ts";
import { PUSH } from "@services/dsoftbusd/channel_services.ts";
import { Session } from "@services/dsoftbusd/session.ts";
import type { Exchange } from "./measure.ts";

/** A port of the machine that the dialling network may have: nobody dials it. */
const UNUSED_PORT = 34_568;

type Given = Parameters<typeof dsoftbusd.create>[0];

/** Whom to dial. */
export interface BenchTarget {
  readonly address: number;
  readonly port: number;
  readonly deviceId: string;
  readonly noiseStatic: Uint8Array;
}

/** Makes what dials a target, with the ports that dsoftbusd has itself. */
export type BenchDialer = (target: BenchTarget) => Promise<{
  /** Connects, authenticates as dsoftbusd's own dials do, and closes. */
  dial(): Promise<void>;
  /** Sends pushes over a session of its own. */
  push(exchange: Exchange): Promise<void>;
}>;

/** The component, which hands `made` its dialer when it is up. */
export function dialingDsoftbusd(made: (dialer: BenchDialer) => void): AnyComponent {
  return {
    ...dsoftbusd,
    async create(given: Given) {
      const behaviour = await dsoftbusd.create(given);
      made((target) => dialerOf(given, target));
      return behaviour;
    },
  };
}

async function dialerOf(given: Given, target: BenchTarget): ReturnType<BenchDialer> {
  const { call, clock, prove, syscalls } = given;
  const entropy = new EntropyPool(call.rngd);
  const local = await localIdentity(call.keystored);
  const network = await openNetwork(call.netstackd, syscalls, UNUSED_PORT);
  assert(local !== undefined && !("failed" in network), "the node is up");
  const bound = (id: string) => prove("bound", { id });
  const ports = { keys: call.keystored, identity: call.identityd, entropy, local, bound };
  const authenticated = async (): Promise<Authenticated & { records: RecordStream }> => {
    const { address, port, noiseStatic, deviceId } = target;
    const stream = await network.connect({ address, port, timeoutMs: HANDSHAKE_TIMEOUT_MS });
    assert(typeof stream === "object", "the server is there");
    const records = new RecordStream(stream, clock);
    const deadlineNs = clock.nowNs() + HANDSHAKE_TIMEOUT_MS * 1e6;
    const expected = { noiseStatic, deviceId };
    return { ...await initiate(records, ports, { expected, deadlineNs }), records };
  };
  return {
    async dial() {
      const { records, transport } = await authenticated();
      transport.wipe();
      await records.stream.close();
    },
    async push({ count, size, window }) {
      const session = new Session({
        ...await authenticated(),
        role: "initiator",
        clock,
        serve: () => new Uint8Array(0),
        announced: async () => {},
      });
      session.run();
      const request = new Uint8Array(PUSH.length + size);
      request.set(PUSH);
      const inFlight: Promise<unknown>[] = [];
      for (let sent = 0; sent < count; sent++) {
        inFlight.push(session.request(request));
        if (inFlight.length === window) assert(await inFlight.shift() instanceof Uint8Array, "ok");
      }
      for (const reply of inFlight) assert(await reply instanceof Uint8Array, "a push is taken");
      session.end("local_close");
    },
  };
}
