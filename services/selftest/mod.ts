import { parseIpv4 } from "@net/wire/ipv4.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { identityd } from "../identityd/protocol.ts";
import { keys } from "../keystored/client/keys_protocol.ts";
import { keystored } from "../keystored/protocol.ts";
import { logdQuery, logdV2 } from "../logd/protocol.ts";
import { netstackd } from "../netstackd/protocol.ts";
import { policyd } from "../policyd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { samgrd } from "../samgrd/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import type { ProbePorts, Probes } from "./probe.ts";
import { SEED_PROBES } from "./probe_state.ts";
import { selftest } from "./protocol.ts";
import { ALL_PROBES, runSelftest } from "./service.ts";

/** Probes by what the command line says: all, or those of a boot before the judged one. */
const MODES: Readonly<Record<string, Probes>> = { full: ALL_PROBES, seed: SEED_PROBES };

export default defineComponent({
  name: "selftest-client",
  serves: { selftest },
  calls: {
    ...{ keystored, identityd, samgrd, policyd, logdV2, logdQuery },
    ...{ rngd, netstackd, dsoftbusd, statefsd, keys },
  },
  uses: {},
  asks: [
    "ipc.core",
    "rng.entropy",
    "device.pubkey.read",
    "identity.key.create",
    "identity.key.decrypt",
    "identity.key.read",
    "identity.key.revoke",
    "identity.key.rotate",
    "identity.key.sign",
    "identity.read",
    "keystore.values",
    "identity.verify",
    "statefs.admin",
    "statefs.read",
    "statefs.write",
    "samgr.register",
    "samgr.resolve",
    "net.ping",
    "net.listen",
    "dsoftbus.connect",
    "dsoftbus.peers",
    "dsoftbus.ping",
    "dsoftbus.resolve",
  ],
  create({ args, call, channel, clock, prove, settled, spawn, syscalls }) {
    const ports: ProbePorts = {
      syscalls,
      clock,
      keys: call.keystored,
      identity: call.identityd,
      samgr: call.samgrd,
      policy: call.policyd,
      log: call.logdV2,
      logQuery: call.logdQuery,
      rng: call.rngd,
      net: call.netstackd,
      bus: call.dsoftbusd,
      state: call.statefsd,
      store: call.keys,
      raw: {
        keystored: channel.keystored,
        policyd: channel.policyd,
        samgrd: channel.samgrd,
      },
      daemons: (args["daemons"] ?? "").split(" ").filter((name) => name !== ""),
      peer: peerOf(args["peer"] ?? ""),
    };
    const probes = MODES[args["mode"] ?? ""];
    if (probes !== undefined) {
      spawn(async () => {
        await settled;
        await runSelftest(ports, prove, probes);
      });
    }
    return { selftest: {} };
  },
});

/** `ADDRESS:PORT`, or nothing when the peer connects. */
function peerOf(text: string): ProbePorts["peer"] {
  const [host = "", port = ""] = text.split(":");
  const address = parseIpv4(host);
  return address === undefined ? undefined : { address, port: Number(port) };
}
