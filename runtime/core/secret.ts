import { assert } from "./assert.ts";

/**
 * Bytes that must not be printed, logged or copied by accident.
 *
 * Prints as `Secret(32 bytes)` wherever text is made of it. The bytes are reachable inside
 * {@linkcode Secret.use} alone, and {@linkcode Secret.wipe} overwrites them.
 */
export class Secret {
  readonly #bytes: Uint8Array;
  #wiped = false;

  /** Takes ownership of `bytes`: the caller must not keep them. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Length in bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  get wiped(): boolean {
    return this.#wiped;
  }

  /** Runs `work` over the bytes. What it returns must not be the bytes themselves. */
  use<T>(work: (bytes: Uint8Array) => T): T {
    assert(!this.#wiped, "a wiped secret is not used");
    return work(this.#bytes);
  }

  /** Overwrites the bytes with zeros. Safe to call twice. */
  wipe(): void {
    this.#bytes.fill(0);
    this.#wiped = true;
  }

  toString(): string {
    return `Secret(${this.#bytes.length} bytes)`;
  }

  toJSON(): string {
    return this.toString();
  }

  [Symbol.for("Deno.customInspect")](): string {
    return this.toString();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}
