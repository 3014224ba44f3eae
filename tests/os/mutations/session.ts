import { dsoftbusd } from "@services/dsoftbusd/protocol.ts";
import { identityd } from "@services/identityd/protocol.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { samgrdCapnp } from "@services/samgrd/protocol.ts";
import {
  onMachine,
  replaceClient,
  replaceGate,
  replaceHandlers,
  silenced,
  unproven,
} from "../../fakes/node.ts";
import { early, failed, faulted, missing, type Mutation, SILENT_MS } from "./mutation.ts";
import { edited, granting } from "./policy.ts";

const IDENTITYD = { daemon: "identityd", key: "identityd", service: identityd } as const;
const DSOFTBUSD = { daemon: "dsoftbusd", key: "dsoftbusd", service: dsoftbusd } as const;
/** identityd as dsoftbusd hears it. */
const BINDING = { daemon: "dsoftbusd", key: "identityd", service: identityd } as const;
const INVALID = Promise.resolve({ status: "ok", valid: false } as const);
/** A stranger was taken for who it said it was. */
const BELIEVED = "forbidden marker 'dsoftbusd: identity bound peer=";
/** A machine did not come as far as to refuse a stranger. */
const UNVISITED = "first_failed_phase=session missing_marker='dsoftbusd: identity mismatch peer=";
const MISMATCH = "failure marker 'dsoftbusd: identity mismatch peer=";

/** Two machines, their identities, and what goes over the session between them. */
export const SESSION_MUTATIONS: readonly Mutation[] = [
  {
    name: "an identityd that finds no proof to hold",
    replace: () =>
      replaceHandlers(IDENTITYD, () => ({ verifyProof: () => ({ status: "ok", valid: false }) })),
    red: failed("SELFTEST: identityd proof tamper rejected"),
  },
  {
    name: "a dsoftbusd that hears that no proof holds",
    replace: () => replaceClient(BINDING, () => ({ verifyProof: () => INVALID })),
    red: MISMATCH,
  },
  {
    name: "a dsoftbusd of the dialling machine alone that hears that no proof holds",
    replace: () => onMachine(2, replaceClient(BINDING, () => ({ verifyProof: () => INVALID }))),
    red: MISMATCH,
  },
  {
    name: "a peer that shows another device's proof",
    replace: () =>
      onMachine(
        2,
        replaceHandlers({ daemon: "keystored", key: "keystored", service: keystored }, (own) => ({
          async sessionProof(request, call) {
            const proof = await own.sessionProof(request, call);
            if (proof.status !== "ok") return proof;
            return {
              ...proof,
              signature: proof.signature.map((byte, at) => at === 0 ? byte ^ 1 : byte),
            };
          },
        })),
      ),
    red: MISMATCH,
  },
  {
    name: "a dsoftbusd that says nothing of the identity it bound",
    replace: () => silenced("dsoftbusd", "bound"),
    red: early("dsoftbusd: auth ok", "dsoftbusd: identity bound peer=<id>"),
  },
  {
    name: "a dsoftbusd without a handshake hash",
    replace: () => unproven("dsoftbusd", "authenticated"),
    red: faulted("dsoftbusd"),
  },
  {
    name: "a dsoftbusd whose session is not authenticated",
    replace: () => silenced("dsoftbusd", "authenticated"),
    red: early("dsoftbusd: os session ok", "dsoftbusd: auth ok"),
  },
  {
    name: "a dsoftbusd that never says that it serves",
    replace: () => silenced("dsoftbusd", "session"),
    red: early("SELFTEST: dsoftbus os connect ok", "dsoftbusd: os session ok"),
  },
  {
    name: "a selftest without its first probe of the network",
    replace: () => silenced("selftest-client", "netInterface"),
    red: early("SELFTEST: net ping ok", "SELFTEST: net iface ok"),
  },
  {
    name: "a selftest that does not come to its end",
    replace: () => silenced("selftest-client", "end"),
    red: missing("SELFTEST: end"),
    silentMs: SILENT_MS,
  },
  {
    name: "a selftest that shows nothing",
    replace: () => unproven("selftest-client", "entropy"),
    red: faulted("selftest-client"),
  },
  {
    name: "a dsoftbusd that may not dial",
    replace: () => granting(edited('  "net.connect",\n', "")),
    red: [failed("SELFTEST: dsoftbus os connect"), UNVISITED],
  },
  {
    name: "a peer whose pings are not allowed",
    replace: () =>
      granting(edited('peer = ["samgr.resolve", "dsoftbus.ping"]', 'peer = ["samgr.resolve"]')),
    red: failed("SELFTEST: dsoftbus ping"),
  },
  {
    name: "a session that answers no ping",
    replace: () =>
      replaceGate(
        "dsoftbusd",
        (own) => (ask) => ask.subject.startsWith("peer:") ? new Promise(() => {}) : own(ask),
      ),
    red: missing("SELFTEST: dsoftbus ping ok"),
    silentMs: SILENT_MS,
  },
  {
    name: "a peer that may not resolve",
    replace: () =>
      granting(edited('peer = ["samgr.resolve", "dsoftbus.ping"]', 'peer = ["dsoftbus.ping"]')),
    red: failed("SELFTEST: remote resolve"),
  },
  {
    name: "a samgrd that resolves everything",
    replace: () =>
      replaceHandlers({ daemon: "samgrd", key: "capnp", service: samgrdCapnp }, () => ({
        resolve: () => ({ status: "ok", endpoint: 7, found: true }),
      })),
    red: failed("SELFTEST: remote resolve"),
  },
  {
    name: "a samgrd that resolves nothing",
    replace: () =>
      replaceHandlers({ daemon: "samgrd", key: "capnp", service: samgrdCapnp }, () => ({
        resolve: () => ({ status: "ok", endpoint: 0, found: false }),
      })),
    red: failed("SELFTEST: remote resolve"),
  },
  {
    name: "a dsoftbusd that has no peers",
    replace: () =>
      replaceHandlers(DSOFTBUSD, () => ({
        ping: () => ({ status: "not_found" }),
      })),
    red: failed("SELFTEST: dsoftbus ping"),
  },
  {
    name: "a dsoftbusd that skips the binding check",
    replace: () =>
      replaceClient(BINDING, () => ({
        verifyProof: () => Promise.resolve({ status: "ok", valid: true }),
      })),
    red: [BELIEVED, failed("SELFTEST: dsoftbus identity verified")],
  },
  {
    name: "a dsoftbusd that asks about a proof and goes on whatever the answer is",
    replace: () =>
      replaceClient(BINDING, (own) => ({
        async verifyProof(proof) {
          const verdict = await own.verifyProof(proof);
          return verdict.status === "ok" ? { ...verdict, valid: true } : verdict;
        },
      })),
    red: BELIEVED,
  },
  {
    name: "a dsoftbusd that does not look at the device id it was told to find",
    replace: () =>
      replaceHandlers(DSOFTBUSD, (own) => ({
        connect: (request, call) => own.connect({ ...request, deviceId: "" }, call),
      })),
    red: BELIEVED,
  },
  {
    name: "a dsoftbusd that makes up its pongs",
    replace: () =>
      replaceHandlers(DSOFTBUSD, () => ({
        ping: ({ count }) => ({
          status: "ok",
          deviceId: "0123456789abcdef".repeat(4),
          count,
          minNs: 1n,
          meanNs: 1n,
          maxNs: 1n,
          totalNs: 1n,
        }),
      })),
    red: missing("SELFTEST: dsoftbus peer judged ok"),
    silentMs: SILENT_MS,
  },
];
