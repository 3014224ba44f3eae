import { deepEqual, equal, ok, throws } from "@tests/fakes/assert.ts";
import { nxWorld } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { CommandFailure, EXIT } from "./exit_code.ts";
import { runNx } from "./nx.ts";
import { allows, refuseOutside, SANDBOX_PROFILES, SANDBOX_RULES } from "./sandbox_profiles.ts";

/** An address, and whether loopback and lan allow it; read-only and no-state allow any. */
const ADDRESSES: readonly (readonly [string, boolean, boolean])[] = [
  ["127.0.0.1", true, true],
  ["127.9.9.9", true, true],
  ["::1", true, true],
  ["10.0.0.1", false, true],
  ["192.168.1.1", false, true],
  ["172.16.0.1", false, true],
  ["172.31.255.1", false, true],
  ["169.254.1.1", false, true],
  ["fd00::1", false, true],
  ["fe80::1", false, true],
  ["172.32.0.1", false, false],
  ["172.15.0.1", false, false],
  ["128.0.0.1", false, false],
  ["192.0.2.1", false, false],
  ["0.0.0.0", false, false],
  ["::", false, false],
  ["::ffff:127.0.0.1", false, false],
  ["2001:db8::1", false, false],
  ["localhost", false, false],
  ["10.example", false, false],
  ["fd.example", false, false],
];

test("allows takes an address that is inside, and no name", () => {
  for (const [host, loopback, lan] of ADDRESSES) {
    const allowed = SANDBOX_PROFILES.map((name) => allows(SANDBOX_RULES[name], { host, port: 1 }));
    deepEqual([host, ...allowed], [host, false, loopback, lan, true, true]);
  }
});

test("nx up --sandbox refuses what its profile does not allow, in one line", async () => {
  const cases = [
    [["offline", "--listen", "127.0.0.1:1"], "--listen 127.0.0.1:1"],
    [["offline", "--peer", "127.0.0.1:1"], "--peer 127.0.0.1:1"],
    [["loopback", "--listen", "0.0.0.0:1"], "--listen 0.0.0.0:1"],
    [["loopback", "--listen", "127.0.0.1:1", "--peer", "a.example:1"], "--peer a.example:1"],
    [["lan", "--peer", "10.0.0.1:1", "--peer", "192.0.2.1:1"], "--peer 192.0.2.1:1"],
  ] as const;
  for (const [argv, refused] of cases) {
    for (const more of [[], ["--no-supervise"]]) {
      const world = nxWorld();
      equal(await runNx(["up", ...more, "--sandbox", ...argv], world.ports), EXIT.usage);
      ok(world.error().startsWith(`nx: --sandbox ${argv[0]} refuses ${refused}: such a node`));
      equal(world.error().split("\n").length, 2);
      deepEqual(world.started, []);
    }
  }
});

test("nx up --sandbox read-only leaves no socket, no folder and no report to its node", async () => {
  const asked: unknown[] = [];
  const { ports } = nxWorld();
  const confined = (_: readonly string[], reach: unknown) => {
    asked.push(reach);
    return Promise.resolve(EXIT.ok);
  };
  const report = ["--report", "/tmp/x/report.json"];
  const argv = ["up", "--no-supervise", "--listen", "127.0.0.1:1", ...report];
  equal(await runNx([...argv, "--sandbox", "read-only"], { ...ports, confined }), EXIT.ok);
  equal(await runNx([...argv, "--sandbox", "loopback"], { ...ports, confined }), EXIT.ok);
  const listens = [{ host: "127.0.0.1", port: 1 }];
  const none = { dials: [], folders: [], socket: undefined, variables: [] };
  const socket = "/run/me/nexus/.42.sock";
  deepEqual(asked, [{ listens, ...none }, {
    ...{ listens, dials: [], folders: ["/run/me/nexus", "/tmp/x"], socket },
    variables: ["XDG_RUNTIME_DIR"],
  }]);
});

test("a state directory is refused where a profile has none, or writes nothing", () => {
  for (const profile of SANDBOX_PROFILES) {
    const refused = profile === "no-state" || profile === "read-only";
    const ask = () => refuseOutside(profile, { listen: undefined, peers: [], state: "./a" });
    if (!refused) ask();
    else {
      throws(
        ask,
        (error: unknown) =>
          error instanceof CommandFailure && error.exitCode === EXIT.usage &&
          error.message.startsWith(`--sandbox ${profile} refuses --state ./a`),
      );
    }
  }
});
