import { WireError } from "@runtime/core/error.ts";
import { ok } from "../fakes/assert.ts";

/**
 * Parses bytes that may be anything.
 *
 * @returns What the parser made of them, or `undefined` when it refused them as a parser may: with a
 *   `WireError` whose offset lies in the bytes. Any other exception goes on and fails the case.
 */
export function parsedOrRefused<T>(
  bytes: Uint8Array,
  parse: (bytes: Uint8Array) => T,
): T | undefined {
  try {
    return parse(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset}`);
    return undefined;
  }
}
