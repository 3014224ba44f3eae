import { equal } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import { throws } from "@tests/fakes/assert.ts";
import { manualKernel } from "@tests/fakes/kernel.ts";
import { SpawnError } from "./kernel.ts";
import { PRINCIPAL_NAME_LENGTH_MAX, PrincipalRegistry, PRINCIPALS_MAX } from "./principal.ts";

/** Source: open-nexus-OS commit f5405da0, services' own constants of `sender_service_id`. */
const SIDS: Readonly<Record<string, string>> = {
  "rngd": "aa89341ff46fbf82",
  "keystored": "866cecf1b02a841b",
  "identityd": "a8a628d934abc7ed",
  "policyd": "c4b6d847aa573fa1",
  "logd": "ce07e8ad70ec4c6f",
  "attestd": "75b356bd356811d8",
  "samgrd": "75f64afec44cd4d7",
  "bundlemgrd": "4dac7c5bc8db33eb",
  "updated": "43ac3b8ac5ae1d90",
  "statefsd": "d9f31d00b74c1b47",
  "netstackd": "b64b904a0313921c",
  "dsoftbusd": "326680366b8c11f1",
  "selftest-client": "52c6c4a34ffb3f69",
  "init-lite": "46f681f38d27984e",
  "nexus-init": "79d90f72586a8589",
  "virtioblkd": "11151efd3eb776bf",
  "execd": "7b6096126000c028",
  "packagefsd": "e4d46a259b02da48",
  "vfsd": "80ca4c0110ceb1ca",
  "metricsd": "32c5f2e014497e76",
  "demo.testsvc": "d5ddfde85dbf9fa6",
  "timed": "2933756c392845a0",
  "configd": "931a87208a67f0d9",
  "keymintd": "01015cd7d6aba368",
};

function sidOf(registry: PrincipalRegistry, name: string): string {
  const principal = registry.register(name);
  return typeof principal === "string" ? principal : principal.sid.toString(16).padStart(16, "0");
}

test("PrincipalRegistry gives upstream's sids", () => {
  const registry = new PrincipalRegistry();
  for (const [name, sid] of Object.entries(SIDS)) equal(sidOf(registry, name), sid);
});

test("PrincipalRegistry refuses a name twice", () => {
  const registry = new PrincipalRegistry();
  const first = registry.register("rngd");
  equal(registry.register("rngd"), "name_taken");
  equal(registry.byName("rngd"), first);
});

test("PrincipalRegistry refuses a second name with the sid of a first", () => {
  const registry = new PrincipalRegistry(() => 42n);
  const first = registry.register("rngd");
  equal(registry.register("keystored"), "sid_collision");
  equal(registry.bySid(42n), first);
  equal(registry.byName("keystored"), undefined);
});

test("PrincipalRegistry refuses sid 0, which stands for nobody", () => {
  const registry = new PrincipalRegistry(() => 0n);
  equal(registry.register("rngd"), "sid_collision");
  equal(registry.bySid(0n), undefined);
});

test("PrincipalRegistry refuses malformed names", () => {
  const registry = new PrincipalRegistry();
  const longest = "a".repeat(PRINCIPAL_NAME_LENGTH_MAX);
  equal(typeof registry.register(longest), "object");
  equal(typeof registry.register("app:org.example_1-b"), "object");
  const bad = ["", "A", "1a", "-a", "a b", "a\n", "rngd\n", "a/b", "é", "a\0", `${longest}a`];
  for (const name of bad) equal(registry.register(name), "name_invalid");
});

test("PrincipalRegistry knows a bounded number of principals", () => {
  const registry = new PrincipalRegistry();
  for (let index = 0; index < PRINCIPALS_MAX; index++) {
    equal(typeof registry.register(`task${index}`), "object");
  }
  equal(registry.register("one-more"), "too_many");
});

test("Kernel.spawn refuses what the registry refuses, and makes no task of it", () => {
  const { kernel } = manualKernel({ principals: new PrincipalRegistry(() => 7n) });
  kernel.spawn("rngd");
  const refused = (name: string, code: string) => {
    throws(() => kernel.spawn(name), (error) => error instanceof SpawnError && error.code === code);
  };
  refused("rngd", "name_taken");
  refused("other", "sid_collision");
  refused("Other", "name_invalid");
  equal(kernel.tasks.length, 1);
});
