import { concatBytes } from "@runtime/core/bytes.ts";
import type { HostAddress } from "@runtime/core/ports.ts";
import {
  type ByteInput,
  type Child,
  type ChildOptions,
  FileFailure,
  type Keyboard,
  type StopSignal,
  type Terminal,
} from "@runtime/core/program_ports.ts";
import type { Sandbox } from "@runtime/core/sandbox_ports.ts";
import type { RawChannel } from "@runtime/idl/channel.ts";
import { bind, type Handlers } from "@runtime/idl/server.ts";
import type { Gate } from "@runtime/idl/policy.ts";
import { CONTROL_PRINCIPAL, controld } from "@services/controld/protocol.ts";
import { keys } from "@services/keystored/client/keys_protocol.ts";
import type { Fault, NodeOptions, NxPorts, RunningNode } from "@services/nx/ports.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { directChannel } from "./direct.ts";
import { type MemoryControl, memoryControl } from "./memory_control.ts";
import { type MemoryState, memoryStatePorts } from "./memory_state.ts";
import { type MemoryFiles, memoryFiles } from "./memory_files.ts";

/** Bytes of one piece of an input: odd, so that pieces end anywhere. */
const PIECE_LENGTH = 4_099;

/** The command line's world, in a test's hands. */
export interface NxWorld {
  readonly ports: NxPorts;
  readonly files: MemoryFiles;
  readonly control: MemoryControl;
  readonly state: MemoryState;
  readonly clock: ManualClock;
  /** Everything printed so far. */
  readonly out: () => string;
  readonly error: () => string;
  readonly env: Map<string, string>;
  /** What nodes were started with. */
  readonly started: NodeOptions[];
  signal(signal: StopSignal): void;
  /** Whether a stop signal would be heard. */
  hearsStops(): boolean;
  endInput(): void;
  /** Bytes that were printed, which `out` has not. */
  readonly outBytes: () => Uint8Array;
  /** What commands find on standard input. */
  stdin: Uint8Array;
}

export interface NxWorldOptions {
  /** Whether standard output is a terminal. */
  readonly interactive?: boolean;
  readonly startNode?: NxPorts["startNode"];
  /** Called before each write to standard output, which it may keep from being written. */
  readonly beforeOut?: (() => void) | undefined;
  readonly spawnSelf?: (options: ChildOptions) => Child;
  readonly sandbox?: Sandbox;
  /** Who sits at standard input; nobody unless said. */
  readonly keyboard?: Keyboard;
  readonly keepToChildren?: () => void;
  readonly spawnOnConsole?: (args: readonly string[]) => Child;
}

export function nxWorld(options: NxWorldOptions = {}): NxWorld {
  const files = memoryFiles();
  const control = memoryControl(files);
  const clock = manualClock();
  const state = memoryStatePorts();
  const env = new Map([["XDG_RUNTIME_DIR", "/run/me"]]);
  const started: NodeOptions[] = [];
  const printed = { out: "", error: "", bytes: new Uint8Array(0) };
  const stops = new Set<(signal: StopSignal) => void>();
  let endInput: () => void = () => {};
  const inputEnded = new Promise<void>((resolve) => endInput = resolve);
  const none = () => Promise.reject(new TypeError("no node in this test"));
  const ports: NxPorts = {
    startNode(asked) {
      started.push(asked);
      return (options.startNode ?? none)(asked);
    },
    ...{ files, control, clock, turns: clock },
    input: piecesFrom(files, () => world.stdin),
    missingPermission: () => undefined,
    confined: undefined,
    lookup: (name) => Promise.resolve([name]),
    sandbox: options.sandbox ?? noSandbox,
    state,
    version: { deno: "9.9.9", target: "test-target", compiled: true },
    terminal: terminalOf(printed, options),
    keyboard: options.keyboard ?? NOBODY,
    processes: {
      env: (name) => env.get(name),
      id: 42,
      userId: 7,
      spawnSelf: options.spawnSelf ?? noChild,
      spawnOnConsole: options.spawnOnConsole ?? noChild,
      onStop(stop) {
        stops.add(stop);
        return () => void stops.delete(stop);
      },
      inputEnded: () => inputEnded,
      keepToChildren: options.keepToChildren ?? (() => {}),
    },
  };
  const world: NxWorld = {
    stdin: new Uint8Array(0),
    outBytes: () => printed.bytes,
    ports,
    files,
    control,
    state: state.host,
    clock,
    env,
    started,
    out: () => printed.out,
    error: () => printed.error,
    signal: (signal) => stops.forEach((stop) => stop(signal)),
    hearsStops: () => stops.size > 0,
    endInput: () => endInput(),
  };
  return world;
}

function terminalOf(
  printed: { out: string; error: string; bytes: Uint8Array },
  { interactive = false, beforeOut }: NxWorldOptions,
): Terminal {
  return {
    interactive,
    out: (text) => (beforeOut?.(), printed.out += text, true),
    outBytes: (bytes) => (printed.bytes = concatBytes(printed.bytes, bytes), true),
    error: (text) => (printed.error += text, true),
  };
}

function piecesFrom(files: MemoryFiles, stdin: () => Uint8Array): ByteInput {
  return {
    async *pieces(path) {
      const bytes = path === "-" ? stdin() : files.readBytes(path, Infinity);
      for (let at = 0; at < bytes.length; at += PIECE_LENGTH) {
        yield await Promise.resolve(bytes.slice(at, at + PIECE_LENGTH));
      }
    },
  };
}

/** The line at which the boot before a judged one is over. */
export const SEEDED = "SELFTEST: statefs cold-boot seeded";

/** Nodes of `nx test-os`: the boot before the judged one shows its one line. */
export function afterFirstBoot(startNode: NxPorts["startNode"]): NxPorts["startNode"] {
  return (options) => {
    if (options.selftest !== "seed") return startNode(options);
    options.console(SEEDED);
    return Promise.resolve(fakeNode(undefined));
  };
}

/** Standard input that is no terminal, and has ended. */
const NOBODY: Keyboard = {
  interactive: false,
  hiddenLine: () => Promise.reject(new FileFailure("failed", "standard input")),
  inputLine: () => Promise.resolve({ status: "ended" }),
};

const noSandbox: Sandbox = {
  permissionsOf: noChild,
  tried: noChild,
  peer: noChild,
  source: undefined,
};

function noChild(): never {
  throw new TypeError("no child in this test");
}

const NOBODY_ANSWERS: RawChannel = { exchange: () => Promise.resolve({ status: "gone" }) };

/** A node that runs nowhere: it answers as `handlers` do and remembers whether it was stopped. */
export interface FakeNode extends RunningNode {
  readonly stops: () => number;
  fault(fault: Fault): void;
  /** A daemon of it does not answer any more. */
  runAway(name: string): void;
}

export function fakeNode(
  listen: HostAddress | undefined,
  {
    handlers,
    gate,
    stop = () => Promise.resolve(),
    unplaced = [],
    placeOf = () => Promise.resolve(undefined),
    runaway,
    keys: ofKeys = NOBODY_ANSWERS,
  }: {
    readonly handlers?: Handlers<typeof controld>;
    readonly gate?: Gate;
    readonly stop?: () => Promise<void>;
    readonly unplaced?: RunningNode["unplaced"];
    readonly placeOf?: RunningNode["placeOf"];
    readonly runaway?: RunningNode["runaway"];
    /** Who serves keystore v1.1; nobody unless said. */
    readonly keys?: RawChannel;
  } = {},
): FakeNode {
  const faults: Fault[] = [];
  const running = Promise.withResolvers<string>();
  let stops = 0;
  const channel = handlers === undefined ? NOBODY_ANSWERS : channelOf(handlers, gate);
  return {
    listen,
    faults,
    runaway: runaway ?? running.promise,
    unplaced,
    placeOf,
    connect: (_principal, service) => service === keys ? ofKeys : channel,
    stop() {
      stops += 1;
      return stop();
    },
    stops: () => stops,
    fault: (fault) => void faults.push(fault),
    runAway: (name) => running.resolve(name),
  };
}

function channelOf(handlers: Handlers<typeof controld>, gate: Gate | undefined): RawChannel {
  return directChannel([bind(controld, handlers)], { sender: CONTROL_PRINCIPAL, gate });
}

/** A controld that knows its device and notes whom it is told to dial: refused, once `connect` says so. */
export function controllerOf(
  { deviceId, connect = () => {} }: {
    readonly deviceId: string;
    readonly connect?: (request: Readonly<Record<string, unknown>>) => void | Promise<void>;
  },
): Handlers<typeof controld> {
  const refuse = () => ({ status: "refused" }) as const;
  const identity = () => ({
    ...{ status: "ok", deviceId, port: 7401 } as const,
    verifyingKey: new Uint8Array(32).fill(0x11),
    noiseStatic: new Uint8Array(32).fill(0x22),
    bootId: new Uint8Array(16).fill(0x33),
  });
  return {
    ...{ identity, ping: refuse, resolve: refuse },
    peers: () => ({ status: "ok", total: 0, peers: [] }),
    stats: () => ({ status: "ok", accepted: 0, sessions: 0, announces: 0, refused: [] }),
    async connect(request) {
      await connect(request);
      return refuse();
    },
    log: () => ({ status: "unavailable" }),
    logSegment: () => ({ status: "unavailable" }),
    logCheckpoint: () => ({ status: "unavailable" }),
    quotas: () => ({ status: "unavailable" }),
    setQuota: () => ({ status: "unavailable" }),
    clearQuota: () => ({ status: "unavailable" }),
    checkPolicy: () => ({ status: "denied" }),
    placePeer: refuse,
    provoke: () => ({ status: "refused" }),
    ps: () => ({ status: "unavailable" }),
    stop: () => ({ status: "ok", closed: 0 }),
  };
}

/** Lets everything run that is ready: events of the fakes are promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 200; turn++) await Promise.resolve();
}
