import { assert } from "@runtime/core/assert.ts";
import { allZero } from "@runtime/core/bytes.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";

import { NoiseError, type NoiseErrorCode } from "./error.ts";
import {
  type HandshakePattern,
  messageOverhead,
  NOISE_KEY_LENGTH,
  NOISE_MESSAGE_LENGTH_MAX,
  NOISE_TAG_LENGTH,
  type NoiseRole,
  otherRole,
  type Token,
  usesStatic,
  XK,
} from "./pattern.ts";
import { Rows } from "./rows.ts";
import { SYMMETRIC_STATE_LENGTH, SymmetricState } from "./symmetric_state.ts";
import { Transport } from "./transport.ts";

/** Whose turn it is, or how it ended. */
export type HandshakeState = "awaiting_read" | "awaiting_write" | "complete" | "failed";

/** What a handshake starts from. All keys have 32 bytes and are copied. */
export interface HandshakeOptions {
  readonly role: NoiseRole;
  /** Our static public key. The secret stays with its keeper. */
  readonly localStatic: Uint8Array;
  /** The responder's static public key, which an initiator must know. A responder leaves it out. */
  readonly remoteStatic?: Uint8Array;
  /** Fresh entropy, used for this handshake alone. */
  readonly ephemeralSecret: Uint8Array;
  /** Bytes that both ends must agree on; empty when left out. */
  readonly prologue?: Uint8Array;
}

/** What became of a message. */
export type HandshakeStep =
  /** The message is done: `bytes` is what to send after a write, the payload after a read. */
  | {
    readonly need: "nothing";
    readonly bytes: Uint8Array;
    /** The transcript hash just before the payload: what it can be bound to. Not to be written. */
    readonly payloadHash: Uint8Array;
  }
  /** Wants `resume` with the Diffie-Hellman of our static secret and `remote`. */
  | { readonly need: "staticDh"; readonly remote: Uint8Array }
  /** After `beginWrite`: wants `finishWrite` with the payload. */
  | { readonly need: "payload"; readonly payloadHash: Uint8Array };

const NOTHING = new Uint8Array(0);

/** What a handshake keeps that is no secret; from `payloadHash` on, a row for each message. */
const Row = { localStatic: 0, remoteStatic: 1, remoteEphemeral: 2, payloadHash: 3 } as const;

/** A message in the making. Nothing of it shows until it is done. */
interface Progress {
  readonly writing: boolean;
  readonly tokens: readonly Token[];
  token: number;
  /** The message: the one read, or the one being written, with room for a payload that is known. */
  message: Uint8Array;
  offset: number;
  payload: Uint8Array | undefined;
  remoteEphemeral: Uint8Array | undefined;
  remoteStatic: Uint8Array | undefined;
}

/**
 * A Noise handshake without its static secret: where the pattern needs that, a step says so.
 *
 * Each message is all or nothing: until its last step the state shows nothing of it, and a call out
 * of turn changes nothing. A peer's message that does not hold ends the handshake for good, and its
 * keys are wiped.
 *
 * Source: Noise Protocol Framework rev. 34, "The HandshakeState object".
 */
export class Handshake {
  readonly role: NoiseRole;
  readonly #pattern: HandshakePattern;
  readonly #rows: Rows;
  readonly #localStatic: Uint8Array;
  readonly #ephemeral: X25519Secret;
  #remoteStatic: Uint8Array | undefined;
  #remoteEphemeral: Uint8Array | undefined;
  #symmetric: SymmetricState;
  #working: SymmetricState;
  #index = 0;
  #progress: Progress | undefined;
  #failed = false;
  #split = false;

  constructor(options: HandshakeOptions, pattern: HandshakePattern = XK) {
    const { role, localStatic, remoteStatic, ephemeralSecret } = options;
    assert(localStatic.length === NOISE_KEY_LENGTH, "a static public key has 32 bytes");
    assert((remoteStatic !== undefined) === (role !== pattern.preMessage), "XK's initiator knows");
    this.role = role;
    this.#pattern = pattern;
    this.#rows = new Rows(Row.payloadHash + pattern.messages.length);
    this.#localStatic = this.#rows.keep(Row.localStatic, localStatic);
    this.#remoteStatic = remoteStatic && this.#rows.keep(Row.remoteStatic, remoteStatic);
    this.#ephemeral = x25519Secret(ephemeralSecret);
    const secrets = new Uint8Array(2 * SYMMETRIC_STATE_LENGTH);
    this.#symmetric = new SymmetricState(secrets.subarray(0, SYMMETRIC_STATE_LENGTH));
    this.#working = new SymmetricState(secrets.subarray(SYMMETRIC_STATE_LENGTH));
    this.#symmetric.begin(pattern.protocol);
    this.#symmetric.mixHash(options.prologue ?? NOTHING);
    this.#symmetric.mixHash(this.#remoteStatic ?? this.#localStatic);
  }

  get state(): HandshakeState {
    if (this.#failed) return "failed";
    if (this.#index === this.#pattern.messages.length) return "complete";
    return this.#ourTurn ? "awaiting_write" : "awaiting_read";
  }

  /** The peer's static public key, once known (an initiator: always), as a copy. */
  get remoteStatic(): Uint8Array | undefined {
    return this.#remoteStatic?.slice();
  }

  /**
   * The handshake hash: the same at both ends, different for every session.
   *
   * @throws {NoiseError} `not_complete`; `failed`.
   */
  get hash(): Uint8Array {
    this.#mustBeComplete();
    return this.#symmetric.hash;
  }

  /**
   * Writes the next message around `payload`.
   *
   * @throws {NoiseError} `not_turn_to_write`, `message_pending`, `message_too_long`: as before.
   *   `low_order_point`, `failed`: over.
   */
  write(payload: Uint8Array): HandshakeStep {
    this.#mustWrite();
    this.#mustFit(payload);
    return this.#run(this.#begin(true, NOTHING, payload));
  }

  /** As {@linkcode Handshake.write} for a payload that is made from `payloadHash`. */
  beginWrite(): HandshakeStep {
    this.#mustWrite();
    return this.#run(this.#begin(true, NOTHING, undefined));
  }

  /** Gives the payload that a step asked for; errors as {@linkcode Handshake.write}. */
  finishWrite(payload: Uint8Array): HandshakeStep {
    const progress = this.#progress;
    const waits = progress?.writing === true && progress.token === progress.tokens.length;
    if (!waits || progress.payload !== undefined) throw this.#misuse("nothing_pending");
    this.#mustFit(payload);
    const message = new Uint8Array(progress.message.length + payload.length);
    message.set(progress.message);
    progress.message = message;
    progress.payload = payload;
    return this.#run(progress);
  }

  /**
   * Reads the peer's next message.
   *
   * @throws {NoiseError} `not_turn_to_read`, `message_pending`: as before. `message_length`,
   *   `decrypt_failed`, `low_order_point`, `failed`: over.
   */
  read(message: Uint8Array): HandshakeStep {
    if (this.state !== "awaiting_read") throw this.#misuse("not_turn_to_read");
    if (this.#progress !== undefined) throw new NoiseError("message_pending");
    const lengthMin = messageOverhead(this.#pattern, this.#index);
    if (message.length < lengthMin || message.length > NOISE_MESSAGE_LENGTH_MAX) {
      throw this.#fail("message_length");
    }
    return this.#run(this.#begin(false, message, undefined));
  }

  /**
   * Goes on with the result of the static Diffie-Hellman that a step asked for.
   *
   * @param shared 32 bytes, or `undefined` when the keeper refused: the point has low order.
   * @throws {NoiseError} `nothing_pending`: as before. Otherwise as the call that asked.
   */
  resume(shared: Uint8Array | undefined): HandshakeStep {
    const progress = this.#progress;
    if (progress === undefined || progress.token === progress.tokens.length) {
      throw this.#misuse("nothing_pending");
    }
    if (shared === undefined || allZero(shared)) {
      throw this.#fail("low_order_point");
    }
    assert(shared.length === NOISE_KEY_LENGTH, "a shared secret has 32 bytes");
    this.#working.mixKey(shared);
    progress.token++;
    return this.#run(progress);
  }

  /**
   * Ends the handshake and hands over its keys, once.
   *
   * @throws {NoiseError} `not_complete`; `failed`.
   */
  split(): Transport {
    this.#mustBeComplete();
    if (this.#split) throw new NoiseError("not_complete");
    const [initiator, responder] = this.#symmetric.split();
    const ours = this.role === "initiator";
    const transport = new Transport({
      send: ours ? initiator : responder,
      receive: ours ? responder : initiator,
    });
    initiator.fill(0);
    responder.fill(0);
    this.#ephemeral.wipe();
    this.#symmetric.wipeKeys();
    this.#split = true;
    return transport;
  }

  /** Gives up: overwrites every secret. */
  wipe(): void {
    this.#failed = true;
    this.#progress = undefined;
    this.#ephemeral.wipe();
    this.#symmetric.wipe();
    this.#working.wipe();
  }

  get #ourTurn(): boolean {
    return (this.#index % 2 === 0) === (this.role === "initiator");
  }

  #begin(writing: boolean, message: Uint8Array, payload: Uint8Array | undefined): Progress {
    this.#working.copy(this.#symmetric);
    const length = messageOverhead(this.#pattern, this.#index) + (payload?.length ?? 0);
    return {
      writing,
      tokens: this.#pattern.messages[this.#index] ?? [],
      token: 0,
      message: writing ? new Uint8Array(length) : message,
      offset: 0,
      payload,
      remoteEphemeral: this.#remoteEphemeral,
      remoteStatic: this.#remoteStatic,
    };
  }

  /** Works through the tokens that are left, then the payload. */
  #run(progress: Progress): HandshakeStep {
    for (; progress.token < progress.tokens.length; progress.token++) {
      const token = progress.tokens[progress.token];
      if (token === "e") this.#ephemeralKey(progress);
      else if (token === "s") this.#staticKey(progress);
      else if (token !== undefined) {
        const remote = remoteKey(progress, token, this.role);
        if (usesStatic(token, this.role)) return this.#waitForDh(progress, remote);
        this.#mixDh(remote);
      }
    }
    return progress.writing ? this.#writePayload(progress) : this.#readPayload(progress);
  }

  #ephemeralKey(progress: Progress): void {
    const { writing, message, offset } = progress;
    const end = offset + NOISE_KEY_LENGTH;
    if (writing) message.set(this.#ephemeral.publicKey, offset);
    else {
      const key = message.subarray(offset, end);
      progress.remoteEphemeral = this.#rows.keep(Row.remoteEphemeral, key);
    }
    this.#working.mixHash(message.subarray(offset, end));
    progress.offset = end;
  }

  #staticKey(progress: Progress): void {
    const { writing, message, offset } = progress;
    if (writing) {
      progress.offset += this.#working.encryptAndHash(this.#localStatic, message, offset);
      return;
    }
    // In the patterns here a static key is only ever sent under a key.
    const end = offset + NOISE_KEY_LENGTH + NOISE_TAG_LENGTH;
    const key = this.#rows.at(Row.remoteStatic);
    progress.remoteStatic = this.#decrypt(message.subarray(offset, end), key);
    progress.offset = end;
  }

  #mixDh(remote: Uint8Array): void {
    const shared = this.#ephemeral.shared(remote);
    if (shared === undefined) throw this.#fail("low_order_point");
    this.#working.mixKey(shared);
    shared.fill(0);
  }

  /** Keeps copies: the caller's buffers may be gone when the answer comes. */
  #waitForDh(progress: Progress, remote: Uint8Array): HandshakeStep {
    const { writing, message, payload } = progress;
    if (!writing) progress.message = message.slice();
    else if (payload !== undefined) {
      // It waits at the end of its message, where sealing it in place writes over it.
      progress.payload = message.subarray(message.length - payload.length);
      progress.payload.set(payload);
    }
    this.#progress = progress;
    return { need: "staticDh", remote: remote.slice() };
  }

  #writePayload(progress: Progress): HandshakeStep {
    const { message, payload, offset } = progress;
    const payloadHash = this.#payloadHash();
    if (payload === undefined) {
      this.#progress = progress;
      return { need: "payload", payloadHash };
    }
    this.#working.encryptAndHash(payload, message, offset);
    this.#commit(progress);
    return { need: "nothing", bytes: message, payloadHash };
  }

  #readPayload(progress: Progress): HandshakeStep {
    const payloadHash = this.#payloadHash();
    const bytes = this.#decrypt(progress.message.subarray(progress.offset));
    this.#commit(progress);
    return { need: "nothing", bytes, payloadHash };
  }

  #payloadHash(): Uint8Array {
    return this.#working.copyHash(this.#rows.at(Row.payloadHash + this.#index));
  }

  #decrypt(sealed: Uint8Array, out?: Uint8Array): Uint8Array {
    try {
      return this.#working.decryptAndHash(sealed, out);
    } catch (error) {
      throw error instanceof NoiseError ? this.#fail(error.code) : error;
    }
  }

  #commit(progress: Progress): void {
    [this.#symmetric, this.#working] = [this.#working, this.#symmetric];
    this.#working.wipe();
    this.#remoteEphemeral = progress.remoteEphemeral;
    this.#remoteStatic = progress.remoteStatic;
    this.#progress = undefined;
    this.#index++;
  }

  #mustWrite(): void {
    if (this.state !== "awaiting_write") throw this.#misuse("not_turn_to_write");
    if (this.#progress !== undefined) throw new NoiseError("message_pending");
  }

  #mustFit(payload: Uint8Array): void {
    const length = messageOverhead(this.#pattern, this.#index) + payload.length;
    if (length > NOISE_MESSAGE_LENGTH_MAX) throw new NoiseError("message_too_long");
  }

  #mustBeComplete(): void {
    if (this.state !== "complete") throw this.#misuse("not_complete");
  }

  /** A call that came at the wrong time changes nothing. */
  #misuse(code: NoiseErrorCode): NoiseError {
    return new NoiseError(this.#failed ? "failed" : code);
  }

  #fail(code: NoiseErrorCode): NoiseError {
    this.wipe();
    return new NoiseError(code);
  }
}

/** The peer's key that a Diffie-Hellman token uses. */
function remoteKey(progress: Progress, token: Token, role: NoiseRole): Uint8Array {
  const key = usesStatic(token, otherRole(role)) ? progress.remoteStatic : progress.remoteEphemeral;
  assert(key !== undefined, "a pattern names no key before it is known");
  return key;
}

/**
 * Finishes a step with a static secret at hand: for tests, benches and whoever keeps both in one
 * place.
 *
 * @returns the step's bytes.
 * @throws {NoiseError} as {@linkcode Handshake.resume}.
 */
export function finishWithStatic(
  handshake: Handshake,
  secret: X25519Secret,
  step: HandshakeStep,
): Uint8Array {
  let next = step;
  while (next.need === "staticDh") next = handshake.resume(secret.shared(next.remote));
  assert(next.need === "nothing", "the payload was given");
  return next.bytes;
}
