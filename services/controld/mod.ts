import { defineComponent } from "@runtime/boot/component.ts";
import { initTasks } from "@runtime/boot/protocol.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { logdQuery } from "../logd/protocol.ts";
import { policydV2 } from "../policyd/protocol.ts";
import { keystored } from "../keystored/protocol.ts";
import { statefsd } from "../statefsd/protocol.ts";
import { keptLogOf } from "./kept_log.ts";
import { quotasOf } from "./quotas.ts";
import { LogSigner } from "./log_signer.ts";
import { CLI_SUBJECT, controld } from "./protocol.ts";
import { createControld } from "./service.ts";

export default defineComponent({
  name: "controld",
  serves: { controld },
  calls: { dsoftbusd, logdQuery, policydV2, initTasks, keystored, statefsd },
  uses: {},
  asks: [
    "policy.delegate",
    "identity.read",
    "identity.log",
    "dsoftbus.connect",
    "dsoftbus.peers",
    "dsoftbus.ping",
    "dsoftbus.resolve",
    "node.provoke",
    "node.ps",
    "node.stop",
    "statefs.quota",
    "statefs.log",
  ],
  asksFor: {
    [CLI_SUBJECT]: [
      "identity.read",
      "dsoftbus.connect",
      "dsoftbus.peers",
      "dsoftbus.ping",
      "dsoftbus.resolve",
      "log.query",
      "policy.check",
      "node.provoke",
      "node.ps",
      "node.stop",
      "statefs.quota.read",
      "statefs.quota.set",
    ],
  },
  concurrency: 8,
  create({ call, clock, settled, spawn, syscalls }) {
    const signer = new LogSigner({ state: call.statefsd, keys: call.keystored, clock });
    spawn(() => signer.run(settled, syscalls.timerCreate()));
    return {
      controld: createControld({
        bus: call.dsoftbusd,
        log: call.logdQuery,
        kept: keptLogOf(call.statefsd),
        quotas: quotasOf(call.statefsd),
        signer,
        policy: call.policydV2,
        init: call.initTasks,
      }),
    };
  },
});
