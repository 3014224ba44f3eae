import type { Clock, Turns } from "@runtime/core/ports.ts";
import type { Syscalls } from "@runtime/core/syscalls.ts";
import type { Client } from "@runtime/idl/client.ts";
import { createTimer } from "@runtime/kernel/task_timer.ts";
import { TimerQueue } from "@runtime/kernel/timer.ts";
import { Acceptor } from "@services/dsoftbusd/acceptor.ts";
import { AdmissionTable } from "@services/dsoftbusd/admission.ts";
import { Announcer } from "@services/dsoftbusd/announcer.ts";
import { Bus } from "@services/dsoftbusd/bus.ts";
import type { DialTarget } from "@services/dsoftbusd/dialer.ts";
import { BusJournal } from "@services/dsoftbusd/journal.ts";
import type { OpenedNetwork } from "@services/dsoftbusd/network.ts";
import { dsoftbusd } from "@services/dsoftbusd/protocol.ts";
import type { Cause } from "@services/dsoftbusd/refusal.ts";
import { createDsoftbusd } from "@services/dsoftbusd/service.ts";
import { logdV2 } from "@services/logd/protocol.ts";
import type { UnresolvedPeer } from "@services/dsoftbusd/unresolved.ts";
import { samgrdCapnp } from "@services/samgrd/protocol.ts";
import { type ManualClock, manualClock } from "./clock.ts";
import { type Custody, custody, type CustodyOptions } from "./custody.ts";
import { directClient, type WatchedGate, watchedGate } from "./direct.ts";
import { type FakeStream, type PairOptions, streamPair } from "./streams.ts";

/** Port that every bus of a world listens on. */
export const BUS_PORT = 7_400;

type Timers = Pick<Syscalls, "clock" | "timerCreate" | "sleepUntil">;

/** Timers of a task over a clock that a test moves. */
export function manualTimers(clock: Clock & Turns): Timers {
  const queue = new TimerQueue(clock, clock);
  const timerCreate = () =>
    createTimer({
      run: queueMicrotask,
      setDeadline: (atNs, fire) => queue.set(atNs, fire),
      cancelDeadline: (deadline) => queue.cancel(deadline),
    });
  return {
    clock,
    timerCreate,
    sleepUntil(deadlineNs) {
      const timer = timerCreate();
      timer.set(deadlineNs);
      return timer.wait();
    },
  };
}

/** Buses on one clock, each at an address, joined by connections in memory. */
export class BusWorld {
  readonly clock: ManualClock = manualClock(1_700_000_000_000);
  readonly nodes = new Map<number, BusNode>();
  /** What connections are like from now on. */
  pair: PairOptions = {};
  /** Connections that were opened so far, the dialling end first. */
  readonly connections: (readonly [FakeStream, FakeStream])[] = [];

  /** Runs everything that waits for nothing but other code. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 2_000; turn++) await Promise.resolve();
  }

  /** Moves time on in steps, so that what one timer starts can be seen by the next. */
  async pass(ms: number, stepMs = Math.min(ms, 100)): Promise<void> {
    for (let passed = 0; passed < ms; passed += stepMs) {
      this.clock.advanceMs(stepMs);
      await this.settle();
    }
  }

  /** A connection to whoever listens there, as a stranger opens it. */
  connect(address: number, from = 0x0a0000fe): FakeStream | undefined {
    const node = this.nodes.get(address);
    if (node === undefined) return undefined;
    const pair = streamPair(this.clock, this.pair);
    const [near, far] = pair;
    Object.defineProperty(far, "address", { value: from });
    this.connections.push(pair);
    return node.incoming(far) ? near : undefined;
  }
}

/** One dsoftbusd without its machine. */
export interface BusNode {
  readonly address: number;
  readonly custody: Custody;
  readonly bus: Bus;
  readonly acceptor: Acceptor;
  readonly table: AdmissionTable;
  readonly client: Client<typeof dsoftbusd>;
  /** Markers in order, as text. */
  readonly markers: string[];
  /** What was thrown that is no refusal: a fault of the task. */
  readonly faults: unknown[];
  readonly gate: WatchedGate;
  readonly resolved: string[];
  /** Lines of the journal, each message with its fields. */
  readonly logged: readonly string[];
  counts(): Partial<Record<Cause, number>>;
  /** Offers a connection; false when nobody listens. */
  incoming(stream: FakeStream): boolean;
}

/** What a node is made of. */
export interface BusNodeOptions extends CustodyOptions {
  /** Every byte of the device's seed. */
  readonly seed: number;
  readonly address: number;
  /** Every byte of the boot id; the address's last octet unless told. */
  readonly boot?: number;
  readonly targets?: readonly DialTarget[];
  readonly unresolved?: readonly UnresolvedPeer[];
  readonly allowed?: Parameters<typeof watchedGate>[0];
  readonly perAddress?: number;
  readonly connections?: number;
  /** A v1 peer has no discovery: its port takes sessions only. */
  readonly handshakeTimeoutMs?: number;
}

/** Whom to dial for another node, found by its announce. */
export function targetOf(address: number, pinned: Partial<DialTarget> = {}): DialTarget {
  return { address, port: BUS_PORT, deviceId: undefined, noiseStatic: undefined, ...pinned };
}

/** Starts a node in the world. */
export async function busNode(world: BusWorld, options: BusNodeOptions): Promise<BusNode> {
  const { clock } = world;
  const { address } = options;
  const keeper = await custody(options.seed, options);
  const [markers, faults, resolved] = [[], [], []] as [string[], unknown[], string[]];
  const gate = watchedGate(options.allowed ?? true);
  const listener = listening(world, address);
  const logged: string[] = [];
  const timer = manualTimers(clock).timerCreate();
  const journal = new BusJournal({ logd: keptLog(logged), clock, timer });
  const bootId = new Uint8Array(16).fill(options.boot ?? address & 0xff);
  const { keys, local } = keeper;
  const spawn = (loop: () => Promise<void>) => {
    loop().catch((error) => faults.push(error));
  };
  spawn(() => journal.run());
  const bus = new Bus({
    clock,
    syscalls: manualTimers(clock),
    spawn,
    network: listener.network,
    handshake: keeper.handshake((id) => void markers.push(`bound ${id}`)),
    services: { gate: gate.gate, samgr: registry(resolved), clock },
    announcer: new Announcer({ keys, clock }, { local, bootId, port: BUS_PORT }),
    journal,
    markers: {
      established: ({ deviceId }) => void markers.push(`auth ok ${deviceId}`),
      mismatch: (id) => void markers.push(`mismatch ${id}`),
      clone: (id) => void markers.push(`clone ${id}`),
    },
    handshakeTimeoutMs: options.handshakeTimeoutMs ?? 5_000,
  });
  const table = new AdmissionTable(options.perAddress, options.connections);
  const acceptor = new Acceptor(bus, table);
  spawn(() => acceptor.run());
  const { targets = [], unresolved = [] } = options;
  const service = { bus, acceptor, local, bootId, port: BUS_PORT, targets, unresolved, spawn };
  const client = directClient(dsoftbusd, createDsoftbusd(service));
  const node: BusNode = {
    address,
    custody: keeper,
    bus,
    acceptor,
    table,
    client,
    markers,
    faults,
    gate,
    resolved,
    logged,
    counts: () => Object.fromEntries(journal.counts),
    incoming: listener.incoming,
  };
  world.nodes.set(address, node);
  return node;
}

function listening(world: BusWorld, own: number): {
  readonly network: OpenedNetwork;
  incoming(stream: FakeStream): boolean;
} {
  const waiting: FakeStream[] = [];
  let taker: ((stream: FakeStream | "gone") => void) | undefined;
  let open = true;
  return {
    incoming(stream) {
      if (!open) return false;
      if (taker === undefined) waiting.push(stream);
      else taker(stream);
      return true;
    },
    network: {
      accept() {
        const first = waiting.shift();
        if (first !== undefined) return Promise.resolve(first);
        if (!open) return Promise.resolve("gone");
        return new Promise((resolve) => {
          taker = (stream) => {
            taker = undefined;
            resolve(stream);
          };
        });
      },
      connect: ({ address }) => Promise.resolve(world.connect(address, own) ?? "refused"),
      stopListening() {
        open = false;
        taker?.("gone");
        return Promise.resolve();
      },
      turnedAway: () => Promise.resolve(0),
    },
  };
}

function keptLog(lines: string[]): Client<typeof logdV2> {
  return directClient(logdV2, {
    append({ message, fields }) {
      lines.push(`${message} ${fields.trim().replaceAll("\n", " ")}`);
      return { status: "ok", recordId: 1n, dropped: 0n };
    },
    stats: () => ({ status: "unsupported" }),
  });
}

/** samgrd that knows one service, `samgrd`, at endpoint 5. */
function registry(resolved: string[]): Client<typeof samgrdCapnp> {
  return directClient(samgrdCapnp, {
    register: () => ({ status: "unsupported" }),
    resolve({ name }) {
      resolved.push(name);
      const found = name === "samgrd";
      return { status: "ok", found, endpoint: found ? 5 : 0 };
    },
    heartbeat: () => ({ status: "unsupported" }),
  });
}
