import type { Handlers } from "@runtime/idl/server.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { controllerOf, fakeNode, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { putValues, withState } from "@tests/fakes/state_values.ts";
import { test } from "@tests/fakes/test.ts";
import type { controld } from "../controld/protocol.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const DIR = "/s";
const LIMITS = ["--soft", "48KiB", "--hard", "64KiB"] as const;
type Answers = Partial<Handlers<typeof controld>>;

/** Runs a command against a node that answers so. */
async function nx(argv: readonly string[], answers: Answers, file?: string) {
  const handlers = { ...controllerOf({ deviceId: "ab".repeat(32) }), ...answers };
  const node = fakeNode({ host: "127.0.0.1", port: 7401 }, { handlers });
  const world = nxWorld({ startNode: () => Promise.resolve(node) });
  const up = runNx(["up", "--no-supervise", "--json"], world.ports);
  await settled();
  if (file !== undefined) world.files.writeText(file, "", 0o600);
  const before = world.out().length;
  const code = await runNx(argv, world.ports);
  const out = world.out().slice(before);
  world.signal("SIGINT");
  await up;
  return { code, lines: out.split("\n").slice(0, -1), error: world.error() };
}

test("nx quota takes no answer of a node that runs for the silence of one that does not", async () => {
  const folder = "/run/me/nexus/7401";
  const { code, error } = await nx(["quota", "clear", "app:mail", "--state", folder], {
    clearQuota: () => ({ status: "not_found" }),
  }, `${folder}/state.json`);
  equal(code, EXIT.notFound);
  ok(error.includes("app:mail has no limits of its own"), error);
});

/** So many owners, as many a page as it says. */
function ownersOf(count: number, perPage: number): Answers {
  const all = Array.from({ length: count }, (_, at) => ({
    ...{ owner: `app:${String(at).padStart(3, "0")}`, own: at % 2 },
    ...{ used: BigInt(at), soft: 1_000n, hard: 2_000n },
  }));
  return {
    quotas: ({ after }) => {
      const owners = all.filter(({ owner }) => owner > after).slice(0, perPage);
      return { status: "ok", owners };
    },
  };
}

test("nx quota shows what each owner takes, and whose its limits are", async () => {
  const { code, lines } = await nx(["quota"], ownersOf(2, 28));
  deepEqual([code, lines], [EXIT.ok, [
    "OWNER    USED  SOFT  HARD  LIMITS",
    "app:000  0     1000  2000  default",
    "app:001  1     1000  2000  own",
  ]]);
  const json = await nx(["quota", "--json"], ownersOf(65, 28));
  deepEqual(json.lines.length, 65);
  const last = { owner: "app:064", used: 64, soft: 1_000, hard: 2_000, limits: "default" };
  deepEqual(JSON.parse(json.lines[64] ?? ""), last);
  deepEqual((await nx(["quota"], ownersOf(0, 28))).lines, ["no owners"]);
});

test("nx quota ends, whatever a node answers, and prints no control character", async () => {
  const owner = { owner: "app:a\u001b[2J", used: 1n, soft: 2n, hard: 3n, own: 0 };
  const { code, lines } = await nx(["quota"], {
    quotas: () => ({ status: "ok", owners: [owner] }),
  });
  deepEqual([code, lines.length, lines[1]], [EXIT.ok, 3, "app:a [2J  1     2     3     default"]);
});

test("nx quota set and clear ask for what was typed, in bytes", async () => {
  const asked: unknown[] = [];
  const answers: Answers = {
    setQuota: (ask) => (asked.push(ask), { status: "ok" }),
    clearQuota: (ask) => (asked.push(ask), { status: "ok" }),
  };
  const set = await nx(["quota", "set", "app:mail", ...LIMITS], answers);
  deepEqual([set.code, set.lines], [EXIT.ok, [
    "app:mail is warned above 49152 bytes and refused above 65536",
  ]]);
  const json = await nx(["quota", "set", "subject:vfsd", ...LIMITS, "--json"], answers);
  const limits = { soft: 49_152, hard: 65_536 };
  deepEqual(JSON.parse(json.lines[0] ?? ""), { owner: "subject:vfsd", ...limits });
  const clear = await nx(["quota", "clear", "app:mail"], answers);
  deepEqual([clear.code, clear.lines], [EXIT.ok, ["the default holds for app:mail"]]);
  deepEqual(asked, [
    { owner: "app:mail", soft: 49_152n, hard: 65_536n },
    { owner: "subject:vfsd", soft: 49_152n, hard: 65_536n },
    { owner: "app:mail" },
  ]);
});

test("nx quota set and clear say why limits were not written, and what to do", async () => {
  const ends = [
    ["no_state", EXIT.failed, "start it with --state DIR"],
    ["no_space", EXIT.failed, "the image is full"],
    ["unavailable", EXIT.failed, "see nx fsck"],
    ["not_found", EXIT.notFound, "app:mail has no limits of its own"],
    ["malformed", EXIT.usage, "refuses these arguments"],
    ["denied", EXIT.denied, "policy denies this"],
  ] as const;
  for (const [status, code, text] of ends) {
    const answer = () => ({ status });
    for (const argv of [["set", "app:mail", ...LIMITS], ["clear", "app:mail"]]) {
      const end = await nx(["quota", ...argv], { setQuota: answer, clearQuota: answer });
      deepEqual([end.code, end.lines], [code, []], status);
      ok(end.error.includes(text), end.error);
    }
  }
});

test("nx quota set refuses what names no owner and what are no limits, and asks nobody", async () => {
  const world = nxWorld();
  const wrong = [
    ...["mail", "app:", "user:mail", "app:a/b", "app:a\nb"].map((owner) => [owner, ...LIMITS]),
    [`app:${"x".repeat(230)}`, ...LIMITS],
    ["app:mail", "--soft", "2", "--hard", "1"],
    ["app:mail", "--soft", "much", "--hard", "1"],
    ["app:mail", "--soft", "1"],
    ["app:mail", "--hard", "1"],
  ];
  for (const argv of wrong) {
    equal(await runNx(["quota", "set", ...argv], world.ports), EXIT.usage, argv.join(" "));
  }
  ok(world.error().includes("--soft must not be above --hard"));
  ok(world.error().includes("It is no owner such as subject:vfsd or app:mail."));
  equal(await runNx(["quota", "clear", "mail"], world.ports), EXIT.usage);
  equal(world.out(), "");
});

test("nx quota shows and sets limits of a node that does not run", async () => {
  const world = nxWorld();
  world.files.writeText(`${DIR}/state.json`, "", 0o600);
  await withState(world.ports.state, DIR, putValues);
  const run = async (...argv: readonly string[]) => {
    const before = world.out().length;
    const code = await runNx(["quota", ...argv, "--state", DIR, "--json"], world.ports);
    const lines = world.out().slice(before).split("\n").slice(0, -1);
    return { code, owners: lines.map((line) => JSON.parse(line)) };
  };
  const first = await run();
  const used = first.owners[0].used;
  const defaults = { soft: 12_288, hard: 16_384, limits: "default" };
  deepEqual(first.owners[0], { owner: "subject:s0", used, ...defaults });
  equal((await run("set", "subject:s0", "--soft", "1", "--hard", "2")).code, EXIT.ok);
  const { owners } = await run();
  deepEqual(owners.filter(({ owner }) => owner === "subject:s0"), [
    { owner: "subject:s0", used, soft: 1, hard: 2, limits: "own" },
  ]);
  equal((await run("clear", "subject:s0")).code, EXIT.ok);
  equal((await run("clear", "subject:s0")).code, EXIT.notFound);
  deepEqual((await run()).owners[0], first.owners[0]);
  await withState(world.ports.state, DIR, async () => {
    equal((await run()).code, EXIT.failed);
    ok(world.error().includes("is in use by another process"), world.error());
  });
});
