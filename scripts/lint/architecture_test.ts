import { deepEqual, ok } from "@tests/fakes/assert.ts";
import { test } from "@tests/fakes/test.ts";
import plugin from "./architecture.ts";
import { importProblem } from "./layers.ts";

/** Names of the rules that a file breaks, without the plugin's name. */
function broken(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source)
    .map(({ id }) => id.replace("architecture/", ""));
}

const RIGHT_IMPORTS: readonly (readonly [from: string, specifier: string])[] = [
  ["runtime/core/reader.ts", "./error.ts"],
  ["runtime/crypto/ed25519.ts", "../core/hex.ts"],
  ["runtime/crypto/ed25519.ts", "@noble/curves/ed25519.js"],
  ["runtime/crypto/native.ts", "node:crypto"],
  ["runtime/capnp/message.ts", "capnp-es"],
  ["runtime/idl/capnp_frame.ts", "../capnp/message.ts"],
  ["runtime/boot/phases/net.ts", "../../idl/service.ts"],
  ["hw/driver/virtio_rng.ts", "../virtio/ring.ts"],
  ["hw/device/rng.ts", "../bus/memory.ts"],
  ["hw/board/machine.ts", "../device/net.ts"],
  ["hw/host/sockets.ts", "node:net"],
  ["hw/host/task_worker.ts", "@services/tasks.gen.ts"],
  ["hw/host/task_worker.ts", "@runtime/boot/component.ts"],
  ["net/stack/interface.ts", "../wire/tcp.ts"],
  ["net/noise/handshake.ts", "@runtime/crypto/x25519.ts"],
  ["services/rngd/service.ts", "./health.ts"],
  ["services/rngd/mod.ts", "../policyd/protocol.ts"],
  ["services/rngd/mod.ts", "@hw/driver/virtio_rng.ts"],
  ["services/policyd/grants.ts", "smol-toml"],
  ["services/policyd/grants.ts", "./grants/nexus.policy.toml"],
  ["services/nx/up.ts", "commander"],
  ["services/nx/key.ts", "../keystored/client/mod.ts"],
  ["services/selftest/mod.ts", "../keystored/client/keys_protocol.ts"],
  ["services/registry.gen.ts", "./rngd/mod.ts"],
  ["services/tasks.gen.ts", "./rngd/mod.ts"],
  ["main.ts", "@hw/host/entropy_seeded.ts"],
  ["hw/host/node_worker.ts", "../../main.ts"],
  ["main.ts", "@services/nx/cli.ts"],
  ["tests/mesh/simulator.ts", "@hw/host/entropy_seeded.ts"],
  ["tests/fuzz/reader_fuzz.ts", "fast-check"],
  ["tests/architecture_test.ts", "../scripts/lint/module_graph.ts"],
  ["runtime/core/reader_test.ts", "@services/rngd/service.ts"],
  ["runtime/core/reader_test.ts", "@tests/fakes/test.ts"],
];

const WRONG_IMPORTS: readonly (readonly [from: string, specifier: string, says: string])[] = [
  ["runtime/core/reader.ts", "../idl/field.ts", "may not import"],
  ["runtime/core/reader.ts", "../../tests/fakes/test.ts", "by its alias"],
  ["runtime/core/reader.ts", "@tests/fakes/test.ts", "imports tests"],
  ["runtime/core/reader.ts", "./reader_test.ts", "imports tests"],
  ["runtime/core/reader.ts", "@runtime/core/error.ts", "are relative"],
  ["runtime/core/reader.ts", "../../../shared/x.ts", "leaves the repository"],
  ["runtime/core/reader.ts", "npm:commander@15.1.0", "import map"],
  ["runtime/core/reader.ts", "jsr:@std/assert", "import map"],
  ["runtime/core/reader.ts", "https://example.org/x.ts", "import map"],
  ["tests/os/boot_test.ts", "npm:commander", "import map"],
  ["runtime/core/reader.ts", "node:buffer", "only in"],
  ["runtime/core/reader_test.ts", "node:assert/strict", "only in"],
  ["runtime/kernel/task.ts", "../idl/service.ts", "may not import"],
  ["runtime/kernel/task.ts", "@noble/hashes/sha2.js", "runtime/crypto alone"],
  ["runtime/kernel/task.ts", "left-pad", "no row"],
  ["runtime/kernel/task.ts", "constructor", "no row"],
  ["runtime/kernel/task.ts", "@hw/bus/memory.ts", "may not import"],
  ["hw/driver/virtio_rng.ts", "../device/rng.ts", "one register window"],
  ["hw/driver/virtio_rng.ts", "../bus/memory.ts", "one register window"],
  ["hw/host/sockets.ts", "@runtime/kernel/task.ts", "may not import"],
  ["hw/host/sockets.ts", "@services/tasks.gen.ts", "may not import"],
  ["hw/newcomer/x.ts", "@runtime/core/error.ts", "no row"],
  ["net/wire/tcp.ts", "@runtime/idl/field.ts", "may not import"],
  ["net/wire/tcp.ts", "@hw/virtio/ring.ts", "may not import"],
  ["services/rngd/mod.ts", "../policyd/service.ts", "may not import"],
  ["services/rngd/mod.ts", "../statefsd/client/node_state.ts", "may not import"],
  ["services/rngd/mod.ts", "../registry.gen.ts", "may not import"],
  ["services/rngd/mod.ts", "@runtime/kernel/kernel.ts", "may not import"],
  ["services/rngd/mod.ts", "@hw/device/rng.ts", "may not import"],
  ["services/rngd/mod.ts", "@hw/host/entropy_seeded.ts", "main.ts alone"],
  ["services/rngd/mod.ts", "smol-toml", "services/policyd alone"],
  ["services/rngd/mod.ts", "fast-check", "tests alone"],
  ["services/nx/up.ts", "../rngd/mod.ts", "may not import"],
  ["services/nx/up.ts", "@hw/driver/virtio_rng.ts", "may not import"],
  ["hw/host/clock.ts", "./entropy_seeded.ts", "main.ts alone"],
  ["main.ts", "./services/nx/cli.ts", "by its alias"],
  ["main.ts", "./scripts/gen.ts", "imports tests"],
];

test("importProblem lets pass what the import table allows", () => {
  for (const [from, specifier] of RIGHT_IMPORTS) {
    deepEqual([from, specifier, importProblem(from, specifier)], [from, specifier, undefined]);
  }
});

test("importProblem says what is wrong with every other import", () => {
  for (const [from, specifier, says] of WRONG_IMPORTS) {
    const problem = importProblem(from, specifier);
    ok(problem?.includes(says), `${from} -> ${specifier}: ${problem}`);
  }
});

test("layers sees every form of import", () => {
  const forms = [
    'import { a } from "@hw/bus/memory.ts";',
    'import "@hw/bus/memory.ts";',
    'import type { A } from "@hw/bus/memory.ts";',
    'export { a } from "@hw/bus/memory.ts";',
    'export * from "@hw/bus/memory.ts";',
    'type A = import("@hw/bus/memory.ts").A;',
  ];
  for (const form of forms) deepEqual([form, broken("net/x.ts", form)], [form, ["layers"]]);
  deepEqual(broken("scripts/x.ts", 'await import("npm:left-pad");'), ["layers"]);
  deepEqual(broken("net/x.ts", "const a = 1; export { a };"), []);
});

const AMBIENT = [
  "Date.now();",
  "new Date();",
  "const clock = Date;",
  "const { now } = Date;",
  "function f(clock = Date) { return clock; }",
  "const o = { Date };",
  "const o = { clock: Date };",
  "const o = { [Date.name]: 1 };",
  "const f = () => Date;",
  "function own(Date: number) { return Date; } Date.now();",
  "class Clock extends Date {}",
  "(Date as unknown as Clock).now();",
  "export { Date };",
  "export default Date;",
  "Deno.readFileSync(path);",
  "crypto.getRandomValues(bytes);",
  "globalThis.crypto.getRandomValues(bytes);",
  "performance.now();",
  "setTimeout(work, 1);",
  "setInterval(work, 1);",
  "console.log(text);",
  "await fetch(address);",
  "Math.random();",
  'Math["random"]();',
  "const { random } = Math;",
];

test("no-ambient-authority refuses the host's names outside the named places", () => {
  for (const source of AMBIENT) {
    const found = broken("net/x.ts", source);
    deepEqual([source, found], [source, ["no-ambient-authority"]]);
    for (const path of ["main.ts", "hw/host/x.ts", "scripts/x.ts", "tests/x_test.ts"]) {
      deepEqual([path, source, broken(path, source)], [path, source, []]);
    }
  }
  deepEqual(broken("net/x_test.ts", "Date.now();"), ["no-ambient-authority"]);
  deepEqual(broken("net/x_bench.ts", "Deno.bench(name, work);"), []);
});

test("no-ambient-authority lets pass types, members and names of the code's own", () => {
  const sources = [
    "let at: Date;",
    "function f(context: Deno.TestContext) { return context; }",
    "interface Clock { Date: number; fetch(self: number): void; }",
    "const o = { Date: 1, fetch() {} }; o.Date; o.fetch();",
    "class C { Date = 1; fetch() { return this.Date; } }",
    "const f = ({ window }: Given) => window.rng;",
    'import { process } from "./process.ts"; process();',
    'import { crypto as provider } from "./x.ts"; provider();',
    "const process = 1; export { process as fetch };",
    "Math.floor(1.5); const { floor } = Math;",
  ];
  for (const source of sources) deepEqual([source, broken("net/x.ts", source)], [source, []]);
});

test("no-ambient-authority leaves queueMicrotask to the kernel", () => {
  deepEqual(broken("runtime/kernel/scheduler.ts", "queueMicrotask(work);"), []);
  deepEqual(broken("runtime/idl/server.ts", "queueMicrotask(work);"), ["no-ambient-authority"]);
});

test("short-functions counts the lines of each form of function", () => {
  const body = (lines: number) => "a();\n".repeat(lines - 2);
  const forms = [
    (lines: number) => `function f() {\n${body(lines)}}`,
    (lines: number) => `const f = () => {\n${body(lines)}};`,
    (lines: number) => `class C { f() {\n${body(lines)}} }`,
  ];
  for (const form of forms) {
    deepEqual(broken("net/x.ts", form(60)), []);
    deepEqual(broken("net/x.ts", form(61)), ["short-functions"]);
  }
});

test("no-dynamic-import allows scripts, the task table and lazy native crypto", () => {
  const local = 'await import("./x.ts");';
  deepEqual(broken("net/x.ts", local), ["no-dynamic-import"]);
  deepEqual(broken("services/rngd/mod.ts", local), ["no-dynamic-import"]);
  deepEqual(broken("tests/os/x_test.ts", local), ["no-dynamic-import"]);
  deepEqual(broken("scripts/x.ts", local), []);
  deepEqual(broken("services/tasks.gen.ts", 'const t = () => import("./rngd/mod.ts");'), []);
  deepEqual(broken("runtime/crypto/native.ts", 'await import("node:crypto");'), []);
  deepEqual(broken("runtime/crypto/native.ts", local), ["no-dynamic-import"]);
});

test("no-bare-test leaves Deno.test to the wrapper", () => {
  deepEqual(broken("tests/os/x_test.ts", 'Deno.test("a", f);'), ["no-bare-test"]);
  deepEqual(broken("tests/fakes/test.ts", 'Deno.test("a", f);'), []);
  deepEqual(broken("tests/os/x_test.ts", 'test("a", f);'), []);
});

test("no-bare-error wants a typed error from the product", () => {
  deepEqual(broken("net/x.ts", 'throw new Error("bad");'), ["no-bare-error"]);
  deepEqual(broken("net/x.ts", 'throw Error("bad");'), ["no-bare-error"]);
  deepEqual(broken("net/x.ts", 'throw new WireError("truncated", 0);'), []);
  deepEqual(broken("net/x_test.ts", 'throw new Error("bug");'), []);
});

test("no-loose-marker keeps marker texts where they are declared", () => {
  const sources = ['emit("rngd: ready");', "emit(`SELFTEST: ${name} ok`);", 'emit("init: ready");'];
  for (const source of sources) {
    deepEqual(broken("services/rngd/service.ts", source), ["no-loose-marker"]);
    deepEqual(broken("services/rngd/protocol.ts", source), []);
    deepEqual(broken("services/registry.gen.ts", source), []);
    deepEqual(broken("runtime/boot/phases/entropy.ts", source), []);
    deepEqual(broken("runtime/boot/init_test.ts", source), []);
    deepEqual(broken("tests/os/boot_test.ts", source), []);
  }
  deepEqual(broken("services/rngd/service.ts", 'say("failed: no device"); say("rngd");'), []);
});
