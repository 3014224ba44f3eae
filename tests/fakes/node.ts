import { ramState } from "@hw/board/ram_state.ts";
import { hostClock } from "@hw/host/clock.ts";
import { hostEntropy } from "@hw/host/entropy.ts";
import { isolatesFrom } from "@hw/host/isolates.ts";
import { hostTurns } from "@hw/host/turns.ts";
import type { AnyComponent, Evidence } from "@runtime/boot/component.ts";
import type { Clock } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { type Client, createClient } from "@runtime/idl/client.ts";
import type { Gate } from "@runtime/idl/policy.ts";
import type { Handlers } from "@runtime/idl/server.ts";
import type { Service } from "@runtime/idl/service.ts";
import { CONTROL_PRINCIPAL, controld } from "@services/controld/protocol.ts";
import {
  type LadderPorts,
  type LadderRequest,
  type LadderResult,
  MACHINES,
  runLadder,
} from "@services/nx/ladder_run.ts";
import type { NodeOptions, RunningNode } from "@services/nx/ports.ts";
import type { HeldState } from "@services/statefsd/client/node_state.ts";
import { startStrangers } from "@services/nx/strangers.ts";
import { startNode } from "../../main.ts";

/** How long a ladder may take here: a hang fails the test and does not stall the suite. */
const LADDER_TIMEOUT_MS = 20_000;
/** Turns after which a stopped node has none left. */
const TURNS_AT_REST = 2;
const LOOPBACK = "127.0.0.1";

/** A change to the daemons that a node boots. */
export type Replace = (own: readonly AnyComponent[]) => readonly AnyComponent[];

/** What the node's own composition root is made of, over the host's real clock and sockets. */
export function ladderPorts(): LadderPorts {
  const clock = hostClock();
  return { startNode, clock, turns: hostTurns(clock) };
}

/**
 * Runs the ladder as `nx test-os` does: two machines in this process, joined over loopback TCP, and
 * the strangers that they refuse.
 */
export async function climb(request: Partial<LadderRequest> = {}): Promise<LadderResult> {
  const console = () => {};
  const states = MACHINES.map(() => keptRam());
  const all = {
    timeoutMs: LADDER_TIMEOUT_MS,
    console,
    openState: (machine: 1 | 2) => Promise.resolve(states[machine - 1] ?? keptRam()),
    strangers: startStrangers,
    ...request,
  };
  const result = await runLadder(ladderPorts(), all);
  await hostAtRest();
  return result;
}

/**
 * A stopped node may still have one turn of the host's loop under way, which goes through the thread
 * pool: it ends here and not in the next test.
 */
async function hostAtRest(): Promise<void> {
  for (let turn = 0; turn < TURNS_AT_REST; turn++) {
    await crypto.subtle.digest("SHA-256", new Uint8Array(0));
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

/** State in memory that passes for one that is kept: as long as a test holds it. */
export function keptRam(): HeldState {
  return { ...ramState(hostEntropy()), persists: true, note() {}, close: () => Promise.resolve() };
}

/** A node of this process with the console it wrote. */
export interface TestNode extends RunningNode {
  readonly lines: readonly string[];
  readonly control: Client<typeof controld>;
  /** Port that peers dial. */
  readonly port: number;
  /** Resolves once a line of the console is this one; rejects when none comes for a long time. */
  printed(line: string | RegExp): Promise<void>;
  /** The same for a daemon that came back so often. */
  restarted(name: string, times: number): Promise<void>;
}

/** What a node of a test is started with. */
export interface TestNodeOptions extends NodeOptions {
  /** What its isolates start from, in the place of the product's own. */
  readonly entry: URL;
}

/** Boots a node with everything that `nx up` gives it, on a port of the host's choice. */
export async function bootNode(
  { entry, ...options }: Partial<TestNodeOptions> = {},
): Promise<TestNode> {
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const node = await startNode({
    listen: { host: LOOPBACK, port: 0 },
    advertise: undefined,
    peers: [],
    profile: "dev",
    seed: undefined,
    perAddress: undefined,
    selftest: false,
    ...options,
    console(line) {
      lines.push(line);
      for (const look of [...waiting]) look();
    },
  }, entry === undefined ? {} : { makeIsolate: isolatesFrom(() => entry) });
  const printed = (wanted: string | RegExp, times = 1) =>
    new Promise<void>((resolve, reject) => {
      const hung = setTimeout(() => {
        waiting.delete(look);
        reject(new Error(`no line ${wanted} among:\n${lines.join("\n")}`));
      }, LADDER_TIMEOUT_MS);
      const look = () => {
        const came = lines.filter((line) =>
          typeof wanted === "string" ? line === wanted : wanted.test(line)
        );
        if (came.length < times) return;
        clearTimeout(hung);
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  const restarted = (name: string, times: number) => printed(`init: restarted ${name}`, times);
  const control = createClient(controld, node.connect(CONTROL_PRINCIPAL, controld));
  const stop = async () => {
    await node.stop();
    await hostAtRest();
  };
  return { ...node, lines, control, port: node.listen?.port ?? 0, printed, restarted, stop };
}

/** Where to dial a node of this host, and optionally who must be there. */
export function peerAt(
  port: number,
  pinned: { readonly deviceId?: string; readonly noiseStatic?: string } = {},
): NodeOptions["peers"][number] {
  const { deviceId, noiseStatic } = pinned;
  return { address: { host: LOOPBACK, port }, deviceId, noiseStatic };
}

/** What the boot gives a component, as far as a test changes it. */
export interface LooseGiven {
  readonly args: Readonly<Record<string, string>>;
  readonly call: Readonly<Record<string, unknown>>;
  readonly channel: Readonly<Record<string, RawChannel>>;
  readonly clock: Clock;
  readonly spawn: (loop: () => Promise<void>) => void;
  readonly syscalls: Syscalls;
  readonly gate: Gate;
  readonly prove: (key: string, evidence: Readonly<Record<string, Evidence>>) => void;
}
type LooseBehaviour = Readonly<Record<string, unknown>>;

/** The daemons with one of them rebuilt. */
function rebuilt(name: string, rebuild: (own: AnyComponent) => AnyComponent): Replace {
  return (own) => own.map((component) => component.name === name ? rebuild(component) : component);
}

/** A daemon that is given something else. The casts stand here: the boot does not look either. */
function givenElse(name: string, change: (given: LooseGiven) => LooseGiven): Replace {
  return rebuilt(name, (own) => ({
    ...own,
    create: (given: never) => own.create(change(given as LooseGiven) as never),
  }));
}

/** A daemon that throws when it is told to. */
export interface Trap {
  readonly replace: Replace;
  /** Faults the daemon as it runs now. */
  spring(): void;
}

export function trapped(name: string): Trap {
  let spring = () => {};
  const replace = givenElse(name, (given) => {
    given.spawn(() =>
      new Promise((_, reject) => spring = () => reject(new TypeError("told to throw")))
    );
    return given;
  });
  return { replace, spring: () => spring() };
}

/** A daemon that does nothing of its own: other handlers in the place of all that it serves. */
export function replaceDaemon(
  name: string,
  create: (given: LooseGiven) => LooseBehaviour | Promise<LooseBehaviour>,
): Replace {
  return rebuilt(
    name,
    (own) => ({ ...own, create: (given: never) => create(given as LooseGiven) }),
  );
}

/** A daemon whose handlers of one protocol are replaced in part. `key` is the one in its `serves`. */
export function replaceHandlers<S extends Service>(
  { daemon, key }: { readonly daemon: string; readonly key: string; readonly service: S },
  change: (own: Handlers<S>) => Partial<Handlers<S>>,
): Replace {
  return rebuilt(daemon, (component) => ({
    ...component,
    async create(given: never) {
      const behaviour = await component.create(given) as Record<string, Handlers<S>>;
      const own = behaviour[key];
      if (own === undefined) throw new TypeError(`${daemon} serves no ${key}`);
      return { ...behaviour, [key]: { ...own, ...change(own) } };
    },
  }));
}

/** A daemon that gets other answers from one of those it calls. `key` is the one in its `calls`. */
export function replaceClient<S extends Service>(
  { daemon, key }: { readonly daemon: string; readonly key: string; readonly service: S },
  change: (own: Client<S>) => Partial<Client<S>>,
): Replace {
  return givenElse(daemon, (given) => {
    const own = given.call[key] as Client<S>;
    return { ...given, call: { ...given.call, [key]: { ...own, ...change(own) } } };
  });
}

/** A daemon that gets other bytes back from one of those that it talks to frame by frame. */
export function replaceReplies(
  daemon: string,
  key: string,
  change: (request: Uint8Array, reply: Uint8Array) => Uint8Array,
): Replace {
  return givenElse(daemon, (given) => {
    const own = given.channel[key];
    if (own === undefined) throw new TypeError(`${daemon} has no channel ${key}`);
    const changed: RawChannel = {
      async exchange(exchange) {
        const reply = await own.exchange(exchange);
        if (reply.status !== "ok") return reply;
        return { ...reply, frame: change(exchange.frame, reply.frame) };
      },
    };
    return { ...given, channel: { ...given.channel, [key]: changed } };
  });
}

/** A daemon whose gate is another. */
export function replaceGate(daemon: string, change: (own: Gate) => Gate): Replace {
  return givenElse(daemon, (given) => ({ ...given, gate: change(given.gate) }));
}

/**
 * One protocol declared otherwise, for who serves it and for all that call it: the dispatcher parses,
 * bounds and gates by the declaration.
 */
export function redeclared(service: Service, change: Service): Replace {
  const changed = (services: AnyComponent["serves"]) =>
    Object.fromEntries(
      Object.entries(services).map(([key, each]) => [key, each === service ? change : each]),
    );
  return (own) =>
    own.map((component) => ({
      ...component,
      serves: changed(component.serves),
      calls: changed(component.calls),
    }));
}

/** A daemon that the kernel answers otherwise. */
export function replaceSyscalls(
  daemon: string,
  change: (own: Syscalls) => Partial<Syscalls>,
): Replace {
  return givenElse(daemon, (given) => {
    const { syscalls } = given;
    return { ...given, syscalls: { ...syscalls, ...change(syscalls) } };
  });
}

/** A daemon with another command line. */
export function replaceArguments(
  daemon: string,
  args: Readonly<Record<string, string>>,
): Replace {
  return givenElse(daemon, (given) => ({ ...given, args: { ...given.args, ...args } }));
}

/** A daemon whose marker never prints. */
export function silenced(daemon: string, marker: string): Replace {
  return givenElse(daemon, (given) => ({
    ...given,
    prove(key, evidence) {
      if (key !== marker) given.prove(key, evidence);
    },
  }));
}

/** A daemon that shows nothing for its marker. */
export function unproven(daemon: string, marker: string): Replace {
  return givenElse(daemon, (given) => ({
    ...given,
    prove: (key, evidence) => given.prove(key, key === marker ? {} : evidence),
  }));
}

/** Several changes, one after the other. */
export function together(...changes: readonly Replace[]): Replace {
  return (own) => changes.reduce((components, change) => change(components), own);
}

/** A change to one machine of a ladder alone. Good for one run. */
export function onMachine(number: 1 | 2, change: Replace): Replace {
  let booted = 0;
  return (own) => {
    booted += 1;
    return booted === number ? change(own) : own;
  };
}
