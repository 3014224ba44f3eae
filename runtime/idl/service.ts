import { assert } from "../core/assert.ts";
import type { WireErrorCode } from "../core/error.ts";
import type { Slot } from "../core/syscalls.ts";
import type { CapnpSchema, CapnpStruct, CapnpValues } from "../capnp/struct.ts";
import type { Fields, ValuesOf } from "./field.ts";
import type { MarkerDeclaration } from "./marker.ts";

/** First opcode that is ours; the ones below are upstream's. */
export const OWN_OPCODE_MIN = 0x20;
/** Bit that turns a request's opcode into its reply's. */
export const REPLY_BIT = 0x80;
/** Where a protocol of upstream's has no status for a denial, it is this. */
export const DENIED_STATUS = 0x0f;

/** Parts of a packed frame between the four header bytes and the body, in wire order. */
export type RequestPart = "nonce32" | "nonce64" | "tailNonce64";
export type ReplyPart = "status" | "zero8" | "length16" | "nonce32" | "nonce64" | "tailNonce64";

/** The order in which a packed protocol writes what stands around the body. */
export interface Envelope {
  readonly request: readonly RequestPart[];
  readonly reply: readonly ReplyPart[];
}

/** `status nonce32`, the commonest envelope. */
export const NONCE32: Envelope = { request: ["nonce32"], reply: ["status", "nonce32"] };
/** Requests and replies without a nonce: one in flight at a time. */
export const BARE: Envelope = { request: [], reply: ["status"] };

/** Statuses by name. */
export type StatusCodes = Readonly<Record<string, number>> & { readonly ok: 0 };

/** What a protocol calls the two refusals that every protocol has. */
export interface RefusalWords {
  readonly denied: string;
  readonly malformed: string;
}

const USUAL_WORDS: RefusalWords = { denied: "denied", malformed: "malformed" };

/** The names of a protocol's denial, and of its refusal of what does not parse. */
export function wordsOf({ words = USUAL_WORDS }: Pick<ServiceCommon, "words">): RefusalWords {
  return words;
}

/** Least and most that a number of a request may be, and what is answered outside. */
export interface NumericBound {
  readonly min: number;
  readonly max: number;
  readonly status: string;
}

/** Capabilities that follow from what a request asks for. */
export interface CapabilityChoice {
  /** Every one that may be asked for. */
  readonly of: readonly string[];
  /**
   * Those of which this request takes any one, in the order in which they are asked for; none for a
   * request that its handler refuses whoever sends it.
   */
  readonly choose: (values: Readonly<Record<string, unknown>>) => readonly string[];
}

/** What every operation says, on either plane. */
export interface OpCommon {
  /** 1..127; the reply has the top bit set. From 0x20 on the code is ours. */
  readonly code: number;
  /** One sentence for the reference page. */
  readonly doc: string;
  /** Capability that the caller must hold, or `null` when everyone with the right may call. */
  readonly capability: string | null | CapabilityChoice;
  /** Numeric bounds that refuse before the gate is asked, with the status they answer. */
  readonly bounds?: Readonly<Record<string, NumericBound>>;
  /** Request field that the audit record names as the target; several are joined by colons. */
  readonly target?: string | readonly string[];
  /** Whether a client may ask again after `gone`. */
  readonly idempotent?: boolean;
}

/** One operation of a packed protocol. */
export interface PackedOp extends OpCommon {
  readonly request: Fields;
  readonly reply: Fields;
  /** `split`: the lengths of all fields stand before the contents of any. */
  readonly requestLayout?: "split";
  readonly replyLayout?: "split";
  /** `always`: the reply's fields are there whatever the status, zero where it is not `ok`. */
  readonly replyFields?: "always";
  /** Fields of refusals of ours that say more than their status, by status. */
  readonly refusalReply?: Readonly<Record<string, Fields>>;
}

/** One operation of the Cap'n Proto plane. `null` where upstream ignores or sends no body. */
export interface CapnpOp extends OpCommon {
  readonly request: CapnpStruct | null;
  readonly reply: CapnpStruct | null;
}

interface ServiceCommon {
  readonly name: string;
  readonly status: StatusCodes;
  /** `denied` and `malformed` unless said. */
  readonly words?: RefusalWords;
  /**
   * Statuses of frames that do not parse, by cause. Unless said, `unknown_op` is `unsupported` where
   * the protocol has that, and everything else is what it calls `malformed`.
   */
  readonly refusals?: Readonly<Partial<Record<WireErrorCode, string>>>;
  /** Endpoint of the daemon that serves this protocol, when it has more than one. */
  readonly endpoint?: string;
  /**
   * The only principals that may call, each with the subject as which policy judges it; everyone
   * else is denied. Where it is absent, everyone is judged under the name that the kernel stamped.
   */
  readonly callers?: Readonly<Record<string, string>>;
  /** Principals that policy judges as another subject, where everyone may call. */
  readonly subjects?: Readonly<Record<string, string>>;
  /** Marker lines that the daemon may print, by key. */
  readonly markers?: Readonly<Record<string, MarkerDeclaration>>;
}

/** A protocol in packed frames: `magic0 magic1 version op`, then what {@linkcode Envelope} says. */
export interface PackedService extends ServiceCommon {
  readonly plane: "packed";
  readonly magic: string;
  readonly version: number;
  readonly envelope: Envelope;
  readonly ops: Readonly<Record<string, PackedOp>>;
}

/** A protocol in Cap'n Proto messages: `opcode || message`. */
export interface CapnpService extends ServiceCommon {
  readonly plane: "capnp";
  readonly schema: CapnpSchema;
  readonly ops: Readonly<Record<string, CapnpOp>>;
}

export type Service = PackedService | CapnpService;

/** Every capability that an operation may take of its caller. */
export function capabilitiesOf({ capability }: OpCommon): readonly string[] {
  if (capability === null) return [];
  return typeof capability === "string" ? [capability] : capability.of;
}

/** Declares a packed protocol; everything else follows from it. */
export function defineService<const S extends Omit<PackedService, "plane">>(
  declaration: S,
): S & { readonly plane: "packed" } {
  assert(/^[A-Z]{2}$/.test(declaration.magic), "a magic is two capital letters");
  checkCodes(declaration);
  for (const op of Object.values(declaration.ops)) {
    checkNamed(op, Object.keys(op.request), declaration.status);
  }
  return Object.freeze({ ...declaration, plane: "packed" as const });
}

/** Declares a protocol of the Cap'n Proto plane. */
export function defineCapnpService<const S extends Omit<CapnpService, "plane">>(
  declaration: S,
): S & { readonly plane: "capnp" } {
  checkCodes(declaration);
  for (const op of Object.values(declaration.ops)) {
    checkNamed(op, Object.keys(op.request?.fields ?? {}), declaration.status);
  }
  return Object.freeze({ ...declaration, plane: "capnp" as const });
}

function checkCodes(declaration: Omit<PackedService, "plane"> | Omit<CapnpService, "plane">): void {
  const codes = Object.values(declaration.ops).map((op) => op.code);
  assert(codes.every((code) => code >= 1 && code < REPLY_BIT), "an opcode is 1..127");
  assert(new Set(codes).size === codes.length, "opcodes of a protocol differ");
  const statuses = Object.values(declaration.status);
  assert(new Set(statuses).size === statuses.length, "status codes of a protocol differ");
  const { denied, malformed } = wordsOf(declaration);
  const refusals = [denied, malformed, ...Object.values(declaration.refusals ?? {})];
  assert(refusals.every((status) => status in declaration.status), "a refusal is a status");
}

/** A bound or a target of a field that does not exist would be no bound and no target. */
function checkNamed(op: OpCommon, fields: readonly string[], status: StatusCodes): void {
  for (const [field, bound] of Object.entries(op.bounds ?? {})) {
    assert(fields.includes(field), "a bound is on a field of the request");
    assert(bound.status in status, "a bound answers with a status");
  }
  const targets = [op.target ?? []].flat();
  assert(targets.every((field) => fields.includes(field)), "a target is a field of the request");
}

/** Name of one of the protocol's operations. */
export type OpName<S extends Service> = keyof S["ops"] & string;

/** Name of one of the protocol's statuses. */
export type StatusName<S extends Service> = keyof S["status"] & string;

/** Values of a request. */
export type RequestOf<S extends Service, K extends OpName<S>> = BodyOf<S["ops"][K]["request"]>;

/** Values of a successful reply. */
export type ReplyValuesOf<S extends Service, K extends OpName<S>> = BodyOf<S["ops"][K]["reply"]>;

type BodyOf<B> = B extends CapnpStruct ? CapnpValues<B>
  : B extends Fields ? ValuesOf<B>
  : Readonly<Record<never, never>>;

/** A capability that travels with a message: a slot of the table of whoever looks at it. */
export interface Moving {
  readonly move?: Slot | undefined;
}

/** What a handler returns: a refusal by name, or `ok` with the reply's values. */
export type Answer<S extends Service, K extends OpName<S>> =
  | { readonly status: Exclude<StatusName<S>, "ok" | keyof RefusalReplyOf<S, K>> }
  | TellingRefusal<RefusalReplyOf<S, K>>
  | ({ readonly status: "ok" } & ReplyValuesOf<S, K> & Moving);

type RefusalReplyOf<S extends Service, K extends OpName<S>> = S["ops"][K] extends
  { readonly refusalReply: infer R extends Readonly<Record<string, Fields>> } ? R
  : Readonly<Record<never, never>>;

type TellingRefusal<R> = {
  [P in keyof R]: R[P] extends Fields ? { readonly status: P } & ValuesOf<R[P]> : never;
}[keyof R];

/**
 * What a client gets. `gone`: the daemon faulted, or the right to it is dead. `no_reply`: the
 * deadline passed.
 */
export type ReplyOf<S extends Service, K extends OpName<S>> =
  | Answer<S, K>
  | { readonly status: "gone" | "no_reply" };
