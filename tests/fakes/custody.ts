import { Secret } from "@runtime/core/secret.ts";
import type { Client } from "@runtime/idl/client.ts";
import { type LocalIdentity, localIdentity } from "@services/dsoftbusd/custody.ts";
import { EntropyPool } from "@services/rngd/client/entropy_pool.ts";
import type { HandshakePorts } from "@services/dsoftbusd/handshake.ts";
import { identityd } from "@services/identityd/protocol.ts";
import { createIdentityd } from "@services/identityd/service.ts";
import { DeviceKey } from "@services/keystored/device_key.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { rngd } from "@services/rngd/protocol.ts";
import { directClient } from "./direct.ts";

/** The daemons behind one device whose seed is fixed: they sign, agree and verify for real. */
export interface Custody {
  readonly keys: Client<typeof keystored>;
  readonly identity: Client<typeof identityd>;
  readonly entropy: EntropyPool;
  readonly local: LocalIdentity;
  /** Calls of keystored so far, by operation. */
  readonly calls: string[];
  /** The ports of a handshake; device ids that were bound go to `bound`. */
  handshake(bound?: (deviceId: string) => void): HandshakePorts;
}

/** What a test may change. */
export interface CustodyOptions {
  /** Every byte that rngd gives: the ephemeral key, fixed so that a test can compare bytes. */
  readonly ephemeral?: number;
  /** What identityd says of a proof in the place of checking it. */
  readonly valid?: boolean;
}

/** @param seed Every byte of the Ed25519 seed. */
export async function custody(seed: number, options: CustodyOptions = {}): Promise<Custody> {
  const key = new DeviceKey(new Secret(new Uint8Array(32).fill(seed)));
  const calls: string[] = [];
  const keys = directClient(keystored, keystore(key, calls));
  const checked = createIdentityd(keys);
  const { valid } = options;
  const identity = directClient(identityd, {
    ...checked,
    verifyProof: (proof, call) =>
      valid === undefined ? checked.verifyProof(proof, call) : { status: "ok", valid },
  });
  const entropy = new EntropyPool(directClient(rngd, {
    getEntropy: ({ length }) => ({
      status: "ok",
      entropy: new Uint8Array(length).fill(options.ephemeral ?? seed ^ 0x55),
    }),
  }));
  const local = await localIdentity(keys);
  if (local === undefined) throw new Error("the fake keystored has a key");
  const ports = { keys, identity, entropy, local };
  return { ...ports, calls, handshake: (bound = () => {}) => ({ ...ports, bound }) };
}

type Keystore = Parameters<typeof directClient<typeof keystored>>[1];

function keystore(key: DeviceKey, calls: string[]): Keystore {
  const told = <T>(name: string, answer: T): T => {
    calls.push(name);
    return answer;
  };
  const refused = () => ({ status: "unsupported" }) as const;
  return {
    ...{ put: refused, get: refused, del: refused },
    verify: refused,
    deviceKeygen: refused,
    getDevicePubkey: () => ({ status: "ok", key: key.verifyingKey }),
    deviceSign: refused,
    getDevicePrivkey: refused,
    staticPublic: () => told("staticPublic", { status: "ok", key: key.staticPublic }),
    staticDh({ remote }) {
      const shared = key.staticDh(remote);
      if (shared === undefined) return told("staticDh", { status: "point_refused" });
      return told("staticDh", { status: "ok", shared });
    },
    sessionProof: ({ role }) =>
      told("sessionProof", {
        status: "ok",
        signature: key.sessionProof(role === 0 ? "initiator" : "responder"),
        verifyingKey: key.verifyingKey,
      }),
    signPayload: refused,
    signLogCheckpoint: refused,
    signAnnounce: ({ message }) =>
      told("signAnnounce", { status: "ok", signature: key.sign("announce", message) }),
  };
}
