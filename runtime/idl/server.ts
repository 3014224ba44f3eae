import { Arena } from "../core/arena.ts";
import { assert } from "../core/assert.ts";
import { clipped } from "../core/clip.ts";
import type { WireError } from "../core/error.ts";
import type { Principal, Slot } from "../core/syscalls.ts";
import { encodeCapnpRefusal, encodeCapnpReply, parseCapnpRequest } from "./capnp_frame.ts";
import {
  correlated,
  encodeRefusal,
  encodeReply,
  type Nonce,
  type ParsedRequest,
  parseRequest,
  type RefusedRequest,
  speaks,
} from "./packed_frame.ts";
import { type Gate, OPERATION_LENGTH_MAX, TARGET_LENGTH_MAX } from "./policy.ts";
import {
  type Answer,
  capabilitiesOf,
  type NumericBound,
  type OpCommon,
  type OpName,
  type RequestOf,
  type Service,
  wordsOf,
} from "./service.ts";

/** What a handler knows of its caller, beside the request. */
export interface Call {
  /** The kernel's word, never a field of the frame. */
  readonly sender: Principal;
  /** Capability that came with the request: the handler's to use or to close. */
  readonly moved: Slot | undefined;
}

/** Key of the handler that hears of frames that did not parse, before their refusal goes out. */
export const REFUSED: unique symbol = Symbol("refused");

/**
 * Key of what names the target of a request for its audit record, in the place of the operation's
 * declaration: where a request does not tell by itself what it is about.
 */
export const TARGET: unique symbol = Symbol("target");

/** Names what a request is about, before the gate is asked; the reply must not depend on it. */
export type TargetNamer = (
  opName: string,
  values: Readonly<Record<string, unknown>>,
) => string | Promise<string>;

/** Hears why a frame was refused, and the opcode byte it had: 0 where it had none. */
export type RefusedHandler = (
  refusal: { readonly cause: WireError; readonly code: number },
  call: Call,
) => void | Promise<void>;

/** Behaviour of one protocol, an operation each. No bytes, no policy code. */
export type Handlers<S extends Service> =
  & {
    readonly [K in OpName<S>]: (
      request: RequestOf<S, K>,
      call: Call,
    ) => Answer<S, K> | Promise<Answer<S, K>>;
  }
  & { readonly [REFUSED]?: RefusedHandler; readonly [TARGET]?: TargetNamer };

/** A protocol with its behaviour. */
export interface Bound {
  readonly service: Service;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly refused: RefusedHandler | undefined;
  readonly target: TargetNamer | undefined;
}

type Values = Readonly<Record<string, unknown>>;

type AnyAnswer = { readonly status: string; readonly move?: Slot | undefined } & Values;
type AnyHandler = (request: never, call: Call) => AnyAnswer | Promise<AnyAnswer>;

/** A reply frame, and the capability that goes with it. */
export interface ReplyFrame {
  readonly frame: Uint8Array;
  readonly move: Slot | undefined;
}

/**
 * Turns one message into its reply; `undefined` for a frame that no protocol here speaks. A promise
 * only where there is something to wait for: the gate, or a handler that waits.
 */
export type FrameHandler = (
  frame: Uint8Array,
  call: Call,
) => Replied | Promise<Replied>;

type Replied = ReplyFrame | undefined;

/** Ties behaviour to its protocol. The casts of the server side stand here. */
export function bind<S extends Service>(service: S, handlers: Handlers<S>): Bound {
  return {
    service,
    handlers: handlers as unknown as Bound["handlers"],
    refused: handlers[REFUSED],
    target: handlers[TARGET],
  };
}

/**
 * Turns handlers into a frame handler: parse, gate, run, encode, in that order and nowhere else.
 *
 * A handler runs only for a well-formed request of a caller that holds the operation's capability.
 *
 * @param bound Protocols of one endpoint: one of the Cap'n Proto plane, or packed ones that differ in
 *   magic or version.
 */
export function serve(bound: readonly Bound[], gate: Gate): FrameHandler {
  assert(
    bound.length === 1 || bound.every(({ service }) => service.plane === "packed"),
    "a Cap'n Proto protocol has its endpoint to itself",
  );
  const turns = new Map(
    bound.filter(({ service }) => !named(service)).map((one) => [one, new Turns()] as const),
  );
  const arena = new Arena();
  return (frame, call) => {
    const served = servedBy(bound, frame);
    const run = () => answer(served, frame, { call, gate, arena });
    const ordered = served === undefined ? undefined : turns.get(served);
    return ordered === undefined ? run() : ordered.take(call.sender.sid, run);
  };
}

/** Whether the protocol's replies say whose they are. */
function named(service: Service): boolean {
  return service.plane === "packed" && correlated(service);
}

/**
 * One request of a sender at a time, however many may run: without a nonce the order of the replies
 * is all that says whose they are. One entry a principal, of which the kernel knows a bounded number.
 */
class Turns {
  /** The last turn of each sender that is not over. */
  readonly #last = new Map<bigint, Promise<Replied>>();

  take(sid: bigint, run: () => Replied | Promise<Replied>): Replied | Promise<Replied> {
    const before = this.#last.get(sid);
    const turn = before === undefined ? run() : before.then(run, run);
    if (!(turn instanceof Promise)) return turn;
    const over = () => {
      if (this.#last.get(sid) === turn) this.#last.delete(sid);
    };
    this.#last.set(sid, turn);
    turn.then(over, over);
    return turn;
  }
}

/** The protocol that a frame speaks; the first one refuses those that speak none. */
function servedBy(bound: readonly Bound[], frame: Uint8Array): Bound | undefined {
  for (const candidate of bound) {
    const { service } = candidate;
    if (service.plane === "capnp" || speaks(service, frame)) return candidate;
  }
  return bound[0];
}

interface Context {
  readonly call: Call;
  readonly gate: Gate;
  /** Where replies lie until the kernel has copied them. */
  readonly arena: Arena;
}

function answer(
  served: Bound | undefined,
  frame: Uint8Array,
  context: Context,
): Replied | Promise<Replied> {
  if (served === undefined) return undefined;
  const { service } = served;
  const request = service.plane === "capnp"
    ? parseCapnpRequest(service, frame)
    : parseRequest(service, frame);
  if ("refusal" in request) return refuse(served, request, context.call);
  const plan = planOf(service, request.opName);
  const outside = outOfBounds(plan, request.values);
  if (outside !== undefined) return unserved(service, request, { status: outside, ...context });
  const allowed = permitted(served, request, plan, context);
  const decided = (allows: boolean) =>
    allows
      ? handle(served, request, context)
      : unserved(service, request, { status: wordsOf(service).denied, ...context });
  return typeof allowed === "boolean" ? decided(allowed) : allowed.then(decided);
}

function refuse(
  { service, refused: hear }: Bound,
  request: RefusedRequest,
  call: Call,
): ReplyFrame | Promise<ReplyFrame> {
  const replied = () => ({ frame: refusal(service, request), move: undefined });
  const heard = hear?.({ cause: request.refusal, code: request.code }, call);
  return heard === undefined ? replied() : heard.then(replied);
}

function unserved(
  service: Service,
  { opName, nonce }: ParsedRequest,
  { status, arena }: { readonly status: string; readonly arena: Arena },
): ReplyFrame {
  const refused = { opName, nonce, status, values: NO_VALUES };
  return { frame: reply(service, refused, arena), move: undefined };
}

function handle(
  { service, handlers }: Bound,
  { opName, nonce, values }: ParsedRequest,
  { call, arena }: Context,
): ReplyFrame | Promise<ReplyFrame> {
  const handler = handlers[opName];
  assert(handler !== undefined, "every operation has a handler");
  // The codec takes the fields of the reply by name and looks at nothing else.
  const replied = (answered: AnyAnswer): ReplyFrame => {
    const { status, move } = answered;
    return { frame: reply(service, { opName, nonce, status, values: answered }, arena), move };
  };
  const handled = handler(values as never, call);
  return handled instanceof Promise ? handled.then(replied) : replied(handled);
}

const NO_VALUES: Values = {};

/** What the dispatcher needs of an operation, worked out once. */
interface OpPlan {
  readonly bounds: readonly (readonly [string, NumericBound])[];
  /** Any one of which a request takes; none where everyone may call. */
  readonly capabilities: (values: Values) => readonly string[];
  /** Its name in audit records. */
  readonly operation: string;
  readonly targets: readonly string[];
}

const PLANS = new WeakMap<Service, Map<string, OpPlan>>();

function planOf(service: Service, opName: string): OpPlan {
  let plans = PLANS.get(service);
  if (plans === undefined) PLANS.set(service, plans = new Map());
  let plan = plans.get(opName);
  if (plan === undefined) {
    const op = service.ops[opName];
    assert(op !== undefined, "the operation is one of the protocol's");
    plan = {
      bounds: Object.entries(op.bounds ?? {}),
      capabilities: chooserOf(op),
      operation: clipped(`${service.name}.${opName}`, OPERATION_LENGTH_MAX),
      targets: [op.target ?? []].flat(),
    };
    plans.set(opName, plan);
  }
  return plan;
}

/** What chooses the capabilities of a request. */
function chooserOf(op: OpCommon): OpPlan["capabilities"] {
  const { capability } = op;
  const all = capabilitiesOf(op);
  if (capability === null || typeof capability === "string") return () => all;
  return (values) => {
    const chosen = capability.choose(values);
    assert(chosen.every((each) => all.includes(each)), "a choice is among those that are declared");
    return chosen;
  };
}

/** Bounds come before the gate: upstream's rngd answers OVERSIZED before it asks for policy. */
function outOfBounds({ bounds }: OpPlan, values: Values): string | undefined {
  for (const [field, bound] of bounds) {
    const value = Number(values[field]);
    if (value < bound.min || value > bound.max) return bound.status;
  }
  return undefined;
}

function permitted(
  { service, target: namer }: Bound,
  { opName, values }: ParsedRequest,
  plan: OpPlan,
  { call, gate }: Context,
): boolean | Promise<boolean> {
  const subject = subjectOf(service, call.sender.name);
  if (subject === undefined) return false;
  const [capability, ...others] = plan.capabilities(values);
  if (capability === undefined) return true;
  const asked = (target: string) => {
    const ask = { subject, operation: plan.operation, target };
    const first = gate({ ...ask, capability });
    return others.length === 0
      ? first
      : anyOther(first, others, (each) => gate({ ...ask, capability: each }));
  };
  if (namer === undefined) return asked(targetOf(plan.targets, values));
  const named = namer(opName, values);
  return typeof named === "string"
    ? asked(clipped(named, TARGET_LENGTH_MAX))
    : named.then((target) => asked(clipped(target, TARGET_LENGTH_MAX)));
}

/** Whether the first answer, or one of the others', allows. */
async function anyOther(
  first: Promise<boolean>,
  others: readonly string[],
  ask: (capability: string) => Promise<boolean>,
): Promise<boolean> {
  if (await first) return true;
  for (const capability of others) if (await ask(capability)) return true;
  return false;
}

function targetOf(targets: readonly string[], values: Values): string {
  if (targets.length === 0) return "";
  const parts = targets.map((field) => String(values[field] ?? ""));
  return clipped(parts.join(":"), TARGET_LENGTH_MAX);
}

/** As whom policy judges a caller; `undefined` for one that the protocol is not for. */
function subjectOf({ callers, subjects = {} }: Service, sender: string): string | undefined {
  if (callers === undefined) {
    return Object.hasOwn(subjects, sender) ? subjects[sender] : sender;
  }
  return Object.hasOwn(callers, sender) ? callers[sender] : undefined;
}

function reply(
  service: Service,
  answered: { opName: string; nonce: Nonce; status: string; values: Values },
  arena: Arena,
): Uint8Array {
  return service.plane === "capnp"
    ? encodeCapnpReply(service, answered, arena)
    : encodeReply(service, answered, arena);
}

function refusal(service: Service, refused: RefusedRequest): Uint8Array {
  const cause = refused.refusal.code;
  const unknown = cause === "unknown_op" && "unsupported" in service.status;
  const status = service.refusals?.[cause] ??
    (unknown ? "unsupported" : wordsOf(service).malformed);
  return service.plane === "capnp"
    ? encodeCapnpRefusal(service, refused.code, status)
    : encodeRefusal(service, { code: refused.code, nonce: refused.nonce, status });
}
