/**
 * The grants against everything that asks: nothing is granted that nobody asks for, nothing is asked
 * for that is not granted, and every capability is one that something looks for.
 *
 * @module
 */

import { DEVICE_CAPABILITY } from "@runtime/boot/component.ts";
import { INIT_NAME } from "@runtime/boot/protocol.ts";
import { capabilitiesOf } from "@runtime/idl/service.ts";
import { CHECKED_CAPABILITY, KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { type Grants, parseGrants } from "@services/policyd/grants.ts";
import text from "@services/policyd/grants/nexus.policy.toml" with { type: "text" };
import { COMPONENTS } from "@services/registry.gen.ts";
import { deepEqual } from "../fakes/assert.ts";
import { test } from "../fakes/test.ts";

/** What the boot itself needs: to decide for daemons that get a device, and to fill samgrd. */
const BOOT_ASKS = ["policy.delegate", "samgr.register"];
/** What controld asks for the command line beside the operations that it relays. */
const ASKED_ALONE = ["log.query", "policy.check"];

function grants(): Grants {
  return parseGrants(text, KNOWN_CAPABILITIES);
}

function sorted(capabilities: Iterable<string>): readonly string[] {
  return [...new Set(capabilities)].toSorted();
}

/** Every subject with all that is asked for it, by itself or by a daemon that relays it. */
function asks(): Map<string, readonly string[]> {
  const bySubject = new Map<string, string[]>([[INIT_NAME, [...BOOT_ASKS]]]);
  const add = (subject: string, capabilities: readonly string[]) => {
    if (capabilities.length === 0) return;
    bySubject.set(subject, [...bySubject.get(subject) ?? [], ...capabilities]);
  };
  for (const component of COMPONENTS) {
    add(component.name, component.asks);
    for (const [subject, asked] of Object.entries(component.asksFor ?? {})) add(subject, asked);
  }
  return new Map([...bySubject].map(([subject, asked]) => [subject, sorted(asked)]));
}

/** Every capability that an operation, the boot or policyd looks for. */
function required(): readonly string[] {
  const ofOperations = COMPONENTS.flatMap(({ serves }) =>
    Object.values(serves).flatMap(({ ops }) => Object.values(ops).flatMap(capabilitiesOf))
  );
  return sorted([
    ...ofOperations,
    ...Object.values(DEVICE_CAPABILITY),
    ...COMPONENTS.flatMap(({ keyCapability }) => keyCapability ?? []),
    ...Object.values(CHECKED_CAPABILITY),
    ...ASKED_ALONE,
  ]);
}

test("grants hold exactly what is asked for: each subject, no more and no less", () => {
  const held = grants().lines().map(([subject, capabilities]) =>
    [subject, sorted(capabilities)] as const
  );
  deepEqual(new Map(held), asks());
});

test("every known capability is one that something looks for, and the other way round", () => {
  deepEqual(sorted(KNOWN_CAPABILITIES), required());
});

test("static DH, session proofs and announces are dsoftbusd's alone", () => {
  const holders = (capability: string) =>
    grants().lines().filter(([, held]) => held.includes(capability)).map(([subject]) => subject);
  deepEqual(holders("identity.session"), ["dsoftbusd"]);
  deepEqual(holders("identity.announce"), ["dsoftbusd"]);
});

test("a log checkpoint is signed for controld alone", () => {
  const holders = grants().lines().filter(([, held]) => held.includes("identity.log"));
  deepEqual(holders.map(([subject]) => subject), ["controld"]);
});

test("no peer and no command line decides for others or touches a device", () => {
  for (const [subject, held] of grants().lines()) {
    if (subject !== "nx-cli" && !subject.startsWith("peer")) continue;
    const wrong = held.filter((name) => name === "policy.delegate" || name.startsWith("device."));
    deepEqual({ subject, wrong }, { subject, wrong: [] });
  }
});

test("only policyd has the right to logd's audit endpoint", () => {
  const callers = COMPONENTS.filter(({ calls }) =>
    Object.values(calls).some(({ name, endpoint }) => name === "logd" && endpoint === "audit")
  );
  deepEqual(callers.map(({ name }) => name), ["policyd"]);
});
