import { fromHex } from "@runtime/core/hex.ts";
import { forceProviders } from "@runtime/crypto/providers.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";
import { NoiseError, type NoiseErrorCode } from "@net/noise/error.ts";
import { finishWithStatic, Handshake } from "@net/noise/handshake.ts";
import type { NoiseRole } from "@net/noise/pattern.ts";
import { encodeProof, type Proof } from "@net/noise/proof.ts";
import type { Transport } from "@net/noise/transport.ts";

/** Runs `body` with the chosen implementations, then with the reference. */
export function withEach(body: () => void): void {
  body();
  forceProviders("noble");
  try {
    body();
  } finally {
    forceProviders(undefined);
  }
}

/** One end of a handshake, with the static secret that the handshake does not hold. */
export interface End {
  readonly handshake: Handshake;
  readonly secret: X25519Secret;
}

/** What an end is made of, in hex. */
export interface EndOptions {
  readonly secret: string;
  readonly ephemeral: string;
  readonly remote?: string;
  readonly prologue?: string;
}

/** Makes one end. */
export function end(role: NoiseRole, options: EndOptions): End {
  const secret = x25519Secret(fromHex(options.secret));
  const handshake = new Handshake({
    role,
    localStatic: secret.publicKey,
    ephemeralSecret: fromHex(options.ephemeral),
    prologue: fromHex(options.prologue ?? ""),
    ...(options.remote === undefined ? {} : { remoteStatic: fromHex(options.remote) }),
  });
  return { handshake, secret };
}

/** Writes the next message, the static Diffie-Hellman included. */
export function write({ handshake, secret }: End, payload: Uint8Array): Uint8Array {
  return finishWithStatic(handshake, secret, handshake.write(payload));
}

/** Reads the peer's next message, the static Diffie-Hellman included. */
export function read({ handshake, secret }: End, message: Uint8Array): Uint8Array {
  return finishWithStatic(handshake, secret, handshake.read(message));
}

/** The code of the NoiseError that `work` throws, if it throws one. */
export function codeOf(work: () => unknown): NoiseErrorCode | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    if (error instanceof NoiseError) return error.code;
    throw error;
  }
}

/** One message, sealed. */
export function sealed(transport: Transport, plain: Uint8Array): Uint8Array {
  const out = new Uint8Array(plain.length + 16);
  transport.seal(plain, out);
  return out;
}

/** One message, opened. */
export function opened(transport: Transport, record: Uint8Array): Uint8Array {
  const out = new Uint8Array(record.length - 16);
  transport.open(record, out);
  return out;
}

/** Session-wire, appendix A: secrets and public keys of A.1, fixed ephemerals of A.2. */
export const ALICE = {
  secret: "70cd6e8422c407fb6d098690f1130b7ded7ec2f7f5e1d30bd9d521f015363753",
  ephemeral: "11".repeat(32),
  remote: "6f79a4e17869fe358541b51b26de54a342c7b46326e0b9ce00631270b3186f65",
};
/** See {@linkcode ALICE}. */
export const BOB = {
  secret: "70877bb41d393b5fb8455ce60ecd8dda001d06316496b14dfa7f895656eeca4a",
  ephemeral: "22".repeat(32),
};
/** Alice's proof as initiator, of A.1. */
export const ALICE_PROOF: Proof = {
  deviceId: "34750f98bd59fcfc946da45aaabe933be154a4b5094e1c4abf42866505f3c97e",
  verifyingKey: fromHex("8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"),
  signature: fromHex(
    "ab5b7b9f7d98e63500fab3e8a77836ec583ba9883b5db9e968a6af01aedad577" +
      "7df43ba00a75973ece183e1f6f9aa434c2fba2acea9c862f0618dab98ed26808",
  ),
};
/** Bob's proof as responder, of A.1. */
export const BOB_PROOF: Proof = {
  deviceId: "6a3803d5f059902a1c6dafbc9ba4729212f7caac08634cc3ae76b27529f03827",
  verifyingKey: fromHex("8139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8fc9b394"),
  signature: fromHex(
    "43cbaccadb5863e3ab1c8ccc15767b7a30486940e9e54a91f5557b533362d6c0" +
      "afa53baf61287e896cfad78a77149b479de555febef1607e1be4fe779c958205",
  ),
};

/** Two ends that have finished, and what went between them. */
export interface Session {
  readonly alice: End;
  readonly bob: End;
  readonly messages: readonly [Uint8Array, Uint8Array, Uint8Array];
}

/** Alice and Bob through all three messages. */
export function session(): Session {
  const [alice, bob] = [end("initiator", ALICE), end("responder", BOB)];
  const first = write(alice, new Uint8Array(0));
  read(bob, first);
  const second = write(bob, encodeProof(BOB_PROOF));
  read(alice, second);
  const third = write(alice, encodeProof(ALICE_PROOF));
  read(bob, third);
  return { alice, bob, messages: [first, second, third] };
}
