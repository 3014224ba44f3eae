import type { Handlers } from "@runtime/idl/server.ts";
import type { rngd } from "./protocol.ts";
import type { EntropySource } from "./source.ts";

/** Serves entropy from one source. Bytes are handed on once and never kept or logged. */
export function createRngd(source: Pick<EntropySource, "draw">): Handlers<typeof rngd> {
  return {
    async getEntropy({ length }) {
      const entropy = await source.draw(length);
      return entropy === undefined ? { status: "unavailable" } : { status: "ok", entropy };
    },
  };
}
