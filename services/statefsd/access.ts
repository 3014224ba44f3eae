/**
 * The capability that each value takes, by where it lies.
 *
 * Source: Open Nexus OS, `source/services/statefsd` (the rules); that a list is judged name by name is
 * ours.
 *
 * @module
 */

import { assert } from "@runtime/core/assert.ts";
import { pathFault } from "./path.ts";

const ROOT = "/state/";

/** Where the kept log lies. */
const LOG = "/state/log/";

/** What is done with a value. */
export type Access = "read" | "write";

/** Capabilities of values by prefix: the first rule that fits holds. */
const RULES = [
  { prefix: "/state/keystore/", read: "statefs.keystore", write: "statefs.keystore" },
  { prefix: "/state/boot/", read: "statefs.boot", write: "statefs.boot" },
  { prefix: LOG, read: "statefs.log", write: "statefs.log" },
  { prefix: "/state/statefsd/", read: "statefs.read", write: "statefs.admin" },
  { prefix: ROOT, read: "statefs.read", write: "statefs.write" },
] as const;

/** A capability of policyd's that some value takes. */
export type StateCapability = typeof RULES[number][Access];

/** What is wrong with the start of names that are listed: it may end anywhere in one. */
export function prefixFault(prefix: string): "key_too_long" | "invalid_key" | undefined {
  if (prefix === ROOT) return undefined;
  return pathFault(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
}

/** Whether statefsd alone does this there: the log is written by its drain, and by nobody's PUT. */
export function ownsAlone(key: string, access: Access): boolean {
  return access === "write" && key.startsWith(LOG);
}

/** The capability that a value takes. @param key Without fault. */
export function capabilityOf(key: string, access: Access): StateCapability {
  const rule = RULES.find(({ prefix }) => key.startsWith(prefix));
  assert(rule !== undefined, "a name without fault is below /state/");
  return rule[access];
}

/** Every capability that reading some name below `prefix` may take. @param prefix Without fault. */
export function capabilitiesBelow(prefix: string): ReadonlySet<StateCapability> {
  const inside = RULES.filter((rule) => rule.prefix.startsWith(prefix)).map(({ read }) => read);
  return new Set([capabilityOf(prefix, "read"), ...inside]);
}
