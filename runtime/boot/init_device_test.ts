import { deepEqual, equal, ok, rejects } from "@tests/fakes/assert.ts";
import { memoryDevice } from "@tests/fakes/kernel.ts";
import { bareMachine } from "@tests/fakes/machine.ts";
import { test } from "@tests/fakes/test.ts";
import { hostTurns } from "@tests/fakes/turns.ts";
import { createClient } from "../idl/client.ts";
import { u8 } from "../idl/field.ts";
import { type Ask, DECIDE } from "../idl/policy.ts";
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

const driver = defineService({
  name: "driverd",
  magic: "DR",
  version: 1,
  envelope: NONCE32,
  status: STATUS,
  ops: {
    peek: { code: 1, doc: "Reads a register.", capability: null, request: {}, reply: { at: u8() } },
    ask: { code: 2, doc: "Asks as a client.", capability: "x.y", request: {}, reply: { at: u8() } },
  },
  markers: {
    ready: { line: "driverd: ready", phase: null, role: "required", proves: "it", evidence: [] },
    seen: {
      line: "driverd: seen",
      phase: null,
      role: "allowed",
      proves: "it",
      evidence: ["count"],
    },
  },
});

interface Wanted {
  /** What policy answers; everything but the proof of denial unless told. */
  readonly allow?: (ask: Ask) => boolean;
  readonly plugged?: boolean;
  readonly evidence?: number;
  /** How often it is proven. */
  readonly times?: number;
}

function components(
  asks: Ask[],
  { allow, evidence = 1, times = 1 }: Wanted,
): readonly AnyComponent[] {
  const decide = (ask: Ask) => {
    asks.push(ask);
    const allowed = (allow ?? (({ capability }) => capability !== "device.mmio.input"))(ask);
    return { status: allowed ? "ok" : "denied" } as const;
  };
  return [
    defineComponent({
      name: "driverd",
      serves: { driver },
      calls: { policyd },
      uses: { card: "virtio-net" },
      asks: [],
      create({ call, device, prove }) {
        for (let time = 0; time < times; time++) prove("seen", { count: evidence });
        return {
          driver: {
            peek: () => ({ status: "ok", at: device.card.window.read8(3) }),
            async ask() {
              const own = { subject: "a", capability: "b", operation: "c", target: "d" };
              const { status } = await call.policyd.decide(own);
              return { status: "ok", at: status === "ok" ? 1 : 0 };
            },
          },
        };
      },
    }),
    defineComponent({
      name: "policyd",
      serves: { policyd },
      calls: {},
      uses: {},
      asks: [],
      create: () => ({ policyd: { decide } }),
    }),
  ];
}

function attempt(wanted: Wanted = {}) {
  const host = hostTurns();
  const card = { ...memoryDevice(4096), name: "virtio-net" };
  card.registers[3] = 42;
  const bare = bareMachine();
  const machine = { ...bare, devices: wanted.plugged === false ? [] : [card] };
  const kernel = new Kernel({ clock: host, turns: host, machine });
  const asks: Ask[] = [];
  const faults: string[] = [];
  const stop = () => {
    kernel.stop();
    host.stop();
  };
  const booting = boot({
    kernel,
    machine,
    clock: host,
    components: components(asks, wanted),
    policy: "policyd",
    args: {},
    observe() {},
    faulted: (name, reason) => void faults.push(`${name}: ${reason}`),
  });
  return { booting, stop, asks, faults, lines: bare.lines };
}

async function refused(wanted: Wanted, code: BootError["code"], task: string) {
  const { booting, stop, lines, asks, faults } = attempt(wanted);
  await rejects(booting, (error) => {
    return error instanceof BootError && error.code === code && error.task === task;
  });
  stop();
  equal(lines.includes("driverd: ready"), false);
  equal(lines.includes("init: ready"), false);
  return { asks, faults, lines };
}

test("boot proves a denial, asks policy for the device, and hands it over", async () => {
  const { booting, stop, asks, lines } = attempt();
  const node = await booting;
  const client = createClient(driver, node.connect("asker", driver));
  deepEqual(await client.peek({}), { status: "ok", at: 42 });
  deepEqual(asks.map(({ subject, capability }) => [subject, capability]), [
    ["netstackd", "device.mmio.input"],
    ["driverd", "device.mmio.net"],
  ]);
  equal(lines.indexOf("init: mmio policy deny ok") < lines.indexOf("driverd: ready"), true);
  stop();
});

test("boot gives a daemon that calls policyd and is gated by it both answers", async () => {
  const { booting, stop } = attempt();
  const node = await booting;
  const client = createClient(driver, node.connect("asker", driver));
  deepEqual(await client.ask({}), { status: "ok", at: 1 });
  const again = createClient(driver, node.connect("asker", driver));
  deepEqual(await again.ask({}), { status: "ok", at: 1 });
  deepEqual(await client.ask({}), { status: "ok", at: 1 });
  stop();
});

test("boot fails when policy denies the device", async () => {
  await refused({ allow: () => false }, "device_denied", "driverd");
});

test("boot fails when policy denies nothing: a gate that lets all through proves nothing", async () => {
  const { lines } = await refused({ allow: () => true }, "device_denied", "netstackd");
  equal(lines.includes("init: mmio policy deny ok"), false);
});

test("boot fails when the device is not there", async () => {
  const { asks } = await refused({ plugged: false }, "device_missing", "driverd");
  equal(asks.length, 1);
});

test("boot faults a daemon that claims a marker without evidence, and prints no such line", async () => {
  const { lines, faults } = await refused({ evidence: 0 }, "daemon_faulted", "driverd");
  equal(lines.includes("driverd: seen"), false);
  equal(lines.includes("init: fault driverd"), true);
  equal(faults.length, 1);
});

test("boot keeps markers beyond their rate off the console, and goes on", async () => {
  const times = 5000;
  const { booting, stop, lines, faults } = attempt({ times });
  await booting;
  stop();
  const printed = lines.filter((line) => line === "driverd: seen").length;
  ok(printed >= 2048 && printed < times / 2, `${printed}`);
  equal(lines.includes("driverd: ready"), true);
  deepEqual(faults, []);
});
