import { Secret } from "@runtime/core/secret.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { directClient, principal, watchedGate } from "@tests/fakes/direct.ts";
import { LossyDisk } from "@tests/fakes/lossy_disk.ts";
import { bytesOf, risingRandom } from "@tests/fakes/statefs.ts";
import { test } from "@tests/fakes/test.ts";
import { LiveStore } from "./live_store.ts";
import { openStore } from "./open_store.ts";
import {
  LIMITED_OWNER_LENGTH_MAX,
  LIST_LENGTH_MAX,
  PART_LENGTH_MAX,
  statefsd,
} from "./protocol.ts";
import { selfCheck } from "./self_check.ts";
import { createStatefsd } from "./service.ts";

const BLOCKS = 1_025;
const LIMITS = { soft: 60_000, hard: 80_000 };
const NOW_MS = 1_700_000_000_123;

/** A served store, and its clients by name; each holds what the test says. */
async function served(
  { image = new Uint8Array(BLOCKS * 512), holds = {}, persists = true }: {
    readonly image?: Uint8Array;
    readonly persists?: boolean;
    readonly holds?: Readonly<Record<string, readonly string[]>>;
  } = {},
) {
  const disk = new LossyDisk(image);
  const recordKey = new Secret(new Uint8Array(32).fill(9));
  const quotas = { subjects: LIMITS, apps: LIMITS, clock: { nowNs: () => 0 }, warned() {} };
  const ports = { disk, random: risingRandom(), recordKey, quotas, failed: () => {} };
  const opened = await openStore(ports);
  ok(opened.status === "ok");
  const store = new LiveStore(ports, opened);
  const told: unknown[] = [];
  const { gate, asks } = watchedGate(({ subject, capability }) =>
    holds[subject]?.includes(capability) ?? true
  );
  const handlers = createStatefsd({
    ...{ store, gate, persists },
    unixMs: () => NOW_MS,
    log: undefined,
    exceeded: ({ owner }) => void told.push(owner),
    compacted: (evidence) => void told.push(evidence),
    check: () => selfCheck(risingRandom()),
  });
  const client = (sender: string) => directClient(statefsd, handlers, { sender, gate });
  return { asks, client, disk, store, told };
}

test("statefsd keeps, tells and forgets a value, and says who wrote it when", async () => {
  const { client, store } = await served();
  const a = client("alpha");
  const key = "/state/app/x";
  deepEqual(await a.get({ key }), { status: "not_found" });
  deepEqual(await a.put({ key, value: bytesOf("one") }), { status: "ok" });
  deepEqual(await a.get({ key }), { status: "ok", value: bytesOf("one") });
  const kept = store.get(key);
  ok(kept.status === "ok");
  deepEqual([kept.subject, kept.timestamp], ["alpha", BigInt(NOW_MS) * 1_000_000n]);
  deepEqual(await a.sync({}), { status: "ok" });
  deepEqual(await a.del({ key }), { status: "ok" });
  deepEqual(await a.del({ key }), { status: "not_found" });
  deepEqual(await a.get({ key }), { status: "not_found" });
});

test("statefsd refuses names that are none, whoever asks, and asks nobody for them", async () => {
  const { client, asks } = await served();
  const a = client("alpha");
  for (const key of ["", "/", "/state", "/state/", "/state/../x", "/state//x", "/other/x"]) {
    deepEqual(await a.get({ key }), { status: "invalid_key" });
    deepEqual(await a.getAt({ key, offset: 0 }), { status: "invalid_key" });
    deepEqual(await a.put({ key, value: bytesOf("x") }), { status: "invalid_key" });
    deepEqual(await a.del({ key }), { status: "invalid_key" });
    deepEqual(await a.txnPut({ txn: 1n, key, chunk: bytesOf("x") }), { status: "invalid_key" });
  }
  const long = `/state/${"n".repeat(249)}`;
  deepEqual(await a.put({ key: long, value: bytesOf("x") }), { status: "key_too_long" });
  deepEqual(asks, []);
});

test("test_reject_unauthorized_keystore_access: each name takes its own capability", async () => {
  const { client, asks } = await served({ holds: { app: ["statefs.read", "statefs.write"] } });
  const app = client("app");
  const value = bytesOf("x");
  const denied = { status: "denied" };
  deepEqual(await app.put({ key: "/state/app/a", value }), { status: "ok" });
  deepEqual(await app.get({ key: "/state/keystore/deny" }), denied);
  deepEqual(await app.put({ key: "/state/keystore/deny", value }), denied);
  deepEqual(await app.del({ key: "/state/boot/bootctl.v1" }), denied);
  deepEqual(await app.put({ key: "/state/statefsd/enc.v1", value }), denied);
  deepEqual(await app.txnPut({ txn: 1n, key: "/state/keystore/x", chunk: value }), denied);
  deepEqual(await app.reopen({}), denied);
  deepEqual(await app.compact({}), denied);
  deepEqual(await app.selfCheck({}), denied);
  deepEqual(asks.map(({ capability }) => capability), [
    "statefs.write",
    "statefs.keystore",
    "statefs.keystore",
    "statefs.boot",
    "statefs.admin",
    "statefs.keystore",
    "statefs.admin",
    "statefs.admin",
    "statefs.admin",
  ]);
});

test("statefsd writes nothing below its own two names, not for an administrator", async () => {
  const { client } = await served();
  for (const key of ["/state/statefsd/image.v1", "/state/statefsd/seq.v1"]) {
    deepEqual(await client("root").put({ key, value: bytesOf("x") }), { status: "denied" });
    deepEqual(await client("root").del({ key }), { status: "denied" });
  }
});

const names = (reply: { readonly status: string; readonly names?: readonly { name: string }[] }) =>
  reply.names?.map(({ name }) => name) ?? reply.status;

test("statefsd lists what the caller may read and tells nothing of the rest", async () => {
  const holds = { reader: ["statefs.read"], keys: ["statefs.keystore"], none: [] };
  const { client } = await served({ holds });
  const root = client("root");
  for (const key of ["app/a", "keystore/k", "boot/b", "keystorex"]) {
    deepEqual(await root.put({ key: `/state/${key}`, value: bytesOf(key) }), { status: "ok" });
  }
  const list = async (sender: string, prefix: string) =>
    names(await client(sender).list({ prefix, countMax: 9 }));
  deepEqual(await list("reader", "/state/"), ["/state/app/a", "/state/keystorex"]);
  deepEqual(await list("reader", "/state/keystore"), ["/state/keystorex"]);
  deepEqual(await list("reader", "/state/keystore/"), "denied");
  deepEqual(await list("keys", "/state/"), ["/state/keystore/k"]);
  deepEqual(await list("none", "/state/"), "denied");
  deepEqual((await list("root", "/state/")).length, 4);
  deepEqual(await list("root", "/state"), "invalid_key");
});

test("statefsd fills a page with what fits, and goes on behind a name", async () => {
  const { client } = await served();
  const root = client("root");
  const all: string[] = [];
  for (let index = 0; index < 300; index++) {
    all.push(`/state/${"n".repeat(40)}${String(index).padStart(3, "0")}`);
  }
  await Promise.all(all.map((key) => root.put({ key, value: bytesOf("v") })));
  const listed = names(await root.list({ prefix: "/state/n", countMax: 0xffff }));
  equal(listed.length, Math.floor((LIST_LENGTH_MAX - 15) / 52));
  const found: string[] = [];
  for (let after = "";;) {
    const page = await root.listAfter({ prefix: "/state/n", after, countMax: 0xffff });
    ok(page.status === "ok");
    if (page.names.length === 0) break;
    found.push(...page.names.map(({ name }) => name));
    after = found.at(-1) ?? "";
  }
  deepEqual(found, all);
  deepEqual(
    names(await root.listAfter({ prefix: "/state/n", after: "x", countMax: 1 })),
    "invalid_key",
  );
});

test("statefsd tells a long value part by part", async () => {
  const { client } = await served();
  const root = client("root");
  const key = "/state/app/long";
  const value = Uint8Array.from({ length: 20_000 }, (_, index) => index % 251);
  const begun = await root.txnBegin({});
  ok(begun.status === "ok");
  for (let at = 0; at < value.length; at += 8_000) {
    const chunk = value.subarray(at, at + 8_000);
    deepEqual(await root.txnPut({ txn: begun.txn, key, chunk }), { status: "ok" });
  }
  deepEqual(await root.txnCommit({ txn: begun.txn }), { status: "ok" });
  deepEqual(await root.get({ key }), { status: "value_too_large" });
  const parts: number[] = [];
  for (let offset = 0; offset < value.length; offset += PART_LENGTH_MAX) {
    const reply = await root.getAt({ key, offset });
    ok(reply.status === "ok" && reply.length === value.length);
    parts.push(...reply.part);
  }
  deepEqual(Uint8Array.from(parts), value);
  deepEqual(await root.getAt({ key, offset: 20_001 }), { status: "malformed" });
});

test("statefsd's transactions are their opener's alone, and end with it", async () => {
  const { client, store } = await served();
  const [a, b] = [client("alpha"), client("beta")];
  const begun = await a.txnBegin({});
  ok(begun.status === "ok");
  const { txn } = begun;
  const put = { txn, key: "/state/app/t", chunk: bytesOf("x") };
  deepEqual(await b.txnPut(put), { status: "not_found" });
  deepEqual(await b.txnCommit({ txn }), { status: "not_found" });
  deepEqual(await b.txnAbort({ txn }), { status: "not_found" });
  deepEqual(await a.txnPut(put), { status: "ok" });
  await store.release(principal("beta").sid);
  deepEqual(await a.txnPut({ ...put, key: "/state/app/u" }), { status: "ok" });
  await store.release(principal("alpha").sid);
  deepEqual(await a.txnCommit({ txn }), { status: "not_found" });
  deepEqual(await a.get({ key: "/state/app/t" }), { status: "not_found" });
});

test("statefsd ends a request for one transaction too many with a status of its own", async () => {
  const { client } = await served();
  const a = client("alpha");
  for (let index = 0; index < 8; index++) equal((await a.txnBegin({})).status, "ok");
  deepEqual(await a.txnBegin({}), { status: "txn_limit" });
});

test("statefsd that is opened anew has what was kept, and no open transaction", async () => {
  const { client } = await served();
  const a = client("alpha");
  const key = "/state/app/x";
  await a.put({ key, value: bytesOf("one") });
  const begun = await a.txnBegin({});
  ok(begun.status === "ok");
  await a.txnPut({ txn: begun.txn, key, chunk: bytesOf("two") });
  const [reopened, during] = await Promise.all([
    a.reopen({}),
    a.put({ key: "/state/app/y", value: bytesOf("y") }),
  ]);
  deepEqual([reopened, during], [{ status: "ok" }, { status: "ok" }]);
  deepEqual(await a.txnCommit({ txn: begun.txn }), { status: "not_found" });
  deepEqual(await a.get({ key }), { status: "ok", value: bytesOf("one") });
  deepEqual(await a.get({ key: "/state/app/y" }), { status: "ok", value: bytesOf("y") });
});

test("statefsd tells how full it is, and begins a new generation when it is told to", async () => {
  const { client, told } = await served();
  const a = client("alpha");
  const value = new Uint8Array(512);
  for (let index = 0; index < 4; index++) await a.put({ key: "/state/app/x", value });
  const before = await a.stats({});
  ok(before.status === "ok");
  deepEqual([before.persists, before.failed, before.keys], [1, 0, 3]);
  const compacted = await a.compact({});
  deepEqual(compacted, { status: "ok", generation: before.generation + 1, entries: 3 });
  deepEqual(told, [{ count: before.generation + 1, entries: 3 }]);
  const after = await a.stats({});
  ok(after.status === "ok" && after.logBytes < before.logBytes);
  equal(after.generation, before.generation + 1);
  deepEqual(await a.get({ key: "/state/app/x" }), { status: "ok", value });
});

test("statefsd checks itself on an image of its own", async () => {
  const { client, disk } = await served();
  const before = disk.image;
  const checked = await client("root").selfCheck({});
  ok(checked.status === "ok");
  const { sealed, tampered, rolledBack, cuts } = checked;
  ok(sealed > 0 && tampered > 100 && rolledBack > 0 && cuts > 3, JSON.stringify(checked));
  deepEqual(disk.image, before);
});

test("statefsd refuses what takes an owner too far, with what it takes and may take", async () => {
  const { client, told } = await served();
  const a = client("alpha");
  const value = new Uint8Array(8_000);
  let kept = 0;
  let refused = await a.put({ key: "/state/app/x/0", value });
  for (; refused.status === "ok"; kept++) {
    refused = await a.put({ key: `/state/app/x/${kept + 1}`, value });
  }
  ok(refused.status === "quota_exceeded");
  deepEqual([kept, refused.limit, told], [9, 80_000n, ["subject:alpha"]]);
  ok(refused.used > 72_000n && refused.used <= 80_000n);
  const usage = await client("root").usage({ owner: "subject:alpha" });
  deepEqual(usage, { status: "ok", used: refused.used, soft: 60_000n, hard: 80_000n });
  deepEqual(await a.get({ key: `/state/app/x/${kept}` }), { status: "not_found" });
  const begun = await a.txnBegin({});
  ok(begun.status === "ok");
  for (const part of ["p", "q"]) {
    const chunk = new Uint8Array(4_000);
    await a.txnPut({ txn: begun.txn, key: `/state/other/${part}`, chunk });
  }
  const committed = await a.txnCommit({ txn: begun.txn });
  deepEqual(committed, { status: "quota_exceeded", used: refused.used, limit: 80_000n });
  deepEqual(await a.get({ key: "/state/other/p" }), { status: "not_found" });
  deepEqual(await a.del({ key: "/state/app/x/0" }), { status: "ok" });
  deepEqual(await a.put({ key: "/state/app/x/a", value }), { status: "ok" });
});

test("statefsd gives an owner limits of its own, tells of every owner, and takes them away", async () => {
  const { asks, client, store } = await served();
  const [a, root] = [client("alpha"), client("root")];
  deepEqual(await a.put({ key: "/state/app/x/a", value: bytesOf("one") }), { status: "ok" });
  const limits = { owner: "app:x", soft: 10n, hard: 100n };
  deepEqual(await root.setLimits(limits), { status: "ok" });
  const kept = store.get("/state/statefsd/quota/app:x");
  ok(kept.status === "ok");
  deepEqual([kept.subject, kept.timestamp], ["root", BigInt(NOW_MS) * 1_000_000n]);
  const { status, ...refused } = await a.put({ key: "/state/app/x/b", value: bytesOf("two") });
  equal(status, "quota_exceeded");
  deepEqual(refused, { used: BigInt(store.usage("app:x").used), limit: 100n });
  const owners = await root.owners({ after: "" });
  ok(owners.status === "ok");
  deepEqual(owners.owners.map(({ owner, soft, hard, own }) => [owner, soft, hard, own]), [
    ["app:x", 10n, 100n, 1],
    ["subject:alpha", 60_000n, 80_000n, 0],
    ["subject:root", 60_000n, 80_000n, 0],
  ]);
  const behind = await root.owners({ after: "subject:alpha" });
  deepEqual(behind.status === "ok" && behind.owners.map(({ owner }) => owner), ["subject:root"]);
  deepEqual(await root.clearLimits({ owner: "app:x" }), { status: "ok" });
  deepEqual(await root.clearLimits({ owner: "app:x" }), { status: "not_found" });
  deepEqual(await a.put({ key: "/state/app/x/b", value: bytesOf("two") }), { status: "ok" });
  const asked = asks.filter(({ subject }) => subject === "root");
  deepEqual([...new Set(asked.map(({ capability }) => capability))], ["statefs.quota"]);
  deepEqual([...new Set(asked.map(({ target }) => target))], ["app:x", ""]);
});

test("statefsd refuses limits that are none, and all where they would end with the node", async () => {
  const { client, store } = await served();
  const root = client("root");
  const limits = { soft: 1n, hard: 2n };
  for (const owner of ["x", "app:", "user:x", "app:x/y", "subject:a\nb", "app:x/../../seq.v1"]) {
    deepEqual(await root.setLimits({ ...limits, owner }), { status: "invalid_key" }, owner);
    deepEqual(await root.clearLimits({ owner }), { status: "invalid_key" }, owner);
  }
  const wrong = [{ soft: 3n, hard: 2n }, { soft: 1n, hard: 1n << 53n }];
  for (const each of wrong) {
    deepEqual(await root.setLimits({ ...each, owner: "app:x" }), { status: "malformed" });
  }
  deepEqual(store.usages(), []);
  const fleeting = await served({ persists: false });
  const other = fleeting.client("root");
  deepEqual(await other.setLimits({ ...limits, owner: "app:x" }), { status: "unsupported" });
  deepEqual(await other.clearLimits({ owner: "app:x" }), { status: "unsupported" });
  deepEqual(fleeting.store.usages(), []);
});

test("statefsd takes limits for the longest owner that a path has room for", async () => {
  const { client } = await served();
  const owner = `app:${"x".repeat(LIMITED_OWNER_LENGTH_MAX - 4)}`;
  deepEqual(await client("root").setLimits({ owner, soft: 1n, hard: 2n }), { status: "ok" });
});

test("statefsd tells of more owners than a reply holds page by page", async () => {
  const { client } = await served();
  const root = client("root");
  const all = Array.from({ length: 60 }, (_, at) => `app:${String(at).padStart(2, "0")}`);
  await Promise.all(all.map((owner) => root.setLimits({ owner, soft: 1n, hard: 2n })));
  const found: string[] = [];
  const pages: number[] = [];
  for (let after = "";;) {
    const page = await root.owners({ after });
    ok(page.status === "ok");
    if (page.owners.length === 0) break;
    pages.push(page.owners.length);
    found.push(...page.owners.map(({ owner }) => owner));
    after = found.at(-1) ?? "";
  }
  deepEqual([pages, found], [[28, 28, 5], [...all, "subject:root"]]);
});

test("the kept log is nobody's to write, and where none is kept nothing is told of it", async () => {
  const { client } = await served();
  const root = client("root");
  const key = "/state/log/journal/0000000000000001";
  const value = bytesOf("x");
  deepEqual(await root.put({ key, value }), { status: "denied" });
  deepEqual(await root.del({ key }), { status: "denied" });
  deepEqual(await root.txnPut({ txn: 1n, key, chunk: value }), { status: "denied" });
  deepEqual(await root.logSegment({ ring: 0, from: 0n, offset: 0 }), { status: "unsupported" });
  deepEqual(await root.logCheckpoint({ ring: 0 }), { status: "unsupported" });
  deepEqual(await root.logHeads({}), { status: "ok", heads: [] });
});
