import { assert } from "../core/assert.ts";
import type { Service } from "../idl/service.ts";
import type { AnyComponent } from "./component.ts";
import { initTasks } from "./protocol.ts";

/** Why a set of components cannot boot. */
export type BootOrderErrorCode = "call_cycle" | "unserved_call" | "device_shared" | "name_taken";

/** A set of components that cannot boot, with the names that are at fault. */
export class BootOrderError extends Error {
  override readonly name = "BootOrderError";
  readonly code: BootOrderErrorCode;
  readonly names: readonly string[];

  constructor(code: BootOrderErrorCode, names: readonly string[]) {
    super(`Cannot boot: ${code} (${names.join(" -> ")})`);
    this.code = code;
    this.names = names;
  }
}

/** The component that serves a protocol. */
export function serverOf(
  components: readonly AnyComponent[],
  service: Service,
): AnyComponent | undefined {
  return components.find(({ serves }) => Object.values(serves).includes(service));
}

/** Whether any operation of the component is gated: it then calls policyd implicitly. */
export function gated(component: AnyComponent): boolean {
  if (component.asksFor !== undefined) return true;
  return Object.values(component.serves).some(({ ops }) =>
    Object.values(ops).some(({ capability }) => capability !== null)
  );
}

/**
 * Components in boot order: each after those it calls, otherwise as listed.
 *
 * @param policy The component that decides for gates, if there is one.
 * @throws {BootOrderError} on a cycle, a call that nobody serves, or a device with two owners.
 */
export function bootOrder(
  components: readonly AnyComponent[],
  policy: AnyComponent | undefined,
): readonly AnyComponent[] {
  refuseSharedDevices(components);
  const order: AnyComponent[] = [];
  const path: string[] = [];
  const visit = (component: AnyComponent): void => {
    if (order.includes(component)) return;
    if (path.includes(component.name)) {
      throw new BootOrderError("call_cycle", [...path, component.name]);
    }
    path.push(component.name);
    for (const called of calledBy(component, { components, policy })) visit(called);
    path.pop();
    order.push(component);
  };
  components.forEach(visit);
  assert(order.length === components.length, "every component has its place in the order");
  return order;
}

function calledBy(
  component: AnyComponent,
  { components, policy }: {
    components: readonly AnyComponent[];
    policy: AnyComponent | undefined;
  },
): AnyComponent[] {
  // The boot itself serves before any daemon does.
  const calls = Object.values(component.calls).filter((service) => service !== initTasks);
  const called = calls.map((service) => {
    const server = serverOf(components, service);
    if (server === undefined) {
      throw new BootOrderError("unserved_call", [component.name, service.name]);
    }
    return server;
  });
  if (policy !== undefined && policy !== component && gated(component)) called.push(policy);
  return called;
}

function refuseSharedDevices(components: readonly AnyComponent[]): void {
  const owners = new Map<string, string>();
  for (const { name, uses } of components) {
    for (const device of Object.values(uses)) {
      const owner = owners.get(device);
      if (owner !== undefined) throw new BootOrderError("device_shared", [device, owner, name]);
      owners.set(device, name);
    }
  }
  const names = components.map(({ name }) => name);
  const twice = names.filter((name, index) => names.indexOf(name) !== index);
  if (twice.length > 0) throw new BootOrderError("name_taken", twice);
}
