import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { bareMachine } from "@tests/fakes/machine.ts";
import { test } from "@tests/fakes/test.ts";
import { hostTurns } from "@tests/fakes/turns.ts";
import { createClient } from "../idl/client.ts";
import { text8, u32 } from "../idl/field.ts";
import { DECIDE } from "../idl/policy.ts";
import { defineService, NONCE32 } from "../idl/service.ts";
import { Kernel } from "../kernel/kernel.ts";
import { type AnyComponent, defineComponent } from "./component.ts";
import { boot } from "./init.ts";
import { BootError } from "./isolate.ts";

const STATUS = { ok: 0, denied: 1, malformed: 2 } as const;

const policyd = defineService({
  name: "policyd",
  magic: "PO",
  version: 2,
  envelope: { request: ["nonce32"], reply: ["nonce32", "status", "zero8"] },
  status: { ...STATUS, unsupported: 3 },
  ops: { decide: DECIDE },
});

const echo = defineService({
  name: "echod",
  magic: "EC",
  version: 1,
  envelope: NONCE32,
  status: STATUS,
  ops: {
    shout: {
      code: 1,
      doc: "Says it louder.",
      capability: "echo.shout",
      target: "word",
      request: { word: text8(1, 16), times: u32() },
      reply: { words: text8(0, 64), by: text8(0, 48) },
    },
  },
  markers: {
    ready: { line: "echod: ready", phase: null, role: "required", proves: "serves", evidence: [] },
  },
});

function components(allowed: readonly string[], fail = false): AnyComponent[] {
  const policy = defineComponent({
    name: "policyd",
    serves: { policyd },
    calls: {},
    uses: {},
    asks: [],
    create: () => ({
      policyd: {
        decide: ({ subject }) => ({ status: allowed.includes(subject) ? "ok" : "denied" }),
      },
    }),
  });
  const daemon = defineComponent({
    name: "echod",
    serves: { echo },
    calls: {},
    uses: {},
    asks: ["policy.delegate"],
    create: () => ({
      echo: {
        shout({ word, times }, call) {
          if (fail) throw new TypeError("secret inside");
          return { status: "ok", words: word.repeat(times), by: call.sender.name };
        },
      },
    }),
  });
  return [daemon, policy];
}

async function booted(allowed: readonly string[], fail = false) {
  const host = hostTurns();
  const machine = bareMachine();
  const kernel = new Kernel({ clock: host, turns: host, machine });
  const faults: string[] = [];
  const node = await boot({
    kernel,
    machine,
    clock: host,
    components: components(allowed, fail),
    policy: "policyd",
    args: {},
    observe() {},
    faulted: (name, reason) => void faults.push(`${name}: ${reason}`),
  });
  const client = createClient(echo, node.connect("asker", echo));
  const stop = () => {
    node.stop();
    host.stop();
  };
  return { client, machine, faults, stop };
}

test("boot brings daemons up in the order of their calls and says so", async () => {
  const { machine, stop } = await booted([]);
  deepEqual(machine.lines, [
    "init: start policyd",
    "init: up policyd",
    "init: start echod",
    "init: up echod",
    "echod: ready",
    "init: ready",
  ]);
  stop();
});

test("boot stamps the sender that the kernel knows", async () => {
  const { client, stop } = await booted(["asker"]);
  const reply = await client.shout({ word: "a", times: 3 });
  deepEqual(reply, { status: "ok", words: "aaa", by: "asker" });
  stop();
});

test("boot denies a caller that policy does not know", async () => {
  const { client, stop } = await booted(["somebody"]);
  deepEqual(await client.shout({ word: "a", times: 3 }), { status: "denied" });
  stop();
});

test("boot faults the daemon that throws and tells no text of the error", async () => {
  const { client, faults, machine, stop } = await booted(["asker"], true);
  equal((await client.shout({ word: "a", times: 3 })).status, "gone");
  deepEqual(faults, ["echod: TypeError"]);
  ok(machine.lines.includes("init: fault echod"));
  stop();
});

test("boot says of no daemon that it is ready when a loop of it has faulted meanwhile", async () => {
  const host = hostTurns();
  const machine = bareMachine();
  const kernel = new Kernel({ clock: host, turns: host, machine });
  const faulting = components([]).map((component) => ({
    ...component,
    async create(given: never) {
      const { spawn } = given as { spawn(loop: () => Promise<void>): void };
      if (component.name === "echod") spawn(() => Promise.reject(new TypeError("x")));
      await Promise.resolve();
      await Promise.resolve();
      return component.create(given);
    },
  }));
  const ports = { kernel, machine, clock: host, components: faulting, policy: "policyd", args: {} };
  await rejects(boot({ ...ports, observe() {}, faulted() {} }), (error) => {
    return error instanceof BootError && error.code === "daemon_faulted";
  });
  deepEqual(machine.lines.slice(-1), ["init: fault echod"]);
  kernel.stop();
  host.stop();
});
