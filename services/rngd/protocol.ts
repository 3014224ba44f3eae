/**
 * rngd: the single entropy authority.
 *
 * Wire: Open Nexus OS, `RG` v1 (`source/services/rngd/src/lib.rs`).
 *
 * @module
 */

import { rest, u16 } from "@runtime/idl/field.ts";
import { defineService, NONCE32 } from "@runtime/idl/service.ts";

/** Most bytes of entropy in one reply. */
export const ENTROPY_LENGTH_MAX = 256;

export const rngd = defineService({
  name: "rngd",
  magic: "RG",
  version: 1,
  envelope: NONCE32,
  status: { ok: 0, oversized: 1, denied: 2, unavailable: 3, malformed: 4 },
  ops: {
    getEntropy: {
      code: 1,
      doc: "Draws fresh bytes from the hardware source, judged by the health tests.",
      capability: "rng.entropy",
      target: "length",
      bounds: { length: { min: 1, max: ENTROPY_LENGTH_MAX, status: "oversized" } },
      request: { length: u16() },
      reply: { entropy: rest(ENTROPY_LENGTH_MAX) },
    },
  },
  markers: {
    ready: {
      line: "rngd: ready",
      phase: "bring-up",
      role: "required",
      proves:
        "the health tests tripped on sequences that must trip them, the device gave bytes that " +
        "pass them, and rngd serves",
      evidence: [],
    },
    mapped: {
      line: "rngd: mmio window mapped ok",
      phase: "mmio",
      role: "required",
      proves: "bytes came through the register window that policy granted",
      evidence: ["drawn"],
    },
    failed: {
      line: "rngd: health test failed, entropy off",
      phase: null,
      role: "failure",
      proves: "the source is stuck, biased or dead; no byte is handed out until the node restarts",
      evidence: ["judged"],
    },
  },
});
