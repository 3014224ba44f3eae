import { WireError } from "@runtime/core/error.ts";
import { FRAME_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { encodeCapnpRequest, parseCapnpReply } from "@runtime/idl/capnp_frame.ts";
import {
  encodeRequest,
  HEADER_LENGTH,
  parseReply,
  parseRequest,
  speaks,
} from "@runtime/idl/packed_frame.ts";
import { bind, type Bound, type FrameHandler, serve } from "@runtime/idl/server.ts";
import { REPLY_BIT, type Service } from "@runtime/idl/service.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { ok } from "../fakes/assert.ts";
import { principal } from "../fakes/direct.ts";
import { capnpBodies, packedBodies, type Values } from "../fakes/samples.ts";
import { Choices } from "./choices.ts";

/**
 * Frames of every kind to every endpoint of every daemon: each has one reply, which the caller's side
 * can read, and no handler runs for a caller whom policy refuses.
 */
export const name = "ipc";

/** Frames of one case. */
const FRAMES = 20;
const NONCE = 0x0102_0304n;
/** Operations whose fields together outgrow a frame: the daemon sends as many records as fit. */
const PAGED: ReadonlySet<string> = new Set(["log", "query", "queryAfter"]);

/** Protocols that share an endpoint, by daemon. */
const ENDPOINTS: readonly (readonly Service[])[] = COMPONENTS.flatMap(({ serves }) => {
  const byEndpoint = new Map<string, Service[]>();
  for (const service of Object.values(serves)) {
    const endpoint = service.endpoint ?? "main";
    byEndpoint.set(endpoint, [...byEndpoint.get(endpoint) ?? [], service]);
  }
  return [...byEndpoint.values()];
});

interface Endpoint {
  readonly services: readonly Service[];
  readonly answer: FrameHandler;
  /** What the gate says, and the handlers that ran since it was set. */
  allows: boolean;
  readonly ran: string[];
}

export async function fuzz(seed: number): Promise<void> {
  const choices = new Choices(seed);
  for (let left = FRAMES; left > 0; left--) {
    const services = oneOf(choices, ENDPOINTS);
    await exchange(choices, endpointOf(choices, services), chosenFrame(choices, services));
  }
}

/** Runs one file of the corpus through every endpoint. */
export async function replay(bytes: Uint8Array): Promise<void> {
  const choices = new Choices(bytes.length);
  for (const services of ENDPOINTS) await exchange(choices, endpointOf(choices, services), bytes);
}

async function exchange(choices: Choices, endpoint: Endpoint, frame: Uint8Array): Promise<void> {
  endpoint.allows = choices.oneIn(2);
  const callers = endpoint.services.flatMap(({ callers }) => Object.keys(callers ?? {}));
  const sender = principal(choices.pick(["tester", callers[0] ?? "tester"]));
  const reply = await endpoint.answer(frame, { sender, moved: undefined });
  ok(reply !== undefined, "every frame has a reply");
  ok(reply.frame.length <= FRAME_LENGTH_MAX);
  const service = servedBy(endpoint.services, frame);
  const capnp = service.plane === "capnp";
  const at = capnp ? 0 : HEADER_LENGTH - 1;
  const code = frame[at] ?? 0;
  const replied = reply.frame[at] ?? 0;
  ok(replied === (code | REPLY_BIT) || (capnp && replied === code), "a reply names its operation");
  if (!nameless(service, frame)) checkRead(service, code, reply.frame);
  checkGate(endpoint, { service, frame, sender: sender.name });
}

/** Whether a request was cut before its nonce: its reply has none and is nobody's, as upstream's. */
function nameless(service: Service, frame: Uint8Array): boolean {
  if (service.plane === "capnp" || service.envelope.request.length === 0) return false;
  return parseRequest(service, frame).nonce === undefined;
}

/** What the caller's side makes of the reply, where the request had an operation to speak of. */
function checkRead(service: Service, code: number, reply: Uint8Array): void {
  const known = Object.entries(service.ops).find(([, op]) => op.code === code);
  if (known === undefined) return;
  const [opName] = known;
  try {
    const { status } = service.plane === "capnp"
      ? parseCapnpReply(service, opName, reply)
      : parseReply(service, opName, reply);
    ok(status in service.status);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new Error(`${service.name} ${opName}: reply ${error.code} at ${error.offset}`);
  }
}

function checkGate(
  { allows, ran }: Endpoint,
  { service, frame, sender }: {
    readonly service: Service;
    readonly frame: Uint8Array;
    readonly sender: string;
  },
): void {
  ok(ran.length <= 1, "one frame is one call");
  const [opName] = ran.splice(0);
  if (opName === undefined) return;
  const { callers } = service;
  ok(callers === undefined || Object.hasOwn(callers, sender), "strangers are refused");
  ok(allows || asksNobody(service, opName, frame), `${service.name} ${opName} was refused`);
}

/** Whether a request takes no capability: its handler runs whoever sends it. */
function asksNobody(service: Service, opName: string, frame: Uint8Array): boolean {
  const capability = service.ops[opName]?.capability;
  if (capability === null || typeof capability !== "object") return capability === null;
  const parsed = service.plane === "packed" ? parseRequest(service, frame) : undefined;
  return parsed !== undefined && "values" in parsed &&
    capability.choose(parsed.values).length === 0;
}

function servedBy(services: readonly Service[], frame: Uint8Array): Service {
  const found = services.find((service) => service.plane === "capnp" || speaks(service, frame)) ??
    services[0];
  ok(found !== undefined);
  return found;
}

/** Handlers that answer with any status, and with samples where it is `ok`. */
function endpointOf(choices: Choices, services: readonly Service[]): Endpoint {
  const ran: string[] = [];
  const bound: Bound[] = services.map((service) => {
    const handlers = Object.fromEntries(
      Object.keys(service.ops).map((opName) => [opName, () => {
        ran.push(opName);
        const answered = answerOf(choices, service, opName);
        return choices.oneIn(2) ? answered : Promise.resolve(answered);
      }]),
    );
    return bind<Service>(service, handlers as never);
  });
  const endpoint: Endpoint = {
    services,
    answer: serve(bound, () => Promise.resolve(endpoint.allows)),
    allows: false,
    ran,
  };
  return endpoint;
}

function answerOf(choices: Choices, service: Service, opName: string): Values {
  const statuses = Object.keys(service.status);
  const status = choices.oneIn(2) ? "ok" : oneOf(choices, statuses);
  const [first = {}, ...others] = replies(service, opName);
  const values = PAGED.has(opName) ? first : oneOf(choices, [first, ...others]);
  return { status, ...(status === "ok" || always(service, opName) ? values : {}) };
}

function always(service: Service, opName: string): boolean {
  return service.plane === "packed" && service.ops[opName]?.replyFields === "always";
}

function replies(service: Service, opName: string): readonly Values[] {
  if (service.plane === "capnp") return capnpBodies(service.ops[opName]?.reply ?? null);
  return packedBodies(service.ops[opName]?.reply ?? {});
}

/** A good request, a damaged one, a header with anything behind it, or anything at all. */
function chosenFrame(choices: Choices, services: readonly Service[]): Uint8Array {
  const service = oneOf(choices, services);
  const ops = Object.entries(service.ops);
  if (ops.length === 0) return choices.bytes(choices.below(40));
  const [opName, op] = oneOf(choices, ops);
  const request = requestOf(choices, service, opName);
  switch (choices.below(6)) {
    case 0:
      return request;
    case 1: {
      const frame = choices.bytes(choices.below(200));
      frame.set(request.subarray(0, Math.min(HEADER_LENGTH, frame.length)));
      return frame;
    }
    case 2:
      return choices.bytes(choices.below(40));
    case 3: {
      const frame = choices.damaged(request);
      if (service.plane === "capnp" && frame.length > 0) frame[0] = op.code;
      return frame;
    }
    default:
      return choices.damaged(request);
  }
}

function requestOf(choices: Choices, service: Service, opName: string): Uint8Array {
  if (service.plane === "capnp") {
    const values = oneOf(choices, capnpBodies(service.ops[opName]?.request ?? null));
    return encodeCapnpRequest(service, { opName, values });
  }
  const values = oneOf(choices, packedBodies(service.ops[opName]?.request ?? {}));
  return encodeRequest(service, { opName, nonce: NONCE, values }).slice();
}

function oneOf<T>(choices: Choices, items: readonly T[]): T {
  const item = items[choices.below(items.length)];
  ok(item !== undefined);
  return item;
}
