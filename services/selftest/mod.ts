import { parseIpv4 } from "@net/wire/ipv4.ts";
import { defineComponent } from "@runtime/boot/component.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { identityd } from "../identityd/protocol.ts";
import { keystored } from "../keystored/protocol.ts";
import { logdQuery, logdV2 } from "../logd/protocol.ts";
import { netstackd } from "../netstackd/protocol.ts";
import { policyd } from "../policyd/protocol.ts";
import { rngd } from "../rngd/protocol.ts";
import { samgrd } from "../samgrd/protocol.ts";
import type { ProbePorts } from "./probe.ts";
import { selftest } from "./protocol.ts";
import { runSelftest } from "./service.ts";

export default defineComponent({
  name: "selftest-client",
  serves: { selftest },
  calls: { keystored, identityd, samgrd, policyd, logdV2, logdQuery, rngd, netstackd, dsoftbusd },
  uses: {},
  asks: [
    "ipc.core",
    "rng.entropy",
    "device.pubkey.read",
    "identity.read",
    "identity.verify",
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
      raw: {
        keystored: channel.keystored,
        policyd: channel.policyd,
        samgrd: channel.samgrd,
      },
      daemons: (args["daemons"] ?? "").split(" ").filter((name) => name !== ""),
      peer: peerOf(args["peer"] ?? ""),
    };
    if (args["mode"] === "full") {
      spawn(async () => {
        await settled;
        await runSelftest(ports, prove);
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
