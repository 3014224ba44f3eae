import { defineComponent } from "@runtime/boot/component.ts";
import { assert } from "@runtime/core/assert.ts";
import { logdAudit } from "../logd/protocol.ts";
import { KNOWN_CAPABILITIES } from "./capabilities.ts";
import { parseGrants } from "./grants.ts";
import grants from "./grants/nexus.policy.toml" with { type: "text" };
import { policyd, policydV2, policydV3 } from "./protocol.ts";
import { createPolicyd } from "./service.ts";
import { failsClosed } from "./start_up.ts";

/** Decisions that may be on their way to the audit at a time, and those that may wait. */
const CONCURRENCY = 32;
const ENDPOINT_DEPTH = 64;

export default defineComponent({
  name: "policyd",
  serves: { policyd, policydV2, policydV3 },
  calls: { audit: logdAudit },
  uses: {},
  asks: [],
  concurrency: CONCURRENCY,
  depth: ENDPOINT_DEPTH,
  async create({ call, prove }) {
    assert(await failsClosed(createPolicyd), "a decision without its record is a denial");
    return {
      ...createPolicyd({
        grants: parseGrants(grants, KNOWN_CAPABILITIES),
        audit: call.audit,
        proveAudited: (evidence) => prove("audited", evidence),
        proveUnaudited: (evidence) => prove("unaudited", evidence),
      }),
    };
  },
});
