import { LADDER_MARKERS } from "@runtime/boot/phases/manifest.gen.ts";
import type { ChildOptions } from "@runtime/core/program_ports.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { fakeNode, type NxWorld, nxWorld, settled } from "@tests/fakes/nx_ports.ts";
import { healthyConsole } from "@tests/fakes/ladder.ts";
import { test } from "@tests/fakes/test.ts";
import { controld } from "../controld/protocol.ts";
import { type ControlServer, serveControl } from "./control_bridge.ts";
import { EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";

const IDS = ["0123456789abcdef".repeat(4), "fedcba9876543210".repeat(4)] as const;
const TIMES = { minNs: 1_000n, meanNs: 2_000n, maxNs: 3_000n, totalNs: 4_000n };

const LADDER = healthyConsole(IDS[0]);
/** Lines that a node without a state directory is asked for. */
const STATELESS = LADDER_MARKERS.filter(({ role, needs }) =>
  role === "required" && needs === undefined
);

/** What a test changes about the two children. */
interface Play {
  readonly ids?: readonly string[];
  readonly handlers?: Partial<Handlers<typeof controld>>;
  readonly ladder?: readonly string[];
  /** The child that ends before it is ready. */
  readonly dies?: number;
  readonly beforeOut?: () => void;
}

function handlersOf(ids: readonly string[], index: number): Handlers<typeof controld> {
  const key = new Uint8Array(32);
  const own = ids[index] ?? "";
  const peer = {
    deviceId: ids[1 - index] ?? "",
    direction: index,
    state: 3,
    address: 0,
    port: 0,
    ageMs: 0n,
    records: 0n,
    reason: "",
    typed: "",
  };
  return {
    identity: () => ({
      status: "ok",
      deviceId: own,
      verifyingKey: key,
      noiseStatic: key,
      bootId: new Uint8Array(16),
      port: 1,
    }),
    peers: () => ({ status: "ok", total: 1, peers: [peer] }),
    stats: () => ({ status: "unsupported" }),
    connect: () => ({ status: "unsupported" }),
    ping: ({ peer, count }) => ({ status: "ok", deviceId: peer, count, ...TIMES }),
    resolve: ({ peer }) => ({ status: "ok", deviceId: peer, found: 1, endpoint: 4 }),
    log: () => ({ status: "unsupported" }),
    logSegment: () => ({ status: "unsupported" }),
    logCheckpoint: () => ({ status: "unsupported" }),
    quotas: () => ({ status: "unsupported" }),
    setQuota: () => ({ status: "unsupported" }),
    clearQuota: () => ({ status: "unsupported" }),
    checkPolicy: () => ({ status: "unsupported" }),
    placePeer: () => ({ status: "unsupported" }),
    provoke: () => ({ status: "refused" }),
    ps: () => ({ status: "unavailable" }),
    stop: () => ({ status: "ok", closed: 0 }),
  };
}

/** The demo over two children that say and answer what a test lets them. */
function demo(argv: readonly string[], play: Play = {}) {
  const spawned: (readonly string[])[] = [];
  const ends: number[] = [];
  const servers: ControlServer[] = [];
  const { ids = IDS, ladder = LADDER } = play;
  const world: NxWorld = nxWorld({ spawnSelf, beforeOut: play.beforeOut });
  function spawnSelf({ args, outLine, errorLine }: ChildOptions) {
    const index = spawned.length;
    spawned.push(args);
    let exit: (code: number) => void = () => {};
    const exited = new Promise<number>((resolve) => exit = resolve);
    const child = {
      id: 100 + index,
      exited,
      tell: () => Promise.resolve(),
      endInput() {
        ends.push(index + 1);
        exit(0);
      },
      kill: () => exit(137),
    };
    const emit = (event: object) => outLine(JSON.stringify(event));
    Promise.resolve().then(async () => {
      if (play.dies === index + 1) {
        errorLine("nx: cannot listen\u001b[2J");
        return exit(1);
      }
      const path = `/child/${index}`;
      const handlers = { ...handlersOf(ids, index), ...play.handlers };
      const channel = fakeNode(undefined, { handlers }).connect("host-control", {} as never);
      servers.push(
        await serveControl({ ...world.ports, routes: [{ service: controld, channel }] }, path),
      );
      emit({ event: "listening", host: "127.0.0.1", port: 7000 + index });
      emit({ event: "control", path });
      for (const line of ladder) emit({ event: "marker", line, task: "x", atNs: 0 });
      emit({ event: "ready" });
    });
    return child;
  }
  const ended = runNx(["demo", ...argv], world.ports).then(async (code) => {
    for (const server of servers) await server.close();
    await settled();
    return code;
  });
  return { world, ended, spawned, ends };
}

test("nx demo joins two children, asks both ways, and ends them", async () => {
  const { world, ended, spawned, ends } = demo([]);
  equal(await ended, EXIT.ok, world.error());
  const common = [
    "up",
    "--no-supervise",
    "--child",
    "--json",
    "--selftest",
  ];
  const first = ["--draft", "42-1", "--listen", "127.0.0.1:0"];
  const second = ["--draft", "42-2", "--listen", "127.0.0.1:0", "--peer", "127.0.0.1:7000"];
  deepEqual(spawned, [[...common, ...first], [...common, ...second]]);
  deepEqual([ends, world.clock.nextNs()], [[1, 2], undefined]);
  const out = world.out();
  for (const id of IDS) ok(out.includes(id));
  for (const machine of [1, 2]) {
    for (const line of LADDER) ok(out.includes(`${machine}| ${line}\n`), line);
    const { length } = STATELESS;
    ok(out.includes(`== node ${machine}: ladder ${length}/${length}\n`));
  }
  for (const way of ["node 1 to node 2", "node 2 to node 1"]) {
    ok(out.includes(`${way}: samgrd is offered`) && out.includes(`${way}: 32 pings answered`));
  }
});

test("nx demo --json tells each step and ends with its summary", async () => {
  const { world, ended } = demo(["--json"]);
  equal(await ended, EXIT.ok);
  const events = world.out().trimEnd().split("\n").map((line) => JSON.parse(line));
  const summary = events.at(-1);
  deepEqual([summary.event, summary.ok, summary.devices], ["summary", true, [...IDS]]);
  deepEqual(events.filter(({ event }) => event === "pinged").map(({ from, to }) => [from, to]), [
    [1, 2],
    [2, 1],
  ]);
});

test("nx demo fails at the step that did not work, and ends its children", async () => {
  const cases: readonly (readonly [Play, RegExp])[] = [
    [{ dies: 1 }, /demo failed at "boot node 1": the node ended with exit code 1/],
    [{ dies: 2 }, /demo failed at "boot node 2"/],
    [{ ids: [IDS[0], IDS[0]] }, /"identity of node 2": both nodes have the same identity/],
    [{ handlers: { peers: () => ({ status: "ok", total: 0, peers: [] }) } }, /"peers of node 1"/],
    [{ handlers: { resolve: () => ({ status: "denied" }) } }, /"resolve, node 1 to node 2"/],
    [{ handlers: { ping: () => ({ status: "closed" }) } }, /"ping, node 1 to node 2"/],
    [
      { ladder: [...LADDER.slice(0, -1), "SELFTEST: rng entropy FAIL"] },
      /"ladder": node 1: failure/,
    ],
  ];
  for (const [play, text] of cases) {
    const { world, ended, spawned, ends } = demo([], play);
    equal(await ended, EXIT.failed);
    ok(text.test(world.error()), world.error());
    deepEqual([ends.length, world.clock.nextNs()], [spawned.length, undefined]);
  }
});

test("nx demo fails when it cannot show anything", async () => {
  const beforeOut = () => {
    throw new FileFailure("no_space", "standard output");
  };
  const { world, ended, spawned, ends } = demo([], { beforeOut });
  equal(await ended, EXIT.failed);
  ok(world.error().includes(": Cannot use standard output: no_space\n"), world.error());
  deepEqual([ends.length, world.clock.nextNs()], [spawned.length, undefined]);
});

test("nx demo shows the last lines of its nodes without their control characters", async () => {
  const { world, ended } = demo([], { dies: 1 });
  equal(await ended, EXIT.failed);
  ok(world.error().includes("nx: 1| nx: cannot listen [2J\n"), world.error());
});

test("nx demo --timeout 0 is no limit, and 1ms is one", async () => {
  const patient = demo(["--timeout", "0"], { ladder: [] });
  await settled();
  equal(patient.world.clock.nextNs(), undefined);
  patient.world.signal("SIGINT");
  equal(await patient.ended, EXIT.failed);
  const late = demo(["--timeout", "1ms"], { ladder: [] });
  late.world.clock.advanceMs(1);
  equal(await late.ended, EXIT.timedOut);
});

test("nx demo gives up when it takes too long or is interrupted", async () => {
  const late = demo([], { ladder: [] });
  await settled();
  late.world.clock.advanceMs(15_000);
  equal(await late.ended, EXIT.timedOut);
  ok(late.world.error().includes('demo failed at "session": it took too long'));
  const cut = demo([], { ladder: [] });
  await settled();
  cut.world.signal("SIGINT");
  equal(await cut.ended, EXIT.failed);
  deepEqual([cut.ends, cut.world.error().includes("it was interrupted")], [[1, 2], true]);
});
