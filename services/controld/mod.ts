import { defineComponent } from "@runtime/boot/component.ts";
import { initTasks } from "@runtime/boot/protocol.ts";
import { dsoftbusd } from "../dsoftbusd/protocol.ts";
import { logdQuery } from "../logd/protocol.ts";
import { policydV2 } from "../policyd/protocol.ts";
import { NO_KEPT_LOG } from "./kept_log.ts";
import { CLI_SUBJECT, controld } from "./protocol.ts";
import { createControld } from "./service.ts";

export default defineComponent({
  name: "controld",
  serves: { controld },
  calls: { dsoftbusd, logdQuery, policydV2, initTasks },
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
    ],
  },
  concurrency: 8,
  create: ({ call }) => ({
    controld: createControld({
      bus: call.dsoftbusd,
      log: call.logdQuery,
      kept: NO_KEPT_LOG,
      policy: call.policydV2,
      init: call.initTasks,
    }),
  }),
});
