import { createMachine } from "@hw/board/machine.ts";
import { type AnyComponent, defineComponent } from "@runtime/boot/component.ts";
import { boot } from "@runtime/boot/init.ts";
import { assert } from "@runtime/core/assert.ts";
import type { Clock, Link, LinkPort, Turns } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import { DECIDE } from "@runtime/idl/policy.ts";
import { defineService } from "@runtime/idl/service.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import component from "@services/netstackd/mod.ts";
import { netstackd } from "@services/netstackd/protocol.ts";
import { rngd } from "@services/rngd/protocol.ts";

/** A node with netstackd alone, on a whole machine, and one caller of it. */
export interface NetNode {
  readonly client: Client<typeof netstackd>;
  /** The caller's own system calls: its memory objects. */
  readonly caller: Syscalls;
  /** netstackd's. */
  readonly daemon: Syscalls;
  /** Lines of the console. */
  readonly lines: readonly string[];
  readonly faults: readonly string[];
  stop(): void;
}

/** What a {@linkcode netNode} is made of. */
export interface NetNodeParts {
  readonly host: Clock & Turns;
  readonly link: Link;
  /** netstackd's command line. */
  readonly args: Readonly<Record<string, string>>;
  /** Last octet of the MAC address. */
  readonly station: number;
  /** Whether rngd answers. */
  readonly entropy?: boolean;
}

/** Boots netstackd beside a policyd that allows all but one thing and an rngd with fixed numbers. */
export async function netNode(parts: NetNodeParts): Promise<NetNode> {
  const lines: string[] = [];
  const faults: string[] = [];
  const { host } = parts;
  const machine = createMachine({
    entropy: { fill: (bytes) => bytes.fill(parts.station).length },
    link: parts.link,
    mac: Uint8Array.of(2, 0, 0, 0, 0, parts.station),
    console: lineConsole(lines),
    clock: host,
    later: (work) => host.later(work),
  });
  const kernel = new Kernel({ clock: host, turns: host, machine });
  const node = await boot({
    kernel,
    machine,
    clock: host,
    components: [policy(), entropy(parts), component],
    policy: "policyd",
    args: { netstackd: parts.args },
    observe() {},
    faulted: (name, reason) => void faults.push(`${name}: ${reason}`),
  });
  const client = createClient(netstackd, node.connect("asker", netstackd));
  const [caller, daemon] = [kernel.task("asker"), kernel.task("netstackd")];
  assert(caller !== undefined && daemon !== undefined, "both tasks are spawned");
  return { client, caller, daemon, lines, faults, stop: () => node.stop() };
}

const policyd = defineService({
  name: "policyd",
  magic: "PO",
  version: 2,
  envelope: { request: ["nonce32"], reply: ["nonce32", "status", "zero8"] },
  status: { ok: 0, denied: 1, malformed: 2, unsupported: 3 },
  ops: { decide: DECIDE },
});

function policy(): AnyComponent {
  return defineComponent({
    name: "policyd",
    serves: { policyd },
    calls: {},
    uses: {},
    asks: [],
    create: () => ({
      policyd: {
        decide: ({ capability }) => ({
          status: capability === "device.mmio.input" ? "denied" : "ok",
        }),
      },
    }),
  });
}

function entropy({ station, entropy = true }: NetNodeParts): AnyComponent {
  return defineComponent({
    name: "rngd",
    serves: { rngd },
    calls: {},
    uses: {},
    asks: ["policy.delegate"],
    create: () => ({
      rngd: {
        getEntropy: ({ length }) =>
          entropy
            ? { status: "ok", entropy: new Uint8Array(length).fill(station) }
            : { status: "unavailable" },
      },
    }),
  });
}

function lineConsole(lines: string[]): { write(bytes: Uint8Array): void } {
  let partial = "";
  return {
    write(bytes) {
      partial += String.fromCharCode(...bytes);
      const parts = partial.split("\n");
      partial = parts.pop() ?? "";
      lines.push(...parts);
    },
  };
}

/** Frames that wait on one side of a {@linkcode linkPair}; more are lost, as in a full queue. */
const WAITING_MAX = 2048;

/** A wire: what one end transmits, the other receives. */
export function linkPair(mtu: number): readonly [Link, Link] {
  const ends = [wireEnd(mtu), wireEnd(mtu)] as const;
  ends[0].to = ends[1];
  ends[1].to = ends[0];
  return ends;
}

interface WireEnd extends Link {
  to: WireEnd | undefined;
  take(frame: Uint8Array): void;
}

function wireEnd(mtu: number): WireEnd {
  const slots = Array.from({ length: WAITING_MAX }, () => new Uint8Array(0));
  const lengths = new Uint32Array(WAITING_MAX);
  let head = 0;
  let count = 0;
  let port: LinkPort | undefined;
  return {
    mtu,
    to: undefined,
    attach: (attached) => {
      port = attached;
    },
    transmit(frame) {
      this.to?.take(frame);
    },
    take(frame) {
      if (count === WAITING_MAX) return;
      const at = (head + count) % WAITING_MAX;
      let slot = slots[at];
      if (slot === undefined || slot.length < frame.length) {
        // Bytes whose place modulo 8 is that of the card's frames: copies then run word by word.
        slot = new Uint8Array(mtu + 16).subarray(2);
        slots[at] = slot;
      }
      slot.set(frame);
      lengths[at] = frame.length;
      count++;
      port?.available();
    },
    receive(into) {
      if (count === 0) return 0;
      const at = head;
      head = (head + 1) % WAITING_MAX;
      count--;
      const length = lengths[at] ?? 0;
      const frame = slots[at];
      if (frame === undefined || length > into.length) return 0;
      into.set(frame.subarray(0, length));
      return length;
    },
  };
}
