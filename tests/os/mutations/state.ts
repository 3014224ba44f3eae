import { statefsd } from "@services/statefsd/protocol.ts";
import { type Replace, replaceClient, replaceHandlers } from "../../fakes/node.ts";
import { early, failed, type Mutation } from "./mutation.ts";
import { edited, granting } from "./policy.ts";

const STATEFSD = { daemon: "statefsd", key: "v2", service: statefsd } as const;
const KEYS_STATE = { daemon: "keystored", key: "state", service: statefsd } as const;
const FOLDER = "/state/selftest/";

type Checked = "sealed" | "tampered" | "rolledBack";

/** A statefsd whose attacks on itself had nothing to attack in one way. */
function unchecked(field: Checked): Replace {
  return replaceHandlers(STATEFSD, (own) => ({
    async selfCheck(request, call) {
      const checked = await own.selfCheck(request, call);
      return checked.status === "ok" ? { ...checked, [field]: 0 } : checked;
    },
  }));
}

/** What is kept, and stays. */
export const STATE_MUTATIONS: readonly Mutation[] = [
  {
    name: "a statefsd that answers for what it does not keep",
    replace: () =>
      replaceHandlers(STATEFSD, (own) => ({
        put: (request, call) =>
          request.key.startsWith(FOLDER) ? { status: "ok" } : own.put(request, call),
      })),
    red: failed("SELFTEST: statefs put"),
  },
  {
    name: "a grant of keystored's names to the selftest",
    replace: () =>
      granting(edited("selftest-client = [", 'selftest-client = ["statefs.keystore",')),
    red: failed("SELFTEST: statefs unauthorized access rejected"),
  },
  {
    name: "a statefsd that cannot replay its disk",
    replace: () => replaceHandlers(STATEFSD, () => ({ reopen: () => ({ status: "io_error" }) })),
    red: failed("SELFTEST: statefs persist"),
  },
  {
    name: "a statefsd whose sequence stands still",
    replace: () =>
      replaceHandlers(STATEFSD, (own) => ({
        async stats(request, call) {
          const stats = await own.stats(request, call);
          return stats.status === "ok" ? { ...stats, sequence: 1n } : stats;
        },
      })),
    red: failed("SELFTEST: statefs auth put"),
  },
  {
    name: "a statefsd that changed no stored value",
    replace: () => unchecked("tampered"),
    red: failed("SELFTEST: statefs tamper deny"),
  },
  {
    name: "a statefsd that put no earlier value back",
    replace: () => unchecked("rolledBack"),
    red: failed("SELFTEST: statefs rollback deny"),
  },
  {
    name: "a statefsd that looked for no plaintext",
    replace: () => unchecked("sealed"),
    red: failed("SELFTEST: statefs enc roundtrip"),
  },
  {
    name: "a statefsd that keeps each piece of a transaction at once",
    replace: () =>
      replaceHandlers(STATEFSD, (own) => ({
        txnPut: ({ key, chunk }, call) => own.put({ key, value: chunk }, call),
      })),
    red: failed("SELFTEST: statefs v2 crash-atomic"),
  },
  {
    name: "a statefsd that says it began a generation",
    replace: () =>
      replaceHandlers(STATEFSD, () => ({
        compact: () => ({ status: "ok", generation: 1, entries: 1 }),
      })),
    red: failed("SELFTEST: statefs v2 compact"),
  },
  {
    name: "a statefsd that charges nobody",
    replace: () =>
      replaceHandlers(STATEFSD, (own) => ({
        put: (request, call) =>
          request.key.startsWith("/state/statefsd/quota/")
            ? { status: "ok" }
            : own.put(request, call),
      })),
    red: failed("SELFTEST: quota deny"),
  },
  {
    name: "a statefsd that forgets what an earlier boot left",
    replace: () =>
      replaceHandlers(STATEFSD, (own) => ({
        get: (request, call) =>
          request.key === `${FOLDER}cold_boot` ? { status: "not_found" } : own.get(request, call),
      })),
    red: early("SELFTEST: keystored v1 ok", "SELFTEST: statefs cold-boot persist ok"),
  },
  {
    name: "a keystored that finds no key of its own",
    replace: () =>
      replaceClient(KEYS_STATE, () => ({ get: () => Promise.resolve({ status: "not_found" }) })),
    red: failed("SELFTEST: device key persist"),
  },
];
