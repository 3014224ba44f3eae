import type { Service } from "../idl/service.ts";
import { type AnyComponent, endpointOf } from "./component.ts";
import type { EndpointPlan } from "./isolate.ts";
import { decider } from "./protocol.ts";

/** Messages that may wait at an endpoint unless its component says otherwise. */
export const DEPTH = 8;

/** The endpoints of a component: one for each name that its protocols with operations give. */
export function endpointsOf(component: AnyComponent): readonly EndpointPlan[] {
  const served = Object.values(component.serves).filter(({ ops }) => Object.keys(ops).length > 0);
  const names = new Set(served.map(endpointOf));
  return [...names].map((name) => ({ name, depth: component.depth ?? DEPTH }));
}

/** Whether a protocol holds what every gate asks for. */
export function speaksDecide(service: Service): boolean {
  return service.plane === "packed" && service.magic === decider.magic &&
    service.version === decider.version;
}
