/** One whole node for a benchmark: host, gateway, machine, kernel and every daemon. */

import { createMachine } from "@hw/board/machine.ts";
import { ramState } from "@hw/board/ram_state.ts";
import { hostClock } from "@hw/host/clock.ts";
import { hostEntropy } from "@hw/host/entropy.ts";
import { hostPlacement } from "@hw/host/isolates.ts";
import { random32Of } from "@hw/host/random32.ts";
import { hostSockets } from "@hw/host/sockets.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { lineConsole } from "@hw/host/uart_stdout.ts";
import { createGateway, type Gateway } from "@net/gateway/gateway.ts";
import type { AnyComponent } from "@runtime/boot/component.ts";
import { boot, type Booted } from "@runtime/boot/init.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { type Isolation, ISOLATIONS } from "@runtime/boot/placement.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import { SESSION_PORT } from "@services/dsoftbusd/protocol.ts";
import { COMPONENTS } from "@services/registry.gen.ts";

/** A node that is up. */
export interface BenchNode {
  readonly node: Booted;
  readonly gateway: Gateway;
  readonly clock: Clock;
  /** Host port that leads to the node's session port. */
  readonly port: number;
}

/** What a benchmark changes about a node. */
export interface BenchNodeOptions {
  /** Takes the place of the component of the same name. */
  readonly instead?: AnyComponent;
  /** Each line of the UART. */
  readonly line?: (text: string) => void;
}

/** Where this benchmark's daemons live: the parent process says so. */
export function benchIsolation(): Isolation {
  const wanted = Deno.env.get("BENCH_ISOLATION");
  return ISOLATIONS.find((known) => known === wanted) ?? "inline";
}

/** Boots a node that listens on a port of the host's choosing. */
export async function benchNode({ instead, line }: BenchNodeOptions = {}): Promise<BenchNode> {
  const clock = hostClock();
  const turns = hostTurns(clock);
  const entropy = hostEntropy();
  const random32 = random32Of(entropy);
  const gateway = createGateway({ sockets: hostSockets(), clock, turns, random32, mtu: 65_535 });
  const host = { host: "127.0.0.1", port: 0 };
  const { port } = await gateway.forward({ host, guestPort: SESSION_PORT });
  const text = new TextDecoder();
  const console_ = lineConsole((bytes) => line?.(text.decode(bytes)));
  const { later } = turns;
  const state = ramState(entropy);
  const parts = { entropy, link: gateway, disk: state.disk, console: console_, clock, later };
  const machine = createMachine(parts);
  const kernel = new Kernel({ clock, turns, machine });
  const isolation = benchIsolation();
  const components = COMPONENTS.map((component) =>
    component.name === instead?.name ? instead : component
  );
  const node = await boot({
    kernel,
    machine,
    clock,
    components,
    placement: { isolation, ...hostPlacement(clock, turns) },
    policy: "policyd",
    args: { dsoftbusd: { advertise: String(port) }, "selftest-client": { mode: "none" } },
    keys: { statefsd: state.recordKey, keystored: state.keystoreKey },
    observe() {},
    faulted(name, reason) {
      console.error(`fault of ${name}: ${reason}`);
      Deno.exit(1);
    },
  });
  return { node, gateway, clock, port };
}
