import type { PackedOp } from "@runtime/idl/service.ts";
import type { Client } from "@runtime/idl/client.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { logdAudit, logdQuery, logdV2, RING } from "@services/logd/protocol.ts";
import { KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { Grants, parseGrants } from "@services/policyd/grants.ts";
import text from "@services/policyd/grants/nexus.policy.toml" with { type: "text" };
import { policyd } from "@services/policyd/protocol.ts";
import { createPolicyd } from "@services/policyd/service.ts";
import {
  redeclared,
  type Replace,
  replaceClient,
  replaceDaemon,
  replaceHandlers,
  together,
} from "../../fakes/node.ts";
import { failed, type Mutation } from "./mutation.ts";

const POLICYD = { daemon: "policyd", key: "policyd", service: policyd } as const;
const AUDIT = { daemon: "logd", key: "audit", service: logdAudit } as const;
const QUERY = { daemon: "logd", key: "query", service: logdQuery } as const;
const JOURNAL = { daemon: "logd", key: "logdV2", service: logdV2 } as const;
const UNAUDITED = "failure marker 'policyd: audit emit failed'";

/** A policyd with other grants. */
export function granting(grants: Grants): Replace {
  return replaceDaemon("policyd", ({ call, prove }) => ({
    ...createPolicyd({
      grants,
      audit: call["audit"] as Client<typeof logdAudit>,
      proveAudited: (evidence) => prove("audited", evidence),
      proveUnaudited: (evidence) => prove("unaudited", evidence),
    }),
  }));
}

/** The node's own grants, with one text in the place of another. */
export function edited(from: string, to: string): Grants {
  if (!text.includes(from)) throw new TypeError(`the grants hold no ${from}`);
  return parseGrants(text.replace(from, to), KNOWN_CAPABILITIES);
}

/** Every subject holds everything, devices that are not there included. */
function allowAll(capabilities: Iterable<string>): Grants {
  const subjects = parseGrants(text, KNOWN_CAPABILITIES).lines().map(([subject]) => subject);
  return new Grants(new Map(subjects.map((subject) => [subject, new Set(capabilities)])));
}

/** The operations of a daemon that asks nobody. */
function ungated(ops: Readonly<Record<string, PackedOp>>): Readonly<Record<string, PackedOp>> {
  const open = Object.entries(ops).map(([name, op]) => [name, { ...op, capability: null }]);
  return Object.fromEntries(open);
}

const EVERYTHING = [...KNOWN_CAPABILITIES, "device.mmio.input"];

/** Decisions, their records and the journal. */
export const POLICY_MUTATIONS: readonly Mutation[] = [
  {
    name: "a policyd that allows all",
    replace: () => granting(allowAll(EVERYTHING)),
    red: "Cannot boot netstackd: device_denied",
  },
  {
    name: "a policyd that allows all but the one device that the boot asks about",
    replace: () => granting(allowAll(KNOWN_CAPABILITIES)),
    red: failed("SELFTEST: policy deny"),
  },
  {
    name: "a policyd that denies all",
    replace: () => granting(new Grants(new Map())),
    red: "Cannot boot rngd: device_denied",
  },
  {
    name: "a policyd that denies all but devices",
    replace: () =>
      granting(
        parseGrants(
          'version = 1\n[allow]\nnexus-init = ["policy.delegate"]\n' +
            'rngd = ["device.mmio.rng"]\nstatefsd = ["device.mmio.blk", "state.key"]\n' +
            'netstackd = ["device.mmio.net"]\n',
          KNOWN_CAPABILITIES,
        ),
      ),
    red: "Cannot boot keystored: key_denied",
  },
  {
    name: "a policyd that answers everyone ok",
    replace: () => replaceHandlers(POLICYD, () => ({ checkCapability: () => ({ status: "ok" }) })),
    red: failed("SELFTEST: policy deny"),
  },
  {
    name: "a policyd that answers everyone denied",
    replace: () =>
      replaceHandlers(POLICYD, () => ({ checkCapability: () => ({ status: "denied" }) })),
    red: failed("SELFTEST: policy allow"),
  },
  {
    name: "a grant of a device to the selftest",
    replace: () => granting(edited("selftest-client = [", 'selftest-client = ["device.mmio.net",')),
    red: failed("SELFTEST: mmio policy deny"),
  },
  {
    name: "a policyd that does not record what it allows",
    replace: () =>
      replaceHandlers(POLICYD, (own) => ({
        checkCapability: (request, call) =>
          request.capability === "rng.entropy"
            ? { status: "ok" }
            : own.checkCapability(request, call),
      })),
    red: failed("SELFTEST: policy allow audit"),
  },
  {
    name: "a policyd that does not record what it denies",
    replace: () =>
      replaceHandlers(POLICYD, (own) => ({
        checkCapability: (request, call) =>
          request.capability === "crypto.sign"
            ? { status: "denied" }
            : own.checkCapability(request, call),
      })),
    red: failed("SELFTEST: policy deny audit"),
  },
  {
    name: "a keystored that does not ask policyd",
    replace: () => redeclared(keystored, { ...keystored, ops: ungated(keystored.ops) }),
    red: failed("SELFTEST: keystored sign denied"),
  },
  {
    name: "a policyd that believes the name in a frame",
    replace: () => replaceHandlers(POLICYD, () => ({ route: () => ({ status: "ok" }) })),
    red: failed("SELFTEST: policyd requester spoof denied"),
  },
  {
    name: "a policyd that denies what it cannot read",
    replace: () =>
      redeclared(policyd, {
        ...policyd,
        refusals: { ...policyd.refusals, truncated: "denied", length_out_of_range: "denied" },
      }),
    red: failed("SELFTEST: policy malformed"),
  },
  {
    name: "a logd that cannot keep decisions",
    replace: () => replaceHandlers(AUDIT, () => ({ appendAudit: () => ({ status: "denied" }) })),
    red: UNAUDITED,
  },
  {
    name: "a logd that says it kept decisions and did not",
    replace: () =>
      replaceHandlers(AUDIT, () => ({
        appendAudit: () => ({ status: "ok", recordId: 1n, dropped: 0n }),
      })),
    red: failed("SELFTEST: policy allow audit"),
  },
  {
    name: "a policyd that answers whether or not its record was kept",
    replace: () =>
      together(
        replaceHandlers(AUDIT, () => ({ appendAudit: () => ({ status: "denied" }) })),
        replaceClient({ daemon: "policyd", key: "audit", service: logdAudit }, () => ({
          appendAudit: () => Promise.resolve({ status: "ok", recordId: 1n, dropped: 0n }),
        })),
      ),
    red: failed("SELFTEST: policy allow audit"),
  },
  {
    name: "a logd that shows no decisions",
    replace: () =>
      replaceHandlers(QUERY, (own) => ({
        queryAfter: (request, call) =>
          own.queryAfter(request.ring === RING.audit ? { ...request, scope: "no" } : request, call),
      })),
    red: failed("SELFTEST: policy allow audit"),
  },
  {
    name: "a dead logd",
    replace: () =>
      replaceDaemon("logd", () => {
        const dead = () => ({ status: "unsupported" });
        const handlers = { append: dead, stats: dead, query: dead, queryAfter: dead };
        return {
          logd: handlers,
          logdV2: handlers,
          queryV1: handlers,
          query: handlers,
          audit: { appendAudit: dead },
        };
      }),
    red: UNAUDITED,
  },
  {
    name: "a logd that takes no record",
    replace: () => replaceHandlers(JOURNAL, () => ({ append: () => ({ status: "too_large" }) })),
    red: failed("SELFTEST: nexus-log sink-logd"),
  },
  {
    name: "a logd that forgets what it took",
    replace: () =>
      replaceHandlers(JOURNAL, () => ({
        append: () => ({ status: "ok", recordId: 1n, dropped: 0n }),
      })),
    red: failed("SELFTEST: log query"),
  },
  {
    name: "a logd that names another sender",
    replace: () =>
      replaceHandlers(JOURNAL, (own) => ({
        append: (request, call) =>
          own.append(request, { ...call, sender: { name: "someone", sid: 7n } }),
      })),
    red: failed("SELFTEST: log query"),
  },
  {
    name: "a logd without a rate limit",
    replace: () =>
      replaceHandlers(JOURNAL, (own) => {
        let senders = 1_000n;
        return {
          append(request, call) {
            if (request.message !== "flood") return own.append(request, call);
            return own.append(request, { ...call, sender: { name: "many", sid: senders++ } });
          },
        };
      }),
    red: failed("SELFTEST: logd hardening rejects"),
  },
  {
    name: "a logd that believes an identity in a record's fields",
    replace: () =>
      replaceHandlers(JOURNAL, (own) => ({
        append: (request, call) => own.append({ ...request, fields: "" }, call),
      })),
    red: failed("SELFTEST: logd hardening rejects"),
  },
];
