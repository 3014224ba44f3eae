import type { EntropySource } from "@runtime/core/ports.ts";

/** Most bytes that one `crypto.getRandomValues` gives. Source: Web Cryptography API. */
const CHUNK_BYTES_MAX = 65_536;

/**
 * The host's cryptographic random source. Always fills everything.
 *
 * The target may be shared memory, which the host refuses: bytes pass through a private buffer
 * that is wiped after each chunk.
 */
export function hostEntropy(): EntropySource {
  let chunk = new Uint8Array(256);
  return {
    fill(bytes) {
      const size = Math.min(bytes.length, CHUNK_BYTES_MAX);
      if (chunk.length < size) chunk = new Uint8Array(size);
      for (let offset = 0; offset < bytes.length;) {
        const part = chunk.subarray(0, Math.min(chunk.length, bytes.length - offset));
        crypto.getRandomValues(part);
        bytes.set(part, offset);
        part.fill(0);
        offset += part.length;
      }
      return bytes.length;
    },
  };
}
