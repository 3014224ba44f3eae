import { defineComponent } from "@runtime/boot/component.ts";
import { logd, logdAudit, logdQuery, logdQueryV1, logdV2 } from "./protocol.ts";
import { createLogd } from "./service.ts";

/** Messages that may wait: the pace of policyd's audit, and of a burst of daemons at start. */
const ENDPOINT_DEPTH = 64;

export default defineComponent({
  name: "logd",
  serves: { logd, logdV2, queryV1: logdQueryV1, query: logdQuery, audit: logdAudit },
  calls: {},
  uses: {},
  asks: [],
  depth: ENDPOINT_DEPTH,
  create: ({ clock, prove }) => ({ ...createLogd({ clock, prove }) }),
});
