import { concatBytes } from "@runtime/core/bytes.ts";
import { Secret } from "@runtime/core/secret.ts";
import type { Client } from "@runtime/idl/client.ts";
import { rngd } from "@services/rngd/protocol.ts";
import { directClient } from "./direct.ts";

/** keystored's own key, as the boot hands it over. */
export function kek(byte = 7): Secret {
  return new Secret(new Uint8Array(32).fill(byte));
}

/** rngd with a seed of a test's choice, and a nonce behind it; `undefined` where it has none. */
export function seedEntropy(
  give: (draw: number) => Uint8Array | undefined,
): Client<typeof rngd> {
  let draws = 0;
  return directClient(rngd, {
    getEntropy() {
      draws += 1;
      const seed = give(draws);
      if (seed === undefined) return { status: "unavailable" };
      return { status: "ok", entropy: concatBytes(seed, new Uint8Array(24).fill(0x40 + draws)) };
    },
  });
}
