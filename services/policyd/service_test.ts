import { fnv1a64 } from "@runtime/core/fnv.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { bind, serve } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { directClient, directFrames, principal } from "@tests/fakes/direct.ts";
import { goldenFrames } from "@tests/fakes/golden.ts";
import { test } from "@tests/fakes/test.ts";
import { logdAudit } from "../logd/protocol.ts";
import { KNOWN_CAPABILITIES } from "./capabilities.ts";
import { parseGrants } from "./grants.ts";
import { policyd, policydV2, policydV3 } from "./protocol.ts";
import { createPolicyd } from "./service.ts";

const golden = goldenFrames("policyd");
const ID = "ab".repeat(32);
const GRANTS = `version = 1
[allow]
nexus-init = ["policy.delegate"]
rngd = ["policy.delegate", "device.mmio.rng"]
samgrd = ["ipc.core"]
launcher = ["proc.spawn", "ipc.core", "route.execd"]
keystored = ["rng.entropy"]
peer = ["samgr.resolve"]
mail = ["identity.key.sign"]
cli = ["identity.key.sign", "identity.key.admin"]
[apps]
mail = ["mail", "mail.*"]
cli = ["*"]
`;

/** policyd with a journal in a test's hands; `dead` makes every append fail. */
function deciderOf() {
  const records: string[] = [];
  const markers: string[] = [];
  const logd = { dead: false };
  const audit = directClient(logdAudit, {
    appendAudit({ decision, reason, check, subject, capability, operation, target }) {
      if (logd.dead) return { status: "malformed" };
      const parts = [check, decision === 0 ? "allow" : "deny", subject, capability];
      records.push([...parts, operation, target, reason].join("|"));
      return { status: "ok", recordId: BigInt(records.length), dropped: 0n };
    },
  }, { sender: "policyd" });
  const handlers = createPolicyd({
    grants: parseGrants(GRANTS, KNOWN_CAPABILITIES),
    audit,
    proveAudited: ({ record }) => void markers.push(`audited ${record}`),
    proveUnaudited: ({ lost }) => void markers.push(`unaudited ${lost}`),
  });
  const bound = [
    bind(policyd, handlers.policyd),
    bind(policydV2, handlers.policydV2),
    bind(policydV3, handlers.policydV3),
  ];
  return {
    records,
    markers,
    logd,
    bound,
    v1: (sender: string) => directClient(policyd, handlers.policyd, { sender }),
    v2: (sender: string) => directClient(policydV2, handlers.policydV2, { sender }),
    v3: (sender: string) => directClient(policydV3, handlers.policydV3, { sender }),
    frames: (sender: string) => directFrames(bound, { sender }),
  };
}

const OK = { status: "ok" };
const DENIED = { status: "denied" };
const MALFORMED = { status: "malformed" };
const ASK = {
  subject: "keystored",
  capability: "rng.entropy",
  operation: "rngd.getEntropy",
  target: "32",
};

test("policyd decides for a subject that a delegate asks about", async () => {
  const { v2, records } = deciderOf();
  deepEqual(await v2("rngd").decide(ASK), OK);
  deepEqual(await v2("rngd").decide({ ...ASK, subject: "samgrd" }), DENIED);
  deepEqual(await v2("rngd").decide({ ...ASK, subject: `peer:${ID}` }), DENIED);
  const resolve = { ...ASK, subject: `peer:${ID}`, capability: "samgr.resolve" };
  deepEqual(await v2("rngd").decide(resolve), OK);
  deepEqual(records, [
    "decide|allow|keystored|rng.entropy|rngd.getEntropy|32|0",
    "decide|deny|samgrd|rng.entropy|rngd.getEntropy|32|0",
    `decide|deny|peer:${ID}|rng.entropy|rngd.getEntropy|32|0`,
    `decide|allow|peer:${ID}|samgr.resolve|rngd.getEntropy|32|0`,
  ]);
});

test("test_reject_unpolicied_operation: what no line allows is denied", async () => {
  const { v1, v2 } = deciderOf();
  deepEqual(await v2("rngd").decide({ ...ASK, capability: "never.granted" }), DENIED);
  deepEqual(await v2("rngd").decide({ ...ASK, subject: "unknown" }), DENIED);
  const mmio = { subject: "rngd", capability: "device.mmio.net", operation: "", target: "" };
  deepEqual(await v2("nexus-init").decide(mmio), DENIED);
  deepEqual(await v1("stranger").check({ requester: "stranger" }), DENIED);
  deepEqual(await v1("samgrd").exec({ requester: "samgrd", image: 1 }), DENIED);
  deepEqual(await v1("samgrd").route({ requester: "samgrd", target: "execd" }), DENIED);
  const unpolicied = { subject: fnv1a64("samgrd"), capability: "rng.entropy" };
  deepEqual(await v1("samgrd").checkCapability(unpolicied), DENIED);
});

test("test_reject_forged_service_id: a payload that names another subject is denied", async () => {
  const { v1, v2, v3, records } = deciderOf();
  const forged = fnv1a64("keystored");
  const asked = { subject: forged, capability: "rng.entropy" };
  deepEqual(await v1("samgrd").check({ requester: "launcher" }), DENIED);
  deepEqual(await v1("samgrd").exec({ requester: "launcher", image: 1 }), DENIED);
  deepEqual(await v1("samgrd").checkCapability(asked), DENIED);
  deepEqual(await v1("samgrd").checkDelegated(asked), DENIED);
  deepEqual(await v2("samgrd").checkDelegated(asked), DENIED);
  deepEqual(await v2("samgrd").decide(ASK), DENIED);
  deepEqual(await v3("samgrd").exec({ requester: fnv1a64("launcher"), image: 1 }), DENIED);
  // Each is recorded as the deed of who did it, with reason 1: identity mismatch.
  deepEqual(records.map((record) => record.split("|")).map((part) => [part[2], part[4], part[6]]), [
    ["samgrd", "as:launcher", "1"],
    ["samgrd", "as:launcher", "1"],
    ["samgrd", "as:keystored", "1"],
    ["samgrd", "as:keystored", "1"],
    ["samgrd", "as:keystored", "1"],
    ["samgrd", "as:keystored", "1"],
    ["samgrd", "as:launcher", "1"],
  ]);
});

test("test_reject_requester_spoof_v1_route: a route is judged for who asks", async () => {
  const { v1 } = deciderOf();
  deepEqual(await v1("launcher").route({ requester: "samgrd", target: "vfsd" }), DENIED);
  deepEqual(await v1("samgrd").route({ requester: "samgrd", target: "vfsd" }), OK);
});

test("test_reject_requester_spoof_v2_route: a route is judged for who asks", async () => {
  const { v2 } = deciderOf();
  deepEqual(await v2("vfsd").route({ requester: "samgrd", target: "vfsd" }), DENIED);
  deepEqual(await v2("samgrd").route({ requester: "samgrd", target: "vfsd" }), OK);
});

test("test_reject_requester_spoof_v3_route_id: a route is judged for who asks", async () => {
  const { v3 } = deciderOf();
  const route = { requester: fnv1a64("samgrd"), target: fnv1a64("vfsd") };
  deepEqual(await v3("vfsd").route(route), DENIED);
  deepEqual(await v3("samgrd").route(route), OK);
});

test("policyd lets a delegate speak for another, and judges that other", async () => {
  const { v1, v2 } = deciderOf();
  deepEqual(await v1("nexus-init").route({ requester: "samgrd", target: "vfsd" }), OK);
  deepEqual(await v1("nexus-init").check({ requester: "nexus-init" }), DENIED);
  const asked = { subject: fnv1a64("keystored"), capability: "rng.entropy" };
  deepEqual(await v1("rngd").checkDelegated(asked), OK);
  deepEqual(await v2("rngd").checkDelegated(asked), OK);
  deepEqual(await v2("rngd").checkDelegated({ ...asked, capability: "crypto.sign" }), DENIED);
  deepEqual(await v2("rngd").checkDelegated({ ...asked, subject: 1n }), DENIED);
});

test("policyd's delegated check is for delegates only, also about oneself", async () => {
  const { v1, records } = deciderOf();
  const asked = { subject: fnv1a64("keystored"), capability: "rng.entropy" };
  deepEqual(await v1("keystored").checkDelegated(asked), DENIED);
  deepEqual(await v1("keystored").checkCapability(asked), OK);
  deepEqual(records, [
    "check_cap_delegated|deny|keystored|rng.entropy|as:keystored||0",
    "check_cap|allow|keystored|rng.entropy|||0",
  ]);
});

test("policyd gives routes to execd a capability of their own", async () => {
  const { v1, v3 } = deciderOf();
  deepEqual(await v1("launcher").route({ requester: "launcher", target: "execd" }), OK);
  deepEqual(await v1("launcher").exec({ requester: "launcher", image: 3 }), OK);
  const byId = { requester: fnv1a64("launcher"), target: fnv1a64("execd") };
  deepEqual(await v3("launcher").route(byId), OK);
});

test("policyd refuses subjects and capabilities that are no names", async () => {
  const { v2 } = deciderOf();
  for (const subject of ["a b", "peer:abc", "Keystored", "x\ndecision=allow"]) {
    deepEqual(await v2("rngd").decide({ ...ASK, subject }), MALFORMED);
  }
  for (const capability of ["*", "rng.*", "RNG", "a b"]) {
    deepEqual(await v2("rngd").decide({ ...ASK, capability }), MALFORMED);
  }
});

test("test_reject_oversized_policy_query: a name past its bound is malformed, and recorded", async () => {
  const { frames, records } = deciderOf();
  const exchange = frames("rngd");
  const name = (length: number) => new Uint8Array(length).fill(0x61);
  const checkCap = (length: number) =>
    concatBytes(golden("check cap v1").subarray(0, 12), Uint8Array.of(length), name(length));
  equal((await exchange(checkCap(48)))?.[4], 1);
  equal((await exchange(checkCap(49)))?.[4], 2);
  const decide = (length: number) =>
    concatBytes(
      Uint8Array.of(0x50, 0x4f, 2, 0x20, 1, 0, 0, 0, length),
      name(length),
      Uint8Array.of(1, 0x61, 0, 0),
    );
  equal((await exchange(decide(80)))?.[8], 1);
  equal((await exchange(decide(81)))?.[8], 2);
  const check = (length: number) =>
    concatBytes(Uint8Array.of(0x50, 0x4f, 1, 1, length), name(length));
  equal((await exchange(check(48)))?.[4], 1);
  equal((await exchange(check(49)))?.[4], 2);
  equal((await exchange(new Uint8Array(8_192).fill(0x50)))?.[4], 2);
  const malformed = records.filter((record) => record.endsWith("|2"));
  deepEqual(malformed, [
    "check_cap|deny|rngd||||2",
    "decide|deny|rngd||||2",
    "check|deny|rngd||||2",
    "unknown|deny|rngd||||2",
  ]);
});

test("test_reject_malformed_exec_v1_oversized_requester: upstream's frame is malformed", async () => {
  const { frames } = deciderOf();
  const frame = concatBytes(
    Uint8Array.of(0x50, 0x4f, 1, 3, 49),
    new Uint8Array(49).fill(0x61),
    Uint8Array.of(1),
  );
  deepEqual(await frames("samgrd")(frame), Uint8Array.of(0x50, 0x4f, 1, 0x83, 2, 0));
});

test("policyd answers unknown operations and versions as upstream, and records them", async () => {
  const { frames, records } = deciderOf();
  const exchange = frames("samgrd");
  deepEqual(await exchange(Uint8Array.of(0x50, 0x4f, 1, 0x7f)), golden("unsupported op v1"));
  const version = golden("check v1");
  version[2] = 9;
  deepEqual(await exchange(version), Uint8Array.of(0x50, 0x4f, 1, 0x81, 3, 0));
  deepEqual(records, ["unknown|deny|samgrd||||2", "check|deny|samgrd||||2"]);
});

/** Every operation of every version, once allowed and once denied. */
function everyDecision({ v1, v2, v3 }: ReturnType<typeof deciderOf>) {
  const id = fnv1a64;
  const keystored = { subject: id("keystored"), capability: "rng.entropy" };
  const nothing = { subject: id("keystored"), capability: "crypto.sign" };
  const route = { requester: "launcher", target: "execd" };
  const routeId = { requester: id("launcher"), target: id("execd") };
  return [
    () => v1("samgrd").check({ requester: "samgrd" }),
    () => v1("vfsd").check({ requester: "vfsd" }),
    () => v1("launcher").route(route),
    () => v1("samgrd").route({ requester: "samgrd", target: "execd" }),
    () => v1("launcher").exec({ requester: "launcher", image: 1 }),
    () => v1("samgrd").exec({ requester: "samgrd", image: 1 }),
    () => v1("keystored").checkCapability(keystored),
    () => v1("keystored").checkCapability(nothing),
    () => v1("rngd").checkDelegated(keystored),
    () => v1("rngd").checkDelegated(nothing),
    () => v2("rngd").checkDelegated(keystored),
    () => v2("rngd").checkDelegated(nothing),
    () => v2("launcher").route(route),
    () => v2("samgrd").route({ requester: "samgrd", target: "execd" }),
    () => v2("launcher").exec({ requester: "launcher", image: 1 }),
    () => v2("samgrd").exec({ requester: "samgrd", image: 1 }),
    () => v2("rngd").decide(ASK),
    () => v2("rngd").decide({ ...ASK, subject: "vfsd" }),
    () => v3("launcher").route(routeId),
    () => v3("samgrd").route({ requester: id("samgrd"), target: id("execd") }),
    () => v3("launcher").exec({ requester: id("launcher"), image: 1 }),
    () => v3("samgrd").exec({ requester: id("samgrd"), image: 1 }),
  ];
}

test("test_audit_all_decisions: each operation leaves one record, allow and deny, before it answers", async () => {
  const decided = deciderOf();
  const decisions = everyDecision(decided);
  for (const [index, decide] of decisions.entries()) {
    const expected = index % 2 === 0 ? OK : DENIED;
    const { status } = await decide();
    deepEqual({ index, status }, { index, ...expected });
    equal(decided.records.length, index + 1, "the record is there when the answer is");
  }
  const verdicts = decided.records.map((record) => record.split("|").slice(0, 2).join(" "));
  const checks = [
    ["check", "route", "exec", "check_cap", "check_cap_delegated"],
    ["check_cap_delegated", "route", "exec", "decide"],
    ["route", "exec"],
  ].flat();
  deepEqual(verdicts, checks.flatMap((check) => [`${check} allow`, `${check} deny`]));
  deepEqual(decided.markers, ["audited 1"]);
});

test("test_audit_all_decisions: with a dead logd every decision is a denial", async () => {
  const decided = deciderOf();
  decided.logd.dead = true;
  for (const decide of everyDecision(decided)) deepEqual(await decide(), DENIED);
  deepEqual({ records: decided.records, markers: decided.markers }, {
    records: [],
    markers: ["unaudited 1"],
  });
  decided.logd.dead = false;
  deepEqual(await decided.v2("rngd").decide(ASK), OK);
});

test("test_audit_all_decisions: no reply leaves while its record is not kept", async () => {
  const append = Promise.withResolvers<void>();
  const audit = directClient(logdAudit, {
    async appendAudit() {
      await append.promise;
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
  });
  const grants = parseGrants(GRANTS, KNOWN_CAPABILITIES);
  const prove = () => {};
  const { policydV2: handlers } = createPolicyd({
    grants,
    audit,
    proveAudited: prove,
    proveUnaudited: prove,
  });
  const answer = serve([bind(policydV2, handlers)], () => Promise.resolve(false));
  const frame = golden("decide v2 (ours)");
  let answered = false;
  const replied = Promise.resolve(answer(frame, { sender: principal("rngd"), moved: undefined }))
    .then((reply) => {
      answered = true;
      return reply;
    });
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  ok(!answered);
  append.resolve();
  equal((await replied)?.frame[8], 1);
});

test("a name that is long in bytes cannot break the record of its refusal", async () => {
  const { v1, records } = deciderOf();
  deepEqual(await v1("samgrd").check({ requester: "\u20ac".repeat(16) }), DENIED);
  equal(records[0], `check|deny|samgrd|ipc.core|as:${"?".repeat(16)}||1`);
});

test("policyd decides about keys for the application's own subject alone, and the admin for all", async () => {
  const { v2, records } = deciderOf();
  const decided = async (subject: string, capability: string, target: string) => {
    const ask = { subject, capability, operation: "keys.sign", target };
    return (await v2("rngd").decide(ask)).status;
  };
  const sign = "identity.key.sign";
  equal(await decided("mail", sign, "mail:letters:nk1-00:ff"), "ok");
  equal(await decided("mail", sign, "mail.drafts:letters::"), "ok");
  equal(await decided("cli", sign, "notes:x::"), "ok");
  for (const target of ["notes:x::", "mailx:y::", "", ":", "mail.:x", "nomail:mail::"]) {
    equal(await decided("mail", sign, target), "denied", target);
  }
  for (const target of ["mail:letters::", "mail.drafts:letters::"]) {
    equal(await decided("cli", sign, target), "denied", target);
    equal(await decided("cli", "identity.key.admin", target), "ok", target);
  }
  equal(await decided("samgrd", sign, "samgrd:x::"), "denied");
  equal(records.length, 14);
});
