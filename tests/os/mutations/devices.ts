import { ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { identityd } from "@services/identityd/protocol.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { netstackd } from "@services/netstackd/protocol.ts";
import { Expiry } from "@hw/driver/expiry.ts";
import { ENTROPY_LENGTH_MAX, rngd } from "@services/rngd/protocol.ts";
import { createRngd } from "@services/rngd/service.ts";
import { EntropySource } from "@services/rngd/source.ts";
import {
  redeclared,
  type Replace,
  replaceArguments,
  replaceDaemon,
  replaceHandlers,
  replaceReplies,
  together,
  unproven,
} from "../../fakes/node.ts";
import { failed, faulted, type Mutation } from "./mutation.ts";

const KEYSTORED = { daemon: "keystored", key: "keystored", service: keystored } as const;
const IDENTITYD = { daemon: "identityd", key: "identityd", service: identityd } as const;
const NETSTACKD = { daemon: "netstackd", key: "v2", service: netstackd } as const;
const RNGD = { daemon: "rngd", key: "rngd", service: rngd } as const;
const HEALTH = "failure marker 'rngd: health test failed, entropy off'";

/** An rngd that never asks its device. */
function inventing(byteAt: (index: number) => number): Replace {
  return replaceHandlers(RNGD, () => {
    let drawn = 0;
    return {
      getEntropy: ({ length }) => ({
        status: "ok",
        entropy: Uint8Array.from({ length }, () => byteAt(drawn++)),
      }),
    };
  });
}

/** The real rngd over another device. */
function drawing(read: (length: number) => Uint8Array | undefined): Replace {
  return replaceDaemon("rngd", async ({ clock, syscalls, prove, spawn }) => {
    const expiry = new Expiry(clock, syscalls.timerCreate());
    spawn(() => expiry.run());
    const source = new EntropySource({
      device: { read: (length) => Promise.resolve(read(length)) },
      expiry,
      failed: (evidence) => prove("failed", evidence),
    });
    prove("mapped", { drawn: await source.start() });
    return { rngd: createRngd(source) };
  });
}

/** Entropy, keys and the network card. */
export const DEVICE_MUTATIONS: readonly Mutation[] = [
  {
    name: "an rngd that hands out zeros",
    replace: () => inventing(() => 0),
    red: failed("SELFTEST: rng entropy"),
  },
  {
    name: "an rngd that hands out one byte again and again",
    replace: () => inventing(() => 0xa5),
    red: failed("SELFTEST: rng entropy"),
  },
  {
    name: "an rngd that knows four bytes alone",
    replace: () => inventing((index) => index * index >> 9 & 3),
    red: failed("SELFTEST: rng entropy"),
  },
  {
    name: "an rngd that counts: both machines have the same keys",
    replace: () => inventing((index) => (index * 167 + (index >> 8)) & 0xff),
    always: true,
    red: [
      "failure marker 'dsoftbusd: clone of this device seen peer=",
      failed("SELFTEST: dsoftbus os connect"),
    ],
  },
  {
    name: "an entropy device that gives zeros",
    replace: () => drawing((length) => new Uint8Array(length)),
    red: HEALTH,
  },
  {
    name: "an entropy device that gives nothing",
    replace: () => drawing(() => undefined),
    red: faulted("rngd"),
  },
  {
    name: "an rngd that drew nothing from its register window",
    replace: () => unproven("rngd", "mapped"),
    red: faulted("rngd"),
  },
  {
    name: "an rngd that has nothing to give",
    replace: () =>
      replaceDaemon("rngd", () => ({ rngd: { getEntropy: () => ({ status: "unavailable" }) } })),
    red: "Cannot boot netstackd: daemon_faulted",
  },
  {
    name: "an rngd that cuts a request that is too long",
    replace: () => {
      const { bounds: _, ...getEntropy } = rngd.ops.getEntropy;
      return together(
        redeclared(rngd, { ...rngd, ops: { getEntropy } }),
        replaceHandlers(RNGD, (own) => ({
          getEntropy: ({ length }, call) =>
            own.getEntropy({ length: Math.min(length, ENTROPY_LENGTH_MAX) }, call),
        })),
      );
    },
    red: failed("SELFTEST: rng entropy oversized"),
  },
  {
    name: "a keystored that exports its private key",
    replace: () =>
      replaceHandlers(KEYSTORED, () => ({ getDevicePrivkey: () => ({ status: "ok" }) })),
    red: failed("SELFTEST: device key private export rejected"),
  },
  {
    name: "a keystored that refuses to export and sends the key along",
    replace: () =>
      replaceReplies("selftest-client", "keystored", (_request, reply) => {
        const longer = new Uint8Array(reply.length + 32);
        longer.set(reply);
        return longer;
      }),
    red: failed("SELFTEST: device key private export rejected"),
  },
  {
    name: "a keystored whose public key changes",
    replace: () =>
      replaceHandlers(KEYSTORED, (own) => {
        let asked = 0;
        return {
          async getDevicePubkey(request, call) {
            const reply = await own.getDevicePubkey(request, call);
            asked += 1;
            if (reply.status !== "ok") return reply;
            return { ...reply, key: reply.key.map((byte) => byte ^ asked) };
          },
        };
      }),
    red: failed("SELFTEST: device key pubkey"),
  },
  {
    name: "an identityd that goes by another key",
    replace: () =>
      replaceHandlers(IDENTITYD, () => ({
        getDeviceId: () => ({ status: "ok", deviceId: "0123456789abcdef".repeat(4) }),
      })),
    red: failed("SELFTEST: device key pubkey"),
  },
  {
    name: "an identityd that finds every proof valid",
    replace: () =>
      replaceHandlers(IDENTITYD, () => ({ verifyProof: () => ({ status: "ok", valid: true }) })),
    red: failed("SELFTEST: identityd proof tamper rejected"),
  },
  {
    name: "an identityd that does not look at a proof's role",
    replace: () =>
      replaceHandlers(IDENTITYD, (own) => ({
        async verifyProof(proof, call) {
          const asServer = await own.verifyProof({ ...proof, role: "server" }, call);
          const valid = asServer.status === "ok" && asServer.valid;
          return valid ? asServer : await own.verifyProof({ ...proof, role: "client" }, call);
        },
      })),
    red: failed("SELFTEST: identityd proof tamper rejected"),
  },
  {
    name: "an identityd that finds every signature valid",
    replace: () =>
      replaceHandlers(IDENTITYD, () => ({ verify: () => ({ status: "ok", valid: true }) })),
    red: failed("SELFTEST: identityd payload tamper rejected"),
  },
  {
    name: "an identityd that finds no signature valid",
    replace: () =>
      replaceHandlers(IDENTITYD, () => ({ verify: () => ({ status: "ok", valid: false }) })),
    red: failed("SELFTEST: identityd payload tamper rejected"),
  },
  {
    name: "a keystored that proves sessions with another key than the device's",
    replace: () =>
      replaceHandlers(KEYSTORED, () => {
        const other = ed25519Signer(new Uint8Array(32).fill(7));
        return {
          sessionProof: () => ({
            status: "ok",
            verifyingKey: other.publicKey,
            signature: other.sign(new Uint8Array(32)),
          }),
        };
      }),
    red: failed("SELFTEST: device key pubkey"),
  },
  {
    name: "a netstackd without an address",
    replace: () =>
      replaceHandlers(NETSTACKD, () => ({
        localAddr: () => ({ status: "ok", ip: "0.0.0.0", prefixLength: 0 }),
      })),
    red: failed("SELFTEST: net iface"),
  },
  {
    name: "a card that is plugged into another network",
    replace: () => replaceArguments("netstackd", { address: "10.9.9.15/24", router: "10.9.9.2" }),
    red: failed("SELFTEST: net ping"),
  },
  {
    name: "a netstackd that answers pings itself",
    replace: () =>
      replaceHandlers(NETSTACKD, () => ({ icmpPing: () => ({ status: "ok", rttMs: 1 }) })),
    red: failed("SELFTEST: icmp ping"),
  },
  {
    name: "a netstackd whose handles are everyone's",
    replace: () =>
      replaceHandlers(NETSTACKD, (own) => {
        let first: number | undefined;
        return {
          async listen(request, call) {
            const reply = await own.listen(request, call);
            if (reply.status === "ok") first ??= reply.handle;
            return reply;
          },
          async close(request, call) {
            const reply = await own.close(request, call);
            const others = reply.status === "not_found" && request.handle === first;
            return others ? { status: "ok" } : reply;
          },
        };
      }),
    red: failed("SELFTEST: netstackd foreign handle rejected"),
  },
  {
    name: "a netstackd that lets two listen on one port",
    replace: () =>
      replaceHandlers(NETSTACKD, (own) => ({
        listen: async (request, call) => {
          const reply = await own.listen(request, call);
          return reply.status === "in_use" ? { status: "ok", handle: 9 } : reply;
        },
      })),
    red: failed("SELFTEST: net tcp listen"),
  },
  {
    name: "a netstackd whose card said nothing",
    replace: () => unproven("netstackd", "card"),
    red: faulted("netstackd"),
  },
  {
    name: "a netstackd without a stack",
    replace: () => unproven("netstackd", "facade"),
    red: faulted("netstackd"),
  },
];
