/**
 * The question that every enforcer asks policyd, as part of the IDL so that the gate can be built
 * without knowing the daemon.
 *
 * @module
 */

import { text8 } from "./field.ts";
import type { PackedOp } from "./service.ts";

/** Longest subject, in bytes: `peer:` and a device id fit. */
export const SUBJECT_LENGTH_MAX = 80;
/** Longest capability name, in bytes. Source: Open Nexus OS policyd, CHECK_CAP. */
export const CAPABILITY_LENGTH_MAX = 48;
/** Longest operation name, in bytes. Source: RFC-0015, "Audit record". */
export const OPERATION_LENGTH_MAX = 32;
/** Longest target, in bytes: upstream's 64 do not hold an application, a purpose and a key's id. */
export const TARGET_LENGTH_MAX = 144;

/** What an enforcer asks: may this subject do this. */
export interface Ask {
  readonly subject: string;
  readonly capability: string;
  readonly operation: string;
  readonly target: string;
}

/** The decision. Fails closed: whatever keeps policyd from answering is a `false`. */
export type Gate = (ask: Ask) => Promise<boolean>;

/** policyd's DECIDE, our opcode 0x20. Status `ok` allows; every other one denies. */
export const DECIDE = {
  code: 0x20,
  doc: "Decides for a subject and writes the one audit record, before it replies.",
  capability: null,
  request: {
    subject: text8(1, SUBJECT_LENGTH_MAX),
    capability: text8(1, CAPABILITY_LENGTH_MAX),
    operation: text8(0, OPERATION_LENGTH_MAX),
    target: text8(0, TARGET_LENGTH_MAX),
  },
  reply: {},
} as const satisfies PackedOp;
