import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { keysEngine } from "@tests/fakes/keys_engine.ts";
import { test } from "@tests/fakes/test.ts";
import { VERSIONS_MAX } from "../client/key_limits.ts";
import { KeyError } from "../client/keys_failure.ts";
import { NexusKeys } from "../client/nexus_keys.ts";

const REF = { app: "mail", key: "letters" };
const KEY = { app: "mail", purpose: "letters", algorithm: "ed25519" } as const;
const MESSAGE = Uint8Array.of(1);

function refusedWith(code: string): (error: unknown) => boolean {
  return (error) => error instanceof KeyError && error.code === code;
}

test("impact is refused where the key's versions refuse the change", async () => {
  const keys = new NexusKeys((await keysEngine()).channel);
  await keys.create(KEY);
  await rejects(() => keys.trim(REF, 1), refusedWith("EALREADY"));
  await rejects(() => keys.impact(REF, "trim", 1), refusedWith("EALREADY"));
  for (let version = 1; version < VERSIONS_MAX; version++) await keys.rotate(REF);
  const full = (error: unknown) =>
    error instanceof KeyError && error.code === "EDQUOTA" && error.used === 32n &&
    error.limit === 32n;
  await rejects(() => keys.rotate(REF), full);
  await rejects(() => keys.impact(REF, "rotate"), full);
  equal((await keys.impact(REF, "trim", 31)).length, 1);
});

test("impact does not list uses that a reached limit has ended already", async () => {
  const keys = new NexusKeys((await keysEngine()).channel);
  await keys.create({ ...KEY, maxUses: 1n });
  const sign = { operation: "sign", version: 1 } as const;
  const verify = { operation: "verify", version: 1 } as const;
  deepEqual(await keys.impact(REF, "revoke"), [sign, verify]);
  await keys.sign(REF, MESSAGE);
  await rejects(() => keys.sign(REF, MESSAGE), refusedWith("EDQUOTA"));
  deepEqual(await keys.impact(REF, "revoke"), [verify]);
});

test("a key with a limit tells when it was used last", async () => {
  const engine = await keysEngine();
  const keys = new NexusKeys(engine.channel);
  await keys.create({ ...KEY, maxUses: 3n });
  engine.advanceMs(5_000);
  await keys.sign(REF, MESSAGE);
  const { used, lastUsedMs } = await keys.get(REF);
  deepEqual({ used, lastUsedMs }, { used: 1n, lastUsedMs: engine.nowMs() });
  ok(engine.nowMs() > 0);
});
