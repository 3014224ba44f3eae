import { createMachine } from "@hw/board/machine.ts";
import { ramState } from "@hw/board/ram_state.ts";
import type { AnyComponent } from "@runtime/boot/component.ts";
import { boot } from "@runtime/boot/init.ts";
import type { Console, EntropySource } from "@runtime/core/ports.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { Service } from "@runtime/idl/service.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import identityd from "@services/identityd/mod.ts";
import keystored from "@services/keystored/mod.ts";
import logd from "@services/logd/mod.ts";
import policyd from "@services/policyd/mod.ts";
import rngd from "@services/rngd/mod.ts";
import statefsd from "@services/statefsd/mod.ts";
import samgrd from "@services/samgrd/mod.ts";
import { hostTurns } from "./turns.ts";

/** The daemons that everything else stands on. */
export const CORE_COMPONENTS: readonly AnyComponent[] = [
  logd,
  policyd,
  rngd,
  statefsd,
  keystored,
  identityd,
  samgrd,
];

/** A machine with the core daemons, in this process, over the host's event loop. */
export interface CoreNode {
  readonly lines: readonly string[];
  readonly faults: readonly string[];
  /** A client of a daemon under a principal's name. */
  client<S extends Service>(name: string, service: S): Client<S>;
  stop(): void;
}

/** What a test may put in the place of the real thing. */
export interface CoreNodeOptions {
  readonly entropy?: EntropySource;
  readonly components?: readonly AnyComponent[];
  /** Hears why a daemon could not start or was stopped, also when the boot itself fails. */
  readonly faulted?: (name: string, reason: string) => void;
}

/** Boots it. What {@linkcode boot} throws comes out, after the node has been stopped. */
export async function bootCoreNode(options: CoreNodeOptions = {}): Promise<CoreNode> {
  const host = hostTurns();
  const { lines, console } = lineConsole();
  const state = ramState(hostEntropy());
  const machine = createMachine({
    entropy: options.entropy ?? hostEntropy(),
    console,
    disk: state.disk,
    clock: host,
    later: host.later,
  });
  const kernel = new Kernel({ clock: host, turns: host, machine });
  const faults: string[] = [];
  const components = options.components ?? CORE_COMPONENTS;
  const faulted = (name: string, reason: string) => {
    faults.push(`${name}: ${reason}`);
    options.faulted?.(name, reason);
  };
  const keys = { statefsd: state.recordKey, keystored: state.keystoreKey };
  const ports = {
    kernel,
    machine,
    clock: host,
    components,
    policy: "policyd",
    args: {},
    faulted,
    keys,
  };
  const stop = () => {
    kernel.stop();
    host.stop();
  };
  const node = await boot({ ...ports, observe() {} }).catch((error) => {
    stop();
    throw error;
  });
  const client = <S extends Service>(name: string, service: S) =>
    createClient(service, node.connect(name, service));
  return { lines, faults, client, stop };
}

/** Entropy of the host, as the emulated device would get it. */
export function hostEntropy(): EntropySource {
  return {
    fill(bytes) {
      const own = new Uint8Array(bytes.length);
      crypto.getRandomValues(own);
      bytes.set(own);
      return bytes.length;
    },
  };
}

function lineConsole(): { readonly lines: string[]; readonly console: Console } {
  const lines: string[] = [];
  let partial = "";
  const console = {
    write(bytes: Uint8Array) {
      partial += new TextDecoder().decode(bytes.slice());
      const parts = partial.split("\n");
      partial = parts.pop() ?? "";
      lines.push(...parts);
    },
  };
  return { lines, console };
}
