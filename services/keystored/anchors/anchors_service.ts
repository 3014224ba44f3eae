import { equalBytes } from "@runtime/core/bytes.ts";
import { fromHex, toHex } from "@runtime/core/hex.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { sha256 } from "@runtime/crypto/sha256.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { KeySlot } from "../key_slot.ts";
import type { anchors } from "../protocol.ts";
import type { Publisher } from "./built_in.ts";

/** Bytes of SHA-256 that name an anchor. Source: Open Nexus OS, keystored, anchors. */
const ANCHOR_ID_LENGTH = 16;
const SIGNATURE_LENGTH = 64;
const ALGORITHM = "ed25519";

/** Why a key is allowed or not. Source: Open Nexus OS, keystored, `is_key_allowed`. */
type Reason = "publisher_unknown" | "disabled" | "alg_unsupported" | "key_unknown" | "allow";

/** Serves what is trusted, and whether a signature is by it. It decides nothing else. */
export function createAnchors(
  publishers: readonly Publisher[],
  slot: Pick<KeySlot, "key">,
): Handlers<typeof anchors> {
  const keys = new Map<string, Uint8Array>();
  for (const { enabled, keys: own } of publishers) {
    if (!enabled) continue;
    for (const key of own.map(fromHex)) keys.set(anchorIdOf(key), key);
  }
  return {
    getAnchors: () => ({ status: "ok", anchors: [...keys.keys()].sort() }),
    verify({ anchorId, payload, signature }) {
      const key = keys.get(anchorId);
      const valid = key !== undefined && signature.length === SIGNATURE_LENGTH &&
        ed25519Verify(key, payload, signature);
      return { status: "ok", ok: valid };
    },
    async deviceId() {
      const key = await slot.key();
      if (key === undefined) return { status: "unavailable" };
      return { status: "ok", id: toHex(sha256(key.verifyingKey)) };
    },
    isKeyAllowed({ publisher, alg, pubkey }) {
      const reason = judged(publishers, { publisher, alg, pubkey });
      return { status: "ok", allowed: reason === "allow", reason };
    },
  };
}

/** The id of an anchor: the head of SHA-256 of its public key, 32 hexadecimal digits. */
export function anchorIdOf(key: Uint8Array): string {
  return toHex(sha256(key).subarray(0, ANCHOR_ID_LENGTH));
}

function judged(
  publishers: readonly Publisher[],
  { publisher, alg, pubkey }: {
    readonly publisher: string;
    readonly alg: string;
    readonly pubkey: Uint8Array;
  },
): Reason {
  const known = publishers.find(({ id }) => id === publisher);
  if (known === undefined) return "publisher_unknown";
  if (!known.enabled) return "disabled";
  if (alg !== ALGORITHM || !known.algorithms.includes(alg)) return "alg_unsupported";
  return known.keys.some((key) => equalBytes(fromHex(key), pubkey)) ? "allow" : "key_unknown";
}
