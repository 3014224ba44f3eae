import { keys } from "@services/keystored/client/keys_protocol.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { replaceHandlers } from "../../fakes/node.ts";
import { failed, type Mutation } from "./mutation.ts";
import { edited, granting } from "./policy.ts";

const KEYSTORED = { daemon: "keystored", key: "keystored", service: keystored } as const;
const KEYS = { daemon: "keystored", key: "keys", service: keys } as const;
const NOTHING = new Uint8Array(0);

/** Keys of applications, and values of a caller's own. */
export const KEYSTORE_MUTATIONS: readonly Mutation[] = [
  {
    name: "a keystored that forgets what its callers keep",
    replace: () => replaceHandlers(KEYSTORED, () => ({ get: () => ({ status: "not_found" }) })),
    red: failed("SELFTEST: keystored v1"),
  },
  {
    name: "a keystored that takes every signature for good",
    replace: () =>
      replaceHandlers(KEYS, () => ({ verify: () => ({ status: "ok", valid: 1, version: 1 }) })),
    red: failed("SELFTEST: keystore v1.1 sign"),
  },
  {
    name: "a keystored that rotates nothing",
    replace: () =>
      replaceHandlers(KEYS, (own) => ({ rotate: (request, call) => own.get(request, call) })),
    red: failed("SELFTEST: keystore v1.1 rotate"),
  },
  {
    name: "a keystored that opens what is not sealed so",
    replace: () =>
      replaceHandlers(KEYS, (own) => ({
        async unseal(request, call) {
          const opened = await own.unseal(request, call);
          if (opened.status !== "EINVAL") return opened;
          return { status: "ok", plain: NOTHING, label: "", version: 1, keyId: new Uint8Array(20) };
        },
      })),
    red: failed("SELFTEST: keystore v1.1 seal"),
  },
  {
    name: "a keystored that revokes nothing",
    replace: () =>
      replaceHandlers(KEYS, (own) => ({ revoke: (request, call) => own.get(request, call) })),
    // The boot before the judged one would have revoked it.
    always: true,
    red: failed("SELFTEST: keystore v1.1 revoke"),
  },
  {
    name: "a grant of another's application to the selftest",
    replace: () =>
      granting(
        edited('selftest-client = ["selftest"]', 'selftest-client = ["selftest", "elsewhere"]'),
      ),
    red: failed("SELFTEST: keystore v1.1 deny"),
  },
];
