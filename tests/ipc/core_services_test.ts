/**
 * The six core daemons together, over the real kernel and a real emulated virtio-rng: what no daemon's
 * own test can show.
 *
 * @module
 */

import { BootError } from "@runtime/boot/isolate.ts";
import type { EntropySource } from "@runtime/core/ports.ts";
import { identityd } from "@services/identityd/protocol.ts";
import { keystored } from "@services/keystored/protocol.ts";
import { logdQuery, logdV2, RING } from "@services/logd/protocol.ts";
import { KNOWN_CAPABILITIES } from "@services/policyd/capabilities.ts";
import { parseGrants } from "@services/policyd/grants.ts";
import policydComponent from "@services/policyd/mod.ts";
import { policyd, policydV2 } from "@services/policyd/protocol.ts";
import { rngd } from "@services/rngd/protocol.ts";
import { samgrd } from "@services/samgrd/protocol.ts";
import { deepEqual, equal, ok, rejects } from "../fakes/assert.ts";
import { bootCoreNode, CORE_COMPONENTS, type CoreNode, hostEntropy } from "../fakes/core_node.ts";
import { test } from "../fakes/test.ts";

const SELFTEST = "selftest-client";

async function withNode(
  body: (node: CoreNode) => Promise<void>,
  options: Parameters<typeof bootCoreNode>[0] = {},
): Promise<void> {
  const node = await bootCoreNode(options);
  try {
    await body(node);
  } finally {
    node.stop();
  }
}

/** Decisions in the audit ring, as `allow subject capability operation`. */
async function audited(node: CoreNode): Promise<readonly string[]> {
  const reader = node.client("auditor", logdQuery);
  const reply = await reader.queryAfter({
    ring: RING.audit,
    afterId: 0n,
    countMax: 200,
    scope: "",
  });
  ok(reply.status === "ok");
  return reply.records.map(({ message, fields }) => {
    const outcome = /decision=(\w+)/.exec(message)?.[1];
    const [capability, operation, subject] = fields.split("\n").map((line) => line.split("=")[1]);
    return `${outcome} ${subject} ${capability} ${operation}`;
  });
}

test("the core daemons come up in the order of their calls and prove what they print", async () => {
  await withNode((node) => {
    const own = node.lines.filter((line) => !/^init: (start|up) /.test(line));
    deepEqual(own, [
      "logd: ready",
      "policyd: ready",
      "policyd: audit emit ok",
      "init: mmio policy deny ok",
      "rngd: mmio window mapped ok",
      "rngd: ready",
      "blk: virtio-blk up (ss=512 nsec=2048)",
      "statefsd: stub (RAM, nothing is kept)",
      "statefsd: ready",
      "keystored: ready",
      "identityd: ready",
      "samgrd: ready",
      "init: ready",
    ]);
    deepEqual(node.faults, []);
    return Promise.resolve();
  });
});

test("identityd denies a signature to a caller without the grant, and the denial is recorded", async () => {
  await withNode(async (node) => {
    equal((await node.client(SELFTEST, keystored).getDevicePubkey({})).status, "ok");
    const denied = await node.client(SELFTEST, identityd).sign({ payload: Uint8Array.of(1) });
    deepEqual(denied, { status: "denied" });
    deepEqual((await audited(node)).slice(-2), [
      "allow selftest-client device.pubkey.read keystored.getDevicePubkey",
      "deny selftest-client identity.sign identityd.sign",
    ]);
  });
});

test("each decision of the boot stands in the audit ring, in order", async () => {
  await withNode(async (node) => {
    deepEqual(await audited(node), [
      "deny netstackd device.mmio.input init.grant",
      "allow rngd device.mmio.rng init.grant",
      "allow statefsd device.mmio.blk init.grant",
      "allow statefsd state.key init.grant",
      "allow statefsd rng.entropy rngd.getEntropy",
      "allow keystored keystore.kek init.grant",
      "allow keystored statefs.keystore statefsd.get",
      "allow keystored rng.entropy rngd.getEntropy",
      "allow keystored statefs.keystore statefsd.put",
      "allow keystored statefs.keystore statefsd.get",
      "allow keystored statefs.keystore statefsd.put",
      "allow keystored statefs.keystore statefsd.list",
      "allow keystored statefs.keystore statefsd.list",
    ]);
  });
});

test("keystored's log line about the key's place is there for whoever has the right to read", async () => {
  await withNode(async (node) => {
    const reader = node.client("auditor", logdQuery);
    const asked = { ring: RING.journal, afterId: 0n, countMax: 10, scope: "keystored" };
    const reply = await reader.queryAfter(asked);
    ok(reply.status === "ok");
    deepEqual(reply.records.map(({ sender, message }) => [sender, message]), [
      ["keystored", "device key drawn, and kept in /state (stub: RAM, not beyond the node)"],
    ]);
  });
});

test("a caller without grants gets nothing from any gated operation", async () => {
  await withNode(async (node) => {
    const name = "stranger";
    const denied = { status: "denied" };
    deepEqual(await node.client(name, rngd).getEntropy({ length: 32 }), denied);
    deepEqual(await node.client(name, keystored).sessionProof({ role: 0 }), denied);
    deepEqual(await node.client(name, identityd).getDeviceId({}), denied);
    deepEqual(await node.client(name, samgrd).lookup({ name: "rngd" }), denied);
    deepEqual(await node.client(name, policyd).check({ requester: name }), denied);
    const ask = { subject: "keystored", capability: "rng.entropy", operation: "", target: "" };
    deepEqual(await node.client(name, policydV2).decide(ask), denied);
  });
});

test("the private key is refused over the real kernel too", async () => {
  await withNode(async (node) => {
    const reply = await node.client(SELFTEST, keystored).getDevicePrivkey({});
    deepEqual(reply, { status: "private_export_denied" });
  });
});

test("two nodes have two identities", async () => {
  const keys: string[] = [];
  for (let index = 0; index < 2; index++) {
    await withNode(async (node) => {
      const reply = await node.client(SELFTEST, identityd).getDeviceId({});
      ok(reply.status === "ok");
      keys.push(reply.deviceId);
    });
  }
  ok(keys.every((key) => /^[0-9a-f]{64}$/.test(key)));
  equal(new Set(keys).size, 2);
});

test("a dead, stuck or silent entropy source keeps the node from starting", async () => {
  const sources: readonly EntropySource[] = [
    { fill: (bytes) => bytes.fill(0).length },
    { fill: (bytes) => bytes.fill(0xa5).length },
    { fill: () => 0 },
  ];
  for (const entropy of sources) {
    await rejects(bootCoreNode({ entropy }), (error: unknown) => {
      ok(error instanceof BootError);
      deepEqual([error.code, error.task], ["daemon_faulted", "rngd"]);
      return true;
    });
  }
});

test("a source that gets stuck later turns entropy off for good, with one line on the console", async () => {
  const healthy = hostEntropy();
  let stuck = false;
  const entropy: EntropySource = {
    fill: (bytes) => stuck ? bytes.fill(7).length : healthy.fill(bytes),
  };
  await withNode(async (node) => {
    const client = node.client(SELFTEST, rngd);
    equal((await client.getEntropy({ length: 64 })).status, "ok");
    stuck = true;
    deepEqual(await client.getEntropy({ length: 64 }), { status: "unavailable" });
    stuck = false;
    deepEqual(await client.getEntropy({ length: 64 }), { status: "unavailable" });
    const lines = node.lines.filter((line) => line === "rngd: health test failed, entropy off");
    equal(lines.length, 1);
  }, { entropy });
});

test("grants that do not parse keep the node from starting, and the reason has a name", async () => {
  const faults: string[] = [];
  const broken = {
    ...policydComponent,
    create: () => {
      parseGrants('version = 1\n[allow]\nrngd = ["rng.everything"]', KNOWN_CAPABILITIES);
      return {};
    },
  };
  const components = CORE_COMPONENTS.map((component) =>
    component.name === "policyd" ? broken : component
  );
  await rejects(
    bootCoreNode({ components, faulted: (name, reason) => void faults.push(`${name}: ${reason}`) }),
    BootError,
  );
  deepEqual(faults, ["policyd: GrantsError unknown_capability"]);
});

test("with a logd that keeps no audit the node gets no device and does not start", async () => {
  const components = CORE_COMPONENTS.map((component) => {
    if (component.name !== "logd") return component;
    const create = (given: never) => {
      const behaviour = component.create(given) as Readonly<Record<string, unknown>>;
      return { ...behaviour, audit: { appendAudit: () => ({ status: "over_limit" }) } };
    };
    return { ...component, create };
  });
  await rejects(bootCoreNode({ components }), (error: unknown) => {
    ok(error instanceof BootError);
    deepEqual([error.code, error.task], ["device_denied", "rngd"]);
    return true;
  });
});

test("a sender's rate is its own: the kernel's name counts, not the frame", async () => {
  await withNode(async (node) => {
    const record = { level: 2, scope: "s", message: "m", fields: "" };
    const loud = node.client("loud", logdV2);
    const statuses = await Promise.all(Array.from({ length: 30 }, () => loud.append(record)));
    equal(statuses.filter(({ status }) => status === "rate_limited").length, 6);
    equal((await node.client("quiet", logdV2).append(record)).status, "ok");
  });
});
