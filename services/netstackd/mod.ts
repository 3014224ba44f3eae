import { openVirtioNet } from "@hw/driver/virtio_net.ts";
import { createStack } from "@net/stack/stack.ts";
import { formatIpv4 } from "@net/wire/ipv4.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { rngd } from "../rngd/protocol.ts";
import { networkConfig } from "./config.ts";
import { HandleTable } from "./handle_table.ts";
import { Network } from "./network.ts";
import { netstackd, netstackV1 } from "./protocol.ts";
import { keyedRandom32, SEED_LENGTH } from "./random.ts";
import { createNetstackd } from "./service.ts";
import { createNetstackV1 } from "./service_v1.ts";
import { Sockets } from "./sockets.ts";

/** Requests that run at a time, those that wait included. */
const CONCURRENCY = 1024;
/** Requests that may wait at the endpoint. */
const DEPTH = 64;

/** The interface cannot be brought up: what it lacks. */
export class BringUpError extends Error {
  override readonly name = "BringUpError";
  readonly code: "no_entropy";

  constructor(code: BringUpError["code"]) {
    super(`Cannot bring the network up: ${code}`);
    this.code = code;
  }
}

export default defineComponent({
  name: "netstackd",
  serves: { v1: netstackV1, v2: netstackd },
  calls: { rngd },
  uses: { net: "virtio-net" },
  asks: ["policy.delegate", "device.mmio.net", "rng.entropy"],
  concurrency: CONCURRENCY,
  depth: DEPTH,
  async create({ args, call, clock, departed, device, prove, spawn, syscalls }) {
    const config = networkConfig(args);
    const card = openVirtioNet(device.net);
    prove("card", { mac: card.mac });
    const drawn = await call.rngd.getEntropy({ length: SEED_LENGTH });
    if (drawn.status !== "ok") throw new BringUpError("no_entropy");
    const random32 = keyedRandom32(drawn.entropy.slice());
    const { address, prefixLength, router } = config;
    const addresses = [address];
    const mtu = Math.min(card.mtu, config.mtu ?? card.mtu);
    const stack = createStack({ mac: card.mac, mtu, addresses, prefixLength, router, random32 });
    const network = new Network({ card, stack, clock, timer: syscalls.timerCreate(), spawn });
    // A handle of the netstackd before this one must not name anything of this one's.
    const table = new HandleTable(random32());
    const sockets = new Sockets({
      stack,
      addresses,
      random32,
      nowMs: () => network.nowMs(),
      touch: () => network.touch(),
    }, table);
    departed(({ sid }) => sockets.release(sid));
    network.begin(sockets);
    const ip = formatIpv4(address);
    prove("facade", { address: ip, entropy: drawn.entropy.length });
    const facade = { sockets, memory: syscalls, local: { ip, prefixLength } };
    return { v1: createNetstackV1(facade), v2: createNetstackd(facade) };
  },
});
