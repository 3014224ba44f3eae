import { HostSocketFailure } from "@runtime/core/ports.ts";
import { FileFailure } from "@runtime/core/program_ports.ts";
import { BootError } from "@runtime/boot/isolate.ts";
import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { fakeNode, nxWorld, type NxWorldOptions } from "@tests/fakes/nx_ports.ts";
import { test } from "@tests/fakes/test.ts";
import { EXIT } from "./exit_code.ts";
import { COMMAND_PATHS, nxProgram, runNx } from "./nx.ts";

const ID = "0123456789abcdef".repeat(4);
const KEY = "fedcba9876543210".repeat(4);

/** Runs one command line to its end in a world of its own. */
async function nx(argv: readonly string[], options: NxWorldOptions = {}) {
  const world = nxWorld(options);
  const code = await runNx(argv, world.ports);
  return { code, out: world.out(), error: world.error(), started: world.started };
}

const USAGE = [
  ["frob"],
  ["up", "extra"],
  ["up", "--frob"],
  ["up", "--listen"],
  ["up", "--listen", "7401"],
  ["up", "--listen", "127.0.0.1:99999"],
  ["up", "--advertise", "0", "--listen", "127.0.0.1:1"],
  ["up", "--advertise", "7401"],
  ["up", "--peer", "127.0.0.1"],
  ["up", "--peer", `nx://${ID.slice(1)}@127.0.0.1:7401`],
  ["up", ...Array(33).fill(["--peer", "127.0.0.1:7401"]).flat()],
  ["up", "--profile", "lax"],
  ["up", "--listen", "127.0.0.1:1", "--listen", "127.0.0.1:1"],
  ["up", "--timeout", "1s", "--timeout=1s"],
  ["id", "--node", "1", "--node", "2"],
  ["policy", "check", "--target", "a", "--target", "b", "rngd", "rng.entropy"],
  ["test-os", "--phase", "end", "--phase", "end"],
  ["up", "--seed", "x"],
  ["up", "--seed", "x", "--profile", "dev"],
  ["up", "--seed", "x", "--profile", "prod"],
  ["up", "--seed", "", "--profile", "test"],
  ["up", "--seed", "x".repeat(257), "--profile", "test"],
  ["up", "--until", ""],
  ["up", "--until", "nope"],
  ["up", "--until", "1"],
  ["up", "--until", "dsoftbusd: identity bound peer=<ip>"],
  ["up", "--timeout", "soon"],
  ["up", "--timeout", "-1"],
  ["up", "--per-address", "0"],
  ["up", "--per-address", "1.5"],
  ["id", "--node", ""],
  ["id", "--state", ""],
  ["id", "--node", "1", "--state", "/s"],
  ["ping"],
  ["ping", "abcd", "--count", "0"],
  ["ping", "abcd", "--size", "65473"],
  ["ping", "abcd", "--window", "65"],
  ["ping", "abcd", "--timeout", "0"],
  ["ping", "abcd", "--timeout", "61s"],
  ["ping", "abcd", "--timeout", "60001ms"],
  ["resolve", "abcd"],
  ["policy", "check", "rngd"],
  ["policy", "frob"],
  ["log", "--limit", "0"],
  ["test-os", "--phase", "lunch"],
  ["test-os", "--timeout", "x"],
  ["test-os", "--until", ""],
  ["test-os", "--until", "rngd: reddy"],
  ["test-os", "--isolation", "none"],
  ["demo", "--timeout", "x"],
  ["version", "extra"],
  ["init"],
  ["init", "--state", ""],
  ["init", "--state", "/s", "--size", "63KiB"],
  ["init", "--state", "/s", "--size", "5GiB"],
  ["init", "--state", "/s", "--size", "65537"],
  ["init", "--state", "/s", "--size", "64kb"],
  ["init", "--state", "/s", "--state", "/t"],
  ["fsck"],
  ["fsck", ""],
  ["fsck", "/i", "--state", "/s"],
  ["fsck", "/i", "--passphrase-file", "/p"],
  ["fsck", "/i", "/j"],
  ["state", "frob"],
  ["state", "rekey"],
  ["state", "rekey", "--state", "/s", "--passphrase-file", "/p"],
  ["state", "rekey", "--state", "/s", "--new-passphrase-file", "/p", "--new-key-file"],
] as const;

test("runNx answers wrong usage with 2 and one reason, before anything starts", async () => {
  for (const argv of USAGE) {
    const { code, out, error, started } = await nx(argv);
    deepEqual({ argv, code, out, started }, { argv, code: EXIT.usage, out: "", started: [] });
    ok(/^nx: \S[^\n]*\n(nx: see nx --help\n)?$/.test(error), `${argv.join(" ")}: ${error}`);
  }
});

test("runNx shows help for every command", async () => {
  for (const command of COMMAND_PATHS) {
    const { code, out, error } = await nx([...command, "--help"]);
    deepEqual({ command, code, error }, { command, code: EXIT.ok, error: "" });
    ok(out.startsWith(`Usage: ${["nx", ...command].join(" ")}`), out);
    ok(!out.includes("--child"), "what is for children of nx alone is not shown");
  }
});

test("COMMAND_PATHS names every command", () => {
  const { ports } = nxWorld();
  const output = { line() {}, json() {}, complain() {} };
  const program = nxProgram({ ports, output, argv: [], finish() {} });
  const paths = (command: typeof program, above: readonly string[]): (readonly string[])[] => [
    above,
    ...command.commands.flatMap((below) => paths(below, [...above, below.name()])),
  ];
  deepEqual(paths(program, []), COMMAND_PATHS);
});

test("runNx names the exit codes in its help", async () => {
  const { out } = await nx(["--help"]);
  for (const code of Object.values(EXIT)) ok(new RegExp(`\\b${code} `).test(out), `${code}`);
});

test("runNx says in its help every form that a node and a peer can be named by", async () => {
  for (const command of ["ping", "resolve"]) {
    const { out } = await nx([command, "--help"]);
    const help = out.replace(/\s+/g, " ");
    for (const text of ["a listen port or pid-N", "4 digits or more", "or any"]) {
      ok(help.includes(text), `${command}: ${text}`);
    }
  }
});

test("nx up hands over exactly what was asked for", async () => {
  const argv = [
    ...["up", "--no-supervise", "--listen", "[::1]:7401", "--advertise", "80", "--peer", "h:1"],
    ...["--peer", `nx://${ID}@192.0.2.1:2?static=${KEY}`, "--profile", "test", "--seed", "s"],
    ...["--per-address", "3", "--selftest", "--until", "init: ready"],
    ...["--isolation", "secrets"],
  ];
  const { code, started, error } = await nx(argv, {
    startNode(options) {
      options.console("init: ready");
      return Promise.resolve(fakeNode({ host: "::1", port: 7401 }));
    },
  });
  equal(code, EXIT.ok);
  ok(error.includes("INSECURE"));
  const { console: _console, observe: _observe, suspect: _suspect, ...asked } = started[0] ?? {};
  deepEqual(asked, {
    listen: { host: "::1", port: 7401 },
    advertise: 80,
    peers: [
      { address: { host: "h", port: 1 }, deviceId: undefined, noiseStatic: undefined },
      { address: { host: "192.0.2.1", port: 2 }, deviceId: ID, noiseStatic: KEY },
    ],
    profile: "test",
    isolation: "secrets",
    seed: "s",
    perAddress: 3,
    selftest: true,
    state: undefined,
  });
});

test("nx up asks for nothing that was not said", async () => {
  const { started } = await nx(["up", "--no-supervise", "--until", "init: ready"], {
    startNode(options) {
      options.console("init: ready");
      return Promise.resolve(fakeNode(undefined));
    },
  });
  const { console: _console, observe: _observe, suspect: _suspect, ...asked } = started[0] ?? {};
  deepEqual(asked, {
    listen: undefined,
    advertise: undefined,
    peers: [],
    profile: "dev",
    isolation: "secrets",
    seed: undefined,
    perAddress: undefined,
    selftest: false,
    state: undefined,
  });
});

test("runNx tells in one line why a node does not start", async () => {
  const at = { host: "127.0.0.1", port: 80 };
  const causes = [
    [new HostSocketFailure("address_in_use", at), /cannot use 127\.0\.0\.1:80: it is in use/],
    [new HostSocketFailure("reset", at), /cannot use 127\.0\.0\.1:80: reset/],
    [new HostSocketFailure("reset", { host: "::1", port: 80 }), /cannot use \[::1\]:80: reset/],
    [new BootError("daemon_faulted", "rngd"), /Cannot boot rngd: daemon_faulted/],
  ] as const;
  for (const [cause, text] of causes) {
    const { code, error } = await nx(["up", "--no-supervise"], {
      startNode: () => Promise.reject(cause),
    });
    equal(code, EXIT.failed);
    ok(text.test(error) && error.trimEnd().split("\n").length === 1, error);
  }
});

test("runNx tells in one line that its answer cannot be written", async () => {
  const beforeOut = () => {
    throw new FileFailure("no_space", "standard output");
  };
  for (const argv of [["version"], ["--help"], ["up", "--help"], ["nodes"]]) {
    const { code, error } = await nx(argv, { beforeOut });
    const line = "nx: Cannot use standard output: no_space\n";
    deepEqual([argv, code, error], [argv, EXIT.failed, line]);
  }
});

test("runNx hides no bug", async () => {
  const startNode = () => Promise.reject(new TypeError("a bug"));
  await rejects(nx(["up", "--no-supervise"], { startNode }), TypeError);
});

test("nx version tells what it runs on", async () => {
  const { out } = await nx(["version", "--json"]);
  deepEqual(JSON.parse(out), {
    nx: "0.1.0",
    deno: "9.9.9",
    target: "test-target",
    compiled: true,
  });
  const { code, out: text } = await nx(["version"]);
  ok(text.includes("target    test-target"));
  deepEqual(await nx(["--version"]), { code, out: text, error: "", started: [] });
});

test("commands for a node say when there is none", async () => {
  for (
    const command of [["id"], ["peers"], ["stats"], ["ping", "abcd"], ["resolve", "abcd", "x"], [
      "log",
    ]]
  ) {
    const { code, error } = await nx(command);
    deepEqual([code, error], [EXIT.notFound, "nx: no node runs; start one with: nx up\n"]);
  }
  const { code, out } = await nx(["nodes"]);
  deepEqual([code, out], [EXIT.ok, "no nodes\n"]);
});
