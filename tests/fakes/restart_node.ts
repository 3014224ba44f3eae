import { type AnyComponent, defineComponent, type DevicePorts } from "@runtime/boot/component.ts";
import { boot, type Booted, type BootPorts } from "@runtime/boot/init.ts";
import type { MachineDevice, MachinePorts } from "@runtime/core/ports.ts";
import type { Principal, Syscalls } from "@runtime/core/syscalls.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { text8, u32 } from "@runtime/idl/field.ts";
import { type Ask, DECIDE } from "@runtime/idl/policy.ts";
import { defineService, NONCE32 } from "@runtime/idl/service.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { bareMachine } from "./machine.ts";

const STATUS = { ok: 0, denied: 1, malformed: 2, unsupported: 3, unavailable: 4 } as const;

/** DECIDE alone. */
export const deciderd = defineService({
  name: "policyd",
  magic: "PO",
  version: 2,
  envelope: { request: ["nonce32"], reply: ["nonce32", "status", "zero8"] },
  status: { ok: 0, denied: 1, malformed: 2, unsupported: 3 },
  ops: { decide: DECIDE },
});

/** A server that can be made to fault. */
export const served = defineService({
  name: "serverd",
  magic: "SV",
  version: 1,
  envelope: NONCE32,
  status: STATUS,
  ops: {
    life: {
      code: 1,
      doc: "Which life of the daemon answers, from 1.",
      capability: null,
      request: {},
      reply: { life: u32() },
    },
    hang: { code: 2, doc: "Never answers.", capability: null, request: {}, reply: {} },
    crash: { code: 3, doc: "Throws.", capability: null, request: {}, reply: {} },
    guarded: { code: 4, doc: "Asks policy first.", capability: "x.y", request: {}, reply: {} },
  },
});

/** A daemon that calls the server. */
export const called = defineService({
  name: "callerd",
  magic: "CA",
  version: 1,
  envelope: NONCE32,
  status: STATUS,
  ops: {
    relay: {
      code: 1,
      doc: "What the server says, and how the call ended.",
      capability: null,
      request: {},
      reply: { outcome: text8(1, 16), life: u32() },
    },
    hang: {
      code: 2,
      doc: "A call of the server that never ends by itself.",
      capability: null,
      request: {},
      reply: { outcome: text8(1, 16) },
    },
    crash: { code: 3, doc: "Throws.", capability: null, request: {}, reply: {} },
  },
});

/** What a test may put in the place of the usual. */
export interface RestartParts {
  /** Runs in each life of the server before it serves. */
  readonly create?: (life: number) => void | Promise<void>;
  readonly devices?: readonly MachineDevice[];
  readonly interrupts?: MachinePorts["interrupts"];
  /** What the server does with its device. */
  readonly drive?: (device: DevicePorts, life: number) => void;
  readonly allow?: (ask: Ask) => boolean;
  readonly settle?: BootPorts["settle"];
  readonly extra?: readonly AnyComponent[];
  /** Runs in the server before each of its answers, with the nonce of the request. */
  readonly garble?: (syscalls: Syscalls, nonce: number) => void;
}

/** A small node with its time in the test's hands. */
export interface RestartNode {
  readonly node: Booted;
  readonly kernel: Kernel;
  readonly clock: ManualClock;
  readonly faults: readonly string[];
  readonly degraded: readonly string[];
  /** Who the server heard has left it. */
  readonly departures: readonly Principal[];
  readonly server: Client<typeof served>;
  readonly caller: Client<typeof called>;
  readonly lines: readonly string[];
}

/** Boots a policyd, a server, and a daemon that calls it. */
export async function restartNode(parts: RestartParts = {}): Promise<RestartNode> {
  const clock = manualClock();
  const bare = bareMachine();
  const machine: MachinePorts = {
    ...bare,
    devices: parts.devices ?? [],
    interrupts: parts.interrupts ?? bare.interrupts,
  };
  const kernel = new Kernel({ clock, turns: clock, machine });
  const faults: string[] = [];
  const degraded: string[] = [];
  const departures: Principal[] = [];
  const components = [callerd(), serverd(departures, parts), policyd(parts), ...parts.extra ?? []];
  const node = await boot({
    kernel,
    machine,
    clock,
    components,
    policy: "policyd",
    args: {},
    observe() {},
    ...(parts.settle === undefined ? {} : { settle: parts.settle }),
    faulted: (name, reason) => void faults.push(`${name}: ${reason}`),
    degraded: (what, name) => void degraded.push(`${what} ${name}`),
  });
  const server = createClient(served, node.connect("asker", served));
  const caller = createClient(called, node.connect("asker", called));
  return { node, kernel, clock, faults, degraded, departures, server, caller, lines: bare.lines };
}

/** Lets everything run that is ready, without any time passing. */
export async function settled(): Promise<void> {
  for (let count = 0; count < 400; count++) await undefined;
}

function serverd(
  departures: Principal[],
  { create, devices = [], drive, garble }: RestartParts,
): AnyComponent {
  let lives = 0;
  return defineComponent({
    name: "serverd",
    serves: { served },
    calls: {},
    uses: devices.length > 0 ? { card: "virtio-net" } : {},
    asks: [],
    concurrency: 4,
    async create({ departed, device, syscalls }) {
      const life = ++lives;
      let nonce = 0;
      departed((who) => void departures.push(who));
      await create?.(life);
      const { card } = device as { readonly card?: DevicePorts };
      if (card !== undefined) drive?.(card, life);
      return {
        served: {
          life() {
            // Callers count their nonces from 1; a few too many do no harm.
            nonce += 1;
            for (let guess = 1; guess <= nonce; guess++) garble?.(syscalls, guess);
            return { status: "ok", life };
          },
          hang: () => new Promise(() => {}),
          crash() {
            throw new TypeError("nobody may read this");
          },
          guarded: () => ({ status: "ok" }),
        },
      };
    },
  });
}

function callerd(): AnyComponent {
  return defineComponent({
    name: "callerd",
    serves: { called },
    calls: { served },
    uses: {},
    asks: [],
    concurrency: 4,
    create: ({ call }) => ({
      called: {
        async relay() {
          const reply = await call.served.life({});
          const life = reply.status === "ok" ? reply.life : 0;
          return { status: "ok", outcome: reply.status, life };
        },
        async hang() {
          const { status } = await call.served.hang({}, { timeoutMs: "never" });
          return { status: "ok", outcome: status };
        },
        crash() {
          throw new TypeError("nobody may read this");
        },
      },
    }),
  });
}

function policyd({ allow = () => true }: RestartParts): AnyComponent {
  return defineComponent({
    name: "policyd",
    serves: { deciderd },
    calls: {},
    uses: {},
    asks: [],
    create: () => ({
      deciderd: {
        decide(ask) {
          if (ask.operation === "crash") throw new TypeError("nobody may read this");
          if (ask.capability === "device.mmio.input") return { status: "denied" };
          return { status: allow(ask) ? "ok" : "denied" };
        },
      },
    }),
  });
}
