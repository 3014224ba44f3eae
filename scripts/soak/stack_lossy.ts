import { deepEqual, equal, ok } from "@tests/fakes/assert.ts";
import { dice, type LinkFaults, LossyLink, testAddress, testStack } from "@tests/fakes/link.ts";
import type { Stack, TcpSocket } from "@net/stack/stack.ts";
import { repeated, type SoakCheck } from "./check.ts";

const FAULTS: LinkFaults = {
  drop: 0.1,
  duplicate: 0.05,
  corrupt: 0.03,
  reorder: 0.2,
  reorderMs: 20,
  delayMs: 5,
};
const PORT = 80;
const PAIRS = 3;
const LENGTH_MAX = 60_000;

/** Pairs of stacks over a link that loses a tenth of the frames, each seed another transfer. */
export const stackLossy: SoakCheck = {
  name: "stack-lossy",
  share: 4,
  fullCases: 3_000,
  oneCase: `a seed: ${PAIRS} connections, both ways, at 10 % loss`,
  run(budget) {
    const first = crypto.getRandomValues(new Uint32Array(1))[0] ?? 0;
    return repeated(budget, (index) => {
      const seed = (first + index) >>> 0;
      try {
        transfer(seed);
      } catch (error) {
        throw new Error(`transfer(0x${seed.toString(16)}): ${String(error).split("\n", 1)[0]}`);
      }
    });
  },
};

/** One direction of one connection: what was sent, and what came. */
class Talk {
  readonly sent: Uint8Array;
  readonly received: Uint8Array;
  receivedLength = 0;
  readonly #socket: TcpSocket;
  #written = 0;

  /** @param expected Length of what the other side sends. */
  constructor(socket: TcpSocket, sent: Uint8Array, expected: number) {
    this.#socket = socket;
    this.sent = sent;
    this.received = new Uint8Array(expected + 1);
    socket.onChange = () => this.#pump();
    this.#pump();
  }

  get done(): boolean {
    return this.#socket.readEnded && this.#written === this.sent.length;
  }

  /** Also by a reset: a peer whose last acknowledgement was lost may be asked again too late. */
  get closed(): boolean {
    return this.#socket.state === "CLOSED";
  }

  #pump(): void {
    const socket = this.#socket;
    for (let count = 1; count > 0 && socket.readable > 0; this.receivedLength += count) {
      count = socket.read(this.received.subarray(this.receivedLength));
    }
    this.#written += socket.write(this.sent.subarray(this.#written));
    if (this.#written === this.sent.length) socket.end();
  }
}

/**
 * Several connections at once between two stacks, of any length both ways.
 *
 * @throws when a byte is missing, doubled or out of order, or state is left behind.
 */
export function transfer(seed: number): void {
  const numbers = dice(seed);
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, { seed });
  acquaint(link);
  link.faults = FAULTS;
  const lengths = Array.from({ length: PAIRS }, () =>
    [
      numbers.below(LENGTH_MAX),
      numbers.below(LENGTH_MAX),
    ] as const);
  const listener = stacks[1].listenTcp({ port: PORT, backlog: PAIRS });
  ok(typeof listener !== "string");
  const remote = { address: testAddress(2), port: PORT };
  const clients = lengths.map(([up, down], index) => {
    const socket = stacks[0].connectTcp({ remote, local: { port: 1_000 + index } });
    ok(typeof socket !== "string");
    return new Talk(socket, numbers.fill(new Uint8Array(up)), down);
  });
  const servers = new Map<number, Talk>();
  listener.onChange = () => {
    for (let next = listener.accept(); next !== undefined; next = listener.accept()) {
      const index = next.remote.port - 1_000;
      const [up = 0, down = 0] = lengths[index] ?? [];
      servers.set(index, new Talk(next, numbers.fill(new Uint8Array(down)), up));
    }
  };
  const talks = () => [...clients, ...servers.values()];
  ok(
    link.run(() => servers.size === PAIRS && talks().every(({ done }) => done)),
    "both sides are done",
  );
  for (const [index, client] of clients.entries()) {
    const server = servers.get(index);
    ok(server !== undefined);
    same(server.received.subarray(0, server.receivedLength), client.sent);
    same(client.received.subarray(0, client.receivedLength), server.sent);
  }
  listener.close();
  ok(link.settle(), "the link comes to rest");
  ok(talks().every(({ closed }) => closed), "every connection has ended");
  deepEqual(stacks.map(leftBy), [[0, undefined, false], [0, undefined, false]]);
}

/** Each learns where the other is: a host that answers no ARP request is unreachable, and says so. */
function acquaint(link: LossyLink): void {
  let answered = false;
  const echo = { remote: testAddress(2), ident: 1, sequence: 1 };
  link.stacks[0].ping(echo, () => answered = true, link.nowMs, 1_000);
  ok(link.run(() => answered), "the other end answers");
}

function leftBy(stack: Stack): readonly unknown[] {
  return [stack.sockets(), stack.nextTimerMs(), stack.pending];
}

/** Compares without printing tens of thousands of bytes. */
function same(actual: Uint8Array, expected: Uint8Array): void {
  equal(actual.length, expected.length);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  equal(at, -1, `byte ${at} differs`);
}
