import type { MachinePorts } from "../core/ports.ts";
import type { Client } from "../idl/client.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import type { AnyComponent } from "./component.ts";
import { DeviceGrants } from "./device_grants.ts";
import { BootError } from "./isolate.ts";
import type { decider } from "./protocol.ts";

const KEY = new Uint8Array(32).fill(7);
const DAEMON = { name: "keyd", keyCapability: "key.one" } as AnyComponent;

/** What asks policy for keys, and what it asked. */
function grantsOver(status: "ok" | "denied", keys: Record<string, () => typeof KEY>) {
  const asked: unknown[] = [];
  const decide: Client<typeof decider>["decide"] = (ask) => {
    asked.push(ask);
    return Promise.resolve({ status });
  };
  const machine = { devices: [] } as unknown as MachinePorts;
  return { asked, grants: new DeviceGrants({ machine, keys, policy: () => ({ decide }) }) };
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const failure = await work.then(() => undefined, (error) => error);
  ok(failure instanceof BootError, String(failure));
  return failure.code;
}

test("the host's key goes to the daemon that it is for, and only where policy allows", async () => {
  let taken = 0;
  const keys = { keyd: () => (taken += 1, KEY) };
  const { asked, grants } = grantsOver("ok", keys);
  equal(await grants.key(DAEMON), KEY);
  deepEqual(asked, [
    { subject: "keyd", capability: "key.one", operation: "init.grant", target: "key" },
  ]);
  equal(await grants.key({ name: "keyd" } as AnyComponent), undefined, "it has no use for one");
  equal(taken, 1);
  equal(await codeOf(grantsOver("denied", keys).grants.key(DAEMON)), "key_denied");
  equal(taken, 1, "a denied daemon's key is not taken out");
  equal(await codeOf(grantsOver("ok", {}).grants.key(DAEMON)), "key_missing");
});
