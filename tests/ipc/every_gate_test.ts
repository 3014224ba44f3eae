/**
 * What each daemon's gate and declaration get by existing, from the registry alone.
 *
 * @module
 */

import { type AnyComponent, DEVICE_CAPABILITY } from "@runtime/boot/component.ts";
import { encodeCapnpRequest, parseCapnpReply } from "@runtime/idl/capnp_frame.ts";
import { encodeRequest, parseReply } from "@runtime/idl/packed_frame.ts";
import { bind, type Handlers, serve } from "@runtime/idl/server.ts";
import { capabilitiesOf, REPLY_BIT, type Service, wordsOf } from "@runtime/idl/service.ts";
import { KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { COMPONENTS } from "@services/registry.gen.ts";
import { deepEqual, equal, ok } from "../fakes/assert.ts";
import { principal } from "../fakes/direct.ts";
import { capnpBodies, packedBodies } from "../fakes/samples.ts";
import { test } from "../fakes/test.ts";
import { present } from "../source_tree.ts";

/** Folders that do not have the name of their task, which is upstream's. */
const FOLDERS: Readonly<Record<string, string>> = { "selftest-client": "selftest" };
const NONCE = 1n;

function services(): readonly (readonly [AnyComponent, Service])[] {
  return COMPONENTS.flatMap((component) =>
    Object.values(component.serves).map((service) => [component, service] as const)
  );
}

/** A name that takes a capability. */
const NAMED = { key: "/state/app/a" };

/** A request inside the operation's bounds, as bytes. */
function allowedRequest(service: Service, opName: string): Uint8Array {
  const op = service.ops[opName];
  const inBounds = Object.fromEntries(
    Object.entries(op?.bounds ?? {}).map(([field, { min }]) => [field, min]),
  );
  if (service.plane === "capnp") {
    const values = capnpBodies(service.ops[opName]?.request ?? null)[0];
    return encodeCapnpRequest(service, { opName, values: { ...values, ...inBounds } });
  }
  const request = service.ops[opName]?.request ?? {};
  const named = Object.hasOwn(request, "key") ? NAMED : {};
  const values = { ...packedBodies(request)[0], ...named, ...inBounds };
  return encodeRequest(service, { opName, nonce: NONCE, values });
}

test("each gated operation is denied when policy says no, and its handler does not run", async () => {
  let gated = 0;
  for (const [, service] of services()) {
    const ran: string[] = [];
    const handlers = Object.fromEntries(
      Object.keys(service.ops).map((name) => [name, () => {
        ran.push(name);
        return { status: wordsOf(service).malformed };
      }]),
    );
    // The handlers answer every operation with one status, which no type can say.
    const answer = serve([bind(service, handlers as unknown as Handlers<Service>)], (ask) => {
      const op = service.ops[ask.operation.split(".")[1] ?? ""];
      ok(op !== undefined && capabilitiesOf(op).includes(ask.capability), ask.operation);
      return Promise.resolve(false);
    });
    const sender = Object.keys(service.callers ?? {})[0] ?? "tester";
    for (const [opName, { capability }] of Object.entries(service.ops)) {
      ran.length = 0;
      const call = { sender: principal(sender), moved: undefined };
      const reply = await answer(allowedRequest(service, opName), call);
      const frame = reply?.frame ?? new Uint8Array(0);
      const { status } = service.plane === "capnp"
        ? parseCapnpReply(service, opName, frame)
        : parseReply(service, opName, frame);
      const tell = `${service.name}.${opName}`;
      const { denied, malformed } = wordsOf(service);
      equal(status, capability === null ? malformed : denied, tell);
      deepEqual(ran, capability === null ? [opName] : [], tell);
      if (capability !== null) gated += 1;
    }
  }
  ok(gated > 20);
});

test("each protocol with named callers denies everyone else everything", async () => {
  for (const [, service] of services()) {
    if (service.callers === undefined || service.plane !== "packed") continue;
    const answer = serve([bind(service, {} as unknown as Handlers<Service>)], () => {
      throw new Error("nobody is asked about a stranger");
    });
    for (const opName of Object.keys(service.ops)) {
      const call = { sender: principal("stranger"), moved: undefined };
      const reply = await answer(allowedRequest(service, opName), call);
      equal(parseReply(service, opName, reply?.frame ?? new Uint8Array(0)).status, "denied");
    }
  }
});

test("each protocol says ok, denied and malformed, and what each operation does", () => {
  for (const [, service] of services()) {
    const { name, status, ops } = service;
    equal(status.ok, 0, name);
    const { denied, malformed } = wordsOf(service);
    ok(Number.isInteger(status[denied]) && Number.isInteger(status[malformed]), name);
    for (const code of Object.values(status)) ok(code >= 0 && code <= 0xff, name);
    for (const { code, doc } of Object.values(ops)) {
      ok(code >= 1 && code < REPLY_BIT, name);
      ok(/^[A-Z].*\.$/.test(doc), `${name}: ${doc}`);
    }
  }
});

/** Protocols that bear another name than their daemon. */
const OTHER_NAMES: ReadonlySet<string> = new Set(["keys"]);

test("each component is in the folder of its name, and serves protocols of its name", () => {
  for (const { name, serves } of COMPONENTS) {
    const folder = FOLDERS[name] ?? name;
    for (const file of ["protocol.ts", "mod.ts", "service.ts"]) {
      ok(present(`services/${folder}/${file}`), `services/${folder}/${file}`);
    }
    for (const service of Object.values(serves)) {
      equal(service.name, OTHER_NAMES.has(service.name) ? service.name : name);
    }
  }
});

test("each endpoint has protocols that differ in magic or version, or one alone", () => {
  for (const component of COMPONENTS) {
    const byEndpoint = Map.groupBy(
      Object.values(component.serves),
      (own) => own.endpoint ?? "main",
    );
    for (const [endpoint, own] of byEndpoint) {
      const headers = own.map((one) => one.plane === "capnp" ? "capnp" : one.magic + one.version);
      const tell = `${component.name} ${endpoint}`;
      equal(new Set(headers).size, headers.length, tell);
      ok(headers.length === 1 || !headers.includes("capnp"), tell);
    }
  }
});

test("each capability of an operation or a device is one that policyd's grants may name", () => {
  const asked = services().flatMap(([, { ops }]) => Object.values(ops).flatMap(capabilitiesOf));
  for (const capability of [...asked, ...Object.values(DEVICE_CAPABILITY)]) {
    ok(KNOWN_CAPABILITIES.has(capability), capability);
  }
});
