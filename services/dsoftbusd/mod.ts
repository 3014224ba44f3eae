import { assert } from "@runtime/core/assert.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { identityd } from "../identityd/protocol.ts";
import { keystored } from "../keystored/protocol.ts";
import { logdV2 } from "../logd/protocol.ts";
import { netstackd } from "../netstackd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { samgrdCapnp } from "../samgrd/protocol.ts";
import { Acceptor } from "./acceptor.ts";
import { AdmissionTable, CONNECTIONS_PER_ADDRESS } from "./admission.ts";
import { Announcer } from "./announcer.ts";
import { BOOT_ID_LENGTH, bootIdOf } from "./boot_id.ts";
import { Bus, HANDSHAKE_TIMEOUT_MS } from "./bus.ts";
import { EntropyPool } from "../rngd/client/entropy_pool.ts";
import { localIdentity } from "./custody.ts";
import { BusJournal } from "./journal.ts";
import { openNetwork } from "./network.ts";
import { peersOf, unresolvedOf } from "./peer_argument.ts";
import { dsoftbusd, SESSION_PORT } from "./protocol.ts";
import { createDsoftbusd } from "./service.ts";

export default defineComponent({
  name: "dsoftbusd",
  serves: { dsoftbusd },
  calls: { keystored, identityd, rngd, samgrdCapnp, netstackd, logdV2 },
  uses: {},
  asks: [
    "policy.delegate",
    "rng.entropy",
    "device.pubkey.read",
    "identity.session",
    "identity.announce",
    "identity.verify",
    "samgr.resolve",
    "net.listen",
    "net.connect",
  ],
  asksFor: { peer: ["dsoftbus.ping", "samgr.resolve"] },
  concurrency: 32,
  async create({ call, clock, syscalls, args, gate, prove, spawn }) {
    const entropy = new EntropyPool(call.rngd);
    const local = await localIdentity(call.keystored);
    const drawn = await entropy.draw(BOOT_ID_LENGTH);
    assert(local !== undefined && drawn !== undefined, "keystored and rngd answer");
    const bootId = bootIdOf(drawn, clock);
    const network = await openNetwork(call.netstackd, syscalls, SESSION_PORT);
    assert(!("failed" in network), "the session port is free");
    const port = Number(args["advertise"] ?? SESSION_PORT);
    const announcer = new Announcer({ keys: call.keystored, clock }, { local, bootId, port });
    const journal = new BusJournal({ logd: call.logdV2, clock, timer: syscalls.timerCreate() });
    spawn(() => journal.run());
    const bus = new Bus({
      clock,
      syscalls,
      spawn,
      network,
      announcer,
      handshake: {
        keys: call.keystored,
        identity: call.identityd,
        entropy,
        local,
        bound: (id) => prove("bound", { id }),
      },
      services: { gate, samgr: call.samgrdCapnp, clock },
      journal,
      handshakeTimeoutMs: handshakeTimeoutOf(args),
      markers: {
        mismatch: (id) => prove("mismatch", { id }),
        clone: (id) => prove("clone", { id }),
        established({ hash, deviceId: peer }) {
          prove("authenticated", { hash, peer });
          prove("session", { peer });
        },
      },
    });
    const perAddress = Number(args["perAddress"] ?? CONNECTIONS_PER_ADDRESS);
    const acceptor = new Acceptor(bus, new AdmissionTable(perAddress));
    spawn(() => acceptor.run());
    const targets = peersOf(args["peers"] ?? "");
    const unresolved = unresolvedOf(args["unresolved"] ?? "");
    const service = { bus, acceptor, local, bootId, port, targets, unresolved, spawn };
    return { dsoftbusd: createDsoftbusd(service) };
  },
});

/** The command line can only shorten it. */
function handshakeTimeoutOf(args: Readonly<Record<string, string>>): number {
  const ms = Number(args["handshakeTimeoutMs"] ?? HANDSHAKE_TIMEOUT_MS);
  assert(ms >= 1 && ms <= HANDSHAKE_TIMEOUT_MS, "a handshake takes no longer than upstream's");
  return ms;
}
