/** A step of a handshake message. Two letters name a Diffie-Hellman: initiator's key, responder's. */
export type Token = "e" | "s" | "ee" | "es" | "se";

/** Which end of the handshake one is. */
export type NoiseRole = "initiator" | "responder";

/** A handshake pattern as a table. Messages alternate; the initiator sends the first. */
export interface HandshakePattern {
  /** Name of the whole suite: it starts the transcript. */
  readonly protocol: string;
  /** Whose static key both know before the first message. */
  readonly preMessage: NoiseRole;
  readonly messages: readonly (readonly Token[])[];
}

/** Noise XK, message by message. Source: Noise Protocol Framework rev. 34, "Interactive handshake patterns". */
export const XK: HandshakePattern = {
  protocol: "Noise_XK_25519_ChaChaPoly_BLAKE2s",
  preMessage: "responder",
  messages: [["e", "es"], ["e", "ee"], ["s", "se"]],
};

/** Length of public keys, secrets and hashes of the suite, in bytes. */
export const NOISE_KEY_LENGTH = 32;

/** Length of an authentication tag, in bytes. */
export const NOISE_TAG_LENGTH = 16;

/** Longest message, handshake or transport, in bytes. Source: Noise rev. 34, "Message format". */
export const NOISE_MESSAGE_LENGTH_MAX = 65535;

/** Longest transport plaintext, in bytes. */
export const NOISE_PLAINTEXT_LENGTH_MAX = NOISE_MESSAGE_LENGTH_MAX - NOISE_TAG_LENGTH;

/** What message `index` adds to its payload, in bytes: keys, and tags once a key is mixed in. */
export function messageOverhead(pattern: HandshakePattern, index: number): number {
  let [keyed, length] = [false, 0];
  for (let at = 0; at <= index; at++) {
    for (const token of pattern.messages[at] ?? []) {
      if (isDh(token)) keyed = true;
      else if (at === index) length += keyLength(token, keyed);
    }
  }
  return length + (keyed ? NOISE_TAG_LENGTH : 0);
}

/** What a key takes in a message: a static key is sealed once there is a key to do it. */
function keyLength(token: Token, keyed: boolean): number {
  return NOISE_KEY_LENGTH + (token === "s" && keyed ? NOISE_TAG_LENGTH : 0);
}

function isDh(token: Token): boolean {
  return token.length === 2;
}

/** Whether a role's key in a Diffie-Hellman token is its static one. */
export function usesStatic(token: Token, role: NoiseRole): boolean {
  return token.charAt(role === "initiator" ? 0 : 1) === "s";
}

/** The role of the other end. */
export function otherRole(role: NoiseRole): NoiseRole {
  return role === "initiator" ? "responder" : "initiator";
}
