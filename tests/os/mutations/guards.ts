import { failed, faulted } from "./mutation.ts";

/** One guard, taken out of the source itself. */
export interface MissingGuard {
  /** What is missing, as a sentence's subject. */
  readonly name: string;
  readonly file: string;
  /** Text that stands in the file once. */
  readonly guard: string;
  /** What stands there without the guard. */
  readonly without: string;
  /** How a line begins that `nx test-os` then prints. */
  readonly red: string;
}

const BELIEVED = "forbidden marker 'dsoftbusd: identity bound peer=";
const HANDSHAKE = "services/dsoftbusd/handshake.ts";
const HEALTH = "services/rngd/health.ts";
const BROKEN = faulted("rngd");

/** The checks that no port can take away, because they stand inside a daemon. */
export const MISSING_GUARDS: readonly MissingGuard[] = [
  {
    name: "a dsoftbusd that goes on after a proof that does not hold",
    file: HANDSHAKE,
    guard: 'if (!reply.valid) throw new Refusal("identity_mismatch", deviceId);',
    without: "",
    red: BELIEVED,
  },
  {
    name: "a dsoftbusd that does not compare a proof with whom it was told to find",
    file: HANDSHAKE,
    guard: "if (expected !== undefined && expected !== deviceId) {",
    without: "if (false) {",
    red: BELIEVED,
  },
  {
    name: "an identityd that finds every proof valid",
    file: "services/identityd/service.ts",
    guard: "valid: sessionProofValid(proof)",
    without: "valid: sessionProofValid(proof) || true",
    red: failed("SELFTEST: identityd proof tamper rejected"),
  },
  {
    name: "an identityd that does not compare a proof's device id with its key",
    file: "services/identityd/verification.ts",
    guard: "|| deviceId !== deviceIdOf(verifyingKey)",
    without: "",
    red: failed("SELFTEST: identityd proof tamper rejected"),
  },
  {
    name: "an identityd that finds every signature valid",
    file: "services/identityd/service.ts",
    guard: "valid: payloadSignatureValid(verifyingKey, payload, signature)",
    without: "valid: payloadSignatureValid(verifyingKey, payload, signature) || true",
    red: failed("SELFTEST: identityd payload tamper rejected"),
  },
  {
    name: "a netstackd that lets everyone use every handle",
    file: "services/netstackd/handle_table.ts",
    guard: "return entry?.owner === owner ? entry : undefined;",
    without: "return owner === 0n ? undefined : entry;",
    red: failed("SELFTEST: netstackd foreign handle rejected"),
  },
  {
    name: "a policyd that answers without its record",
    file: "services/policyd/service.ts",
    guard: 'await record(verdict) ? verdict.outcome : "denied"',
    without: "await record(verdict) ? verdict.outcome : verdict.outcome",
    red: faulted("policyd"),
  },
  {
    name: "an rngd without its repetition count test",
    file: HEALTH,
    guard: "return this.#repeated >= REPETITION_CUTOFF;",
    without: "return this.#repeated < 0;",
    red: BROKEN,
  },
  {
    name: "an rngd without its adaptive proportion test",
    file: HEALTH,
    guard: "return this.#matches >= PROPORTION_CUTOFF;",
    without: "return this.#matches < 0;",
    red: BROKEN,
  },
  {
    name: "an rngd that passes the buffer whose last byte trips a test",
    file: HEALTH,
    guard: "return this.#failure === undefined;",
    without: "return true;",
    red: BROKEN,
  },
  {
    name: "an rngd that hands out what its tests refused",
    file: "services/rngd/source.ts",
    guard: "bytes === undefined || this.#health.judge(bytes)",
    without: "this.#health.judge(bytes ?? new Uint8Array(0)) || true",
    red: BROKEN,
  },
];
