import { deviceIdOf, proofDigest } from "@net/noise/proof.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { ED25519_SEED_LENGTH, type Ed25519Signer, ed25519Signer } from "@runtime/crypto/ed25519.ts";
import { SESSION_PORT } from "../dsoftbusd/protocol.ts";
import { PURPOSE_PREFIX } from "../keystored/protocol.ts";
import type { Probe, ProbePorts, Probes } from "./probe.ts";

const UTF8 = new TextEncoder();
const STATIC_LENGTH = 32;
const ANY = "0.0.0.0";
const LISTEN_PORT = 34_571;
/** Handles that are tried, those in front of a fresh one: the bus's own is among them. */
const HANDLES_TRIED = 64;
/** Behind the largest handle comes 1 again. */
const HANDLE_MAX = 0xffff_ffff;
const WAIT_MS = 1;

/** Who the proofs of these probes are of: nobody. Its key is drawn here and wiped behind the probe. */
async function withThrowAway<T>(
  { rng }: ProbePorts,
  work: (signer: Ed25519Signer, noiseStatic: Uint8Array) => Promise<T>,
): Promise<T | undefined> {
  const drawn = await rng.getEntropy({ length: ED25519_SEED_LENGTH + STATIC_LENGTH });
  if (drawn.status !== "ok") return undefined;
  const signer = ed25519Signer(drawn.entropy.subarray(0, ED25519_SEED_LENGTH));
  const noiseStatic = drawn.entropy.slice(ED25519_SEED_LENGTH);
  drawn.entropy.fill(0);
  try {
    return await work(signer, noiseStatic);
  } finally {
    signer.wipe();
  }
}

/** The bytes with one bit turned over. */
function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => index === at ? byte ^ 1 : byte);
}

type Proof = Parameters<ProbePorts["identity"]["verifyProof"]>[0];

/** A genuine proof holds in its own role, and nothing that differs from it in one thing does. */
const proofTamper: Probe = (ports) =>
  withThrowAway(ports, async (signer, noiseStatic) => {
    const verifyingKey = signer.publicKey;
    const deviceId = deviceIdOf(verifyingKey);
    const signature = signer.sign(proofDigest("initiator", noiseStatic));
    const genuine: Proof = { role: "client", noiseStatic, deviceId, verifyingKey, signature };
    const otherKey = flipped(verifyingKey, 0);
    const forged: readonly Proof[] = [
      { ...genuine, signature: flipped(signature, 0) },
      { ...genuine, signature: flipped(signature, 32) },
      { ...genuine, noiseStatic: flipped(noiseStatic, 31) },
      { ...genuine, role: "server" },
      { ...genuine, verifyingKey: otherKey },
      { ...genuine, verifyingKey: otherKey, deviceId: deviceIdOf(otherKey) },
      { ...genuine, deviceId: deviceIdOf(otherKey) },
    ];
    return await rejected(genuine, forged, (proof) => ports.identity.verifyProof(proof));
  });

type Signed = Parameters<ProbePorts["identity"]["verify"]>[0];

/** The same for a signed payload, and for a signature that was made for another purpose. */
const payloadTamper: Probe = (ports) =>
  withThrowAway(ports, async (signer, payload) => {
    const verifyingKey = signer.publicKey;
    const signed = (prefix: string) => signer.sign(concatBytes(UTF8.encode(prefix), payload));
    const genuine: Signed = { payload, verifyingKey, signature: signed(PURPOSE_PREFIX.payload) };
    const forged: readonly Signed[] = [
      { ...genuine, payload: flipped(payload, 0) },
      { ...genuine, signature: flipped(genuine.signature, 0) },
      { ...genuine, signature: flipped(genuine.signature, 32) },
      { ...genuine, verifyingKey: flipped(verifyingKey, 0) },
      { ...genuine, signature: signed(PURPOSE_PREFIX.announce) },
      { ...genuine, signature: signed("") },
    ];
    return await rejected(genuine, forged, (asked) => ports.identity.verify(asked));
  });

type Verdict = { readonly status: string; readonly valid?: boolean };

async function rejected<T>(
  genuine: T,
  forged: readonly T[],
  ask: (asked: T) => Promise<Verdict>,
): Promise<{ rejected: number } | undefined> {
  for (const asked of forged) {
    const verdict = await ask(asked);
    if (verdict.status !== "ok" || verdict.valid !== false) return undefined;
  }
  const verdict = await ask(genuine);
  return verdict.status === "ok" && verdict.valid === true
    ? { rejected: forged.length }
    : undefined;
}

/**
 * The session port is listened on by somebody else, so a handle below one of ours is dsoftbusd's. It
 * is not there for us, and dsoftbusd goes on listening.
 */
const foreignHandle: Probe = async ({ net }) => {
  const taken = { ip: ANY, port: SESSION_PORT };
  const own = await net.listen({ ip: ANY, port: LISTEN_PORT });
  if (own.status !== "ok" || (await net.listen(taken)).status !== "in_use") return undefined;
  for (let back = 1; back <= HANDLES_TRIED; back++) {
    const handle = own.handle > back ? own.handle - back : own.handle - back + HANDLE_MAX;
    const read = await net.read({ handle, min: 1, max: 1, timeoutMs: WAIT_MS });
    const closed = await net.close({ handle });
    if (read.status !== "not_found" || closed.status !== "not_found") return undefined;
  }
  const still = (await net.listen(taken)).status === "in_use";
  const closed = await net.close({ handle: own.handle });
  return still && closed.status === "ok" ? { refused: HANDLES_TRIED } : undefined;
};

/** What must be refused, asked of the daemons that refuse it. */
export const GUARD_PROBES = {
  proofTamper,
  payloadTamper,
  foreignHandle,
} as const satisfies Probes;
