import { hostProcesses } from "@hw/host/process.ts"; // first: it hears stop signals
import { createMachine } from "@hw/board/machine.ts";
import { ramState } from "@hw/board/ram_state.ts";
import { hostClock } from "@hw/host/clock.ts";
import { confinedTo } from "@hw/host/confined.ts";
import { hostEntropy } from "@hw/host/entropy.ts";
import { seededEntropy } from "@hw/host/entropy_seeded.ts";
import { hostGuard } from "@hw/host/guard.ts";
import { hostKeyboard } from "@hw/host/keyboard.ts";
import { hostPlacement } from "@hw/host/isolates.ts";
import { type NodeThread, programHost, type ThreadPorts } from "@hw/host/program_host.ts";
import { random32Of } from "@hw/host/random32.ts";
import { hostSockets, unixSockets } from "@hw/host/sockets.ts";
import { hostTurns } from "@hw/host/turns.ts";
import { textConsole } from "@hw/host/uart_stdout.ts";
import { createGateway } from "@net/gateway/gateway.ts";
import { boot } from "@runtime/boot/init.ts";
import type { EntropySource } from "@runtime/core/ports.ts";
import { assert } from "@runtime/core/assert.ts";
import { Kernel } from "@runtime/kernel/kernel.ts";
import { SESSION_PORT } from "@services/dsoftbusd/protocol.ts";
import { bootArguments } from "@services/nx/boot_arguments.ts";
import { GatewayLog } from "@services/nx/gateway_log.ts";
import { NodeKeeper } from "@services/nx/node_keeper.ts";
import { stopSessions } from "@services/nx/orderly_stop.ts";
import { runNx } from "@services/nx/nx.ts";
import { placeOfPeer } from "@services/nx/place.ts";
import type { NodeOptions, NxPorts, RunningNode } from "@services/nx/ports.ts";
import { COMPONENTS } from "@services/registry.gen.ts";

/** Largest IP packet between the machine and its own gateway, in bytes. */
const MTU = 65_535;

const clock = hostClock();
const turns = hostTurns(clock);
const sockets = hostSockets();

/** Builds the host's side, the machine and the kernel of one node, and boots its daemons. */
export async function startNode(
  options: NodeOptions,
  { makeIsolate, inspector = () => Promise.resolve("unknown") }: NodeThread = {},
): Promise<RunningNode> {
  const { isolation = "inline", listen: host } = options;
  const state = options.state ?? ramState(entropyOf(options, "state"));
  const log = new GatewayLog({ clock, turns });
  const random32 = random32Of(entropyOf(options, "gateway"));
  const gateway = createGateway({ sockets, clock, turns, random32, mtu: MTU, turnedAway: log.add });
  const listen = host && await gateway.forward({ host, guestPort: SESSION_PORT });
  const console = textConsole(options.console);
  const parts = { console, clock, link: gateway, disk: state.disk, later: turns.later };
  const machine = createMachine({ ...parts, entropy: entropyOf(options, "machine") });
  const kernel = new Kernel({ clock, turns, machine });
  const placeOf: RunningNode["placeOf"] = (peer) => placeOfPeer(peer, { sockets, gateway });
  const places = await Promise.all(options.peers.map(placeOf));
  const daemons = COMPONENTS.map(({ name }) => name);
  const keeper = new NodeKeeper(daemons);
  const close = async () => {
    log.end();
    console.flush();
    await gateway.close();
  };
  const node = await boot({
    ...{ kernel, machine, clock },
    components: options.components?.(COMPONENTS) ?? COMPONENTS,
    placement: { isolation, ...hostPlacement(clock, turns, makeIsolate) },
    policy: "policyd",
    seededBy: options.seed === undefined ? undefined : options.profile,
    args: bootArguments(options, { daemons, places, port: listen?.port ?? 0, random32 }),
    settle: keeper.settle,
    keys: { statefsd: state.recordKey, keystored: state.keystoreKey },
    observe: options.observe ?? (() => {}),
    faulted: keeper.faulted,
    degraded: keeper.degraded,
    suspect: options.suspect,
    provocable: options.profile === "test",
    about: async () => ({ placement: isolation, inspector: await inspector() }),
  }).catch(async (error) => {
    kernel.stop();
    await close();
    throw error;
  });
  log.begin(node);
  const stop = async () => {
    await stopSessions(node, { clock, turns, drained: () => gateway.idle() });
    node.stop();
    await close();
  };
  return {
    ...{ listen, faults: keeper.faults, runaway: keeper.runaway, placeOf, stop },
    unplaced: options.peers.filter((_, index) => places[index] === undefined),
    connect: (principal, service) => node.connect(principal, service),
  };
}

function entropyOf({ profile, seed }: NodeOptions, use: string): EntropySource {
  if (seed === undefined) return hostEntropy();
  assert(profile === "test", "only the test profile takes a seed");
  return seededEntropy(`${seed}:${use}`);
}

/** Everything that the command line reaches of the world. */
export function programPorts(
  { processes, unix, makeIsolate, guard: told, confined }: ThreadPorts,
): NxPorts {
  const guard = hostGuard({ clock, turns }, told);
  return {
    async startNode(options) {
      await guard.admit(options.profile === "test");
      return await startNode(options, { makeIsolate, inspector: guard.inspector });
    },
    ...{ processes, confined, keyboard: hostKeyboard(processes) },
    ...programHost({ clock, turns, sockets, unix, told }),
  };
}

if (import.meta.main) {
  const processes = hostProcesses();
  const thread = { processes, unix: unixSockets(), confined: confinedTo(processes) };
  Deno.exit(await runNx(Deno.args, programPorts(thread)));
}
