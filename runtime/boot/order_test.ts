import { deepEqual, equal, throws } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { defineService, NONCE32, type Service } from "../idl/service.ts";
import type { AnyComponent, DeviceName } from "./component.ts";
import { bootOrder, BootOrderError, gated } from "./order.ts";

function service(name: string, capability: string | null = null): Service {
  return defineService({
    name,
    magic: "TE",
    version: 1,
    envelope: NONCE32,
    status: { ok: 0, denied: 1, malformed: 2 },
    ops: { act: { code: 1, doc: "Acts.", capability, request: {}, reply: {} } },
  });
}

interface Wanted {
  readonly calls?: readonly Service[];
  readonly uses?: readonly DeviceName[];
  readonly asksFor?: Readonly<Record<string, readonly string[]>>;
}

function component(serves: Service, { calls = [], uses = [], asksFor }: Wanted = {}): AnyComponent {
  return {
    name: serves.name,
    serves: { own: serves },
    calls: Object.fromEntries(calls.map((called) => [called.name, called])),
    uses: Object.fromEntries(uses.map((device) => [device, device])),
    asks: [],
    ...(asksFor === undefined ? {} : { asksFor }),
    create: () => ({}),
  };
}

function names(components: readonly AnyComponent[], policy?: AnyComponent): readonly string[] {
  return bootOrder(components, policy).map(({ name }) => name);
}

function refusal(code: string, involved: readonly string[]) {
  return (error: unknown) => {
    if (!(error instanceof BootOrderError)) return false;
    deepEqual([error.code, error.names], [code, involved]);
    return true;
  };
}

const [a, b, c] = [service("a"), service("b"), service("c")];

test("bootOrder puts each component after those it calls, otherwise as listed", () => {
  const components = [component(a, { calls: [c] }), component(b), component(c, { calls: [b] })];
  deepEqual(names(components), ["b", "c", "a"]);
  deepEqual(names([component(c), component(b), component(a)]), ["c", "b", "a"]);
});

test("bootOrder puts gated components after the one that decides", () => {
  const policy = component(service("policyd"));
  const locked = component(service("locked", "some.right"));
  const asker = component(service("asker"), { asksFor: { peer: ["some.right"] } });
  deepEqual(names([locked, asker, component(a), policy], policy), [
    "policyd",
    "locked",
    "asker",
    "a",
  ]);
  deepEqual([locked, asker, policy].map(gated), [true, true, false]);
});

test("bootOrder names the components of a cycle", () => {
  const circle = [
    component(a, { calls: [b] }),
    component(b, { calls: [c] }),
    component(c, { calls: [a] }),
  ];
  throws(() => names(circle), refusal("call_cycle", ["a", "b", "c", "a"]));
  throws(() => names([component(a, { calls: [a] })]), refusal("call_cycle", ["a", "a"]));
});

test("bootOrder refuses that whom policy needs is gated itself", () => {
  const locked = service("locked", "some.right");
  const policy = component(service("policyd"), { calls: [locked] });
  const expected = refusal("call_cycle", ["policyd", "locked", "policyd"]);
  throws(() => names([policy, component(locked)], policy), expected);
});

test("bootOrder refuses a call that nobody serves", () => {
  throws(() => names([component(a, { calls: [b] })]), refusal("unserved_call", ["a", "b"]));
});

test("bootOrder refuses a device with two owners", () => {
  const owners = [component(a, { uses: ["virtio-net"] }), component(b, { uses: ["virtio-net"] })];
  throws(() => names(owners), refusal("device_shared", ["virtio-net", "a", "b"]));
  equal(
    names([component(a, { uses: ["virtio-net"] }), component(b, { uses: ["virtio-rng"] })]).length,
    2,
  );
});

test("bootOrder refuses a name twice", () => {
  throws(() => names([component(a), component(a)]), refusal("name_taken", ["a"]));
});
