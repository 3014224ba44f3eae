import { equal, ok } from "@tests/fakes/assert.ts";
import { dice, type LinkFaults, LossyLink, testAddress, testStack } from "@tests/fakes/link.ts";
import { test } from "@tests/fakes/test.ts";
import type { Stack, StackOptions, TcpSocket } from "./stack.ts";

const HARSH: LinkFaults = {
  drop: 0.1,
  duplicate: 0.05,
  corrupt: 0.03,
  reorder: 0.2,
  reorderMs: 20,
  delayMs: 5,
};

/** Writes all of `source` and ends; keeps what the other side sent. */
class Endpointer {
  readonly received: Uint8Array;
  receivedLength = 0;
  readonly #socket: TcpSocket;
  readonly #source: Uint8Array;
  #sent = 0;

  constructor(socket: TcpSocket, source: Uint8Array, receivedMax: number) {
    this.#socket = socket;
    this.#source = source;
    this.received = new Uint8Array(receivedMax + 1);
    socket.onChange = () => this.pump();
    this.pump();
  }

  get done(): boolean {
    return this.#socket.readEnded && this.#sent === this.#source.length;
  }

  get socket(): TcpSocket {
    return this.#socket;
  }

  pump(): void {
    const socket = this.#socket;
    while (socket.readable > 0) {
      const room = this.received.subarray(this.receivedLength);
      const count = socket.read(room);
      if (count === 0) break;
      this.receivedLength += count;
    }
    this.#sent += socket.write(this.#source.subarray(this.#sent));
    if (this.#sent === this.#source.length) socket.end();
  }
}

/** Sends `up` and `down` at once over a link, and checks that each arrives and nothing is left. */
function transfer(
  options: {
    readonly seed: number;
    readonly up: number;
    readonly down: number;
    readonly faults: Partial<LinkFaults>;
    readonly stack?: Partial<StackOptions>;
  },
): { readonly link: LossyLink; readonly stacks: readonly [Stack, Stack] } {
  const { seed, up, down, faults } = options;
  const numbers = dice(seed + 1000);
  const upward = numbers.fill(new Uint8Array(up));
  const downward = numbers.fill(new Uint8Array(down));
  const stacks = [testStack(1, options.stack), testStack(2, options.stack)] as const;
  const link = new LossyLink(stacks, { seed, faults });
  const listener = stacks[1].listenTcp({ port: 80, backlog: 4 });
  const socket = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof socket !== "string");
  const client = new Endpointer(socket, upward, down);
  let server: Endpointer | undefined;
  listener.onChange = () => {
    const accepted = listener.accept();
    if (accepted !== undefined) server = new Endpointer(accepted, downward, up);
  };
  const finished = link.run(() => client.done && server?.done === true);
  ok(finished, `seed ${seed}: both sides are done (${socket.state} ${socket.failure})`);
  equalRun(server?.received, server?.receivedLength ?? 0, upward);
  equalRun(client.received, client.receivedLength, downward);
  listener.close();
  ok(link.settle(), `seed ${seed}: the link comes to rest`);
  for (const stack of stacks) {
    equal(stack.sockets(), 0);
    equal(stack.nextTimerMs(), undefined);
  }
  equal(client.socket.state, "CLOSED");
  return { link, stacks };
}

function equalRun(received: Uint8Array | undefined, length: number, expected: Uint8Array): void {
  equal(length, expected.length);
  ok(received !== undefined && expected.every((byte, index) => received[index] === byte));
}

test("tcp delivers every byte once and in order at 10 % loss both ways, and leaves nothing", () => {
  for (let seed = 0; seed < 40; seed++) {
    transfer({ seed, up: 60_000, down: 30_000, faults: HARSH });
  }
});

test("tcp delivers at 30 % loss, one way or the other", () => {
  for (let seed = 0; seed < 6; seed++) {
    transfer({ seed, up: 8_000, down: 0, faults: { ...HARSH, drop: 0.3 } });
    transfer({ seed, up: 0, down: 8_000, faults: { ...HARSH, drop: 0.3 } });
  }
});

test("tcp delivers through each fault alone, at several sizes of packets and rings", () => {
  let seed = 100;
  for (const mtu of [576, 1500, 9000, 65535]) {
    for (const ring of [2048, 65536, 1 << 20]) {
      for (
        const faults of [{ drop: 0.1 }, { duplicate: 0.3 }, { corrupt: 0.1 }, { reorder: 0.5 }]
      ) {
        const limits = { receiveRingBytes: ring, sendRingBytes: ring };
        const size = Math.min(mtu * 12, ring * 8);
        const stack = { mtu, limits };
        transfer({
          seed: seed++,
          up: size,
          down: size,
          faults: { ...faults, reorderMs: 30 },
          stack,
        });
      }
    }
  }
});

test("tcp works across the wrap of sequence numbers", () => {
  for (const initial of [0xffff_ffff, 0xffff_fff0, 0x7fff_fff0, 0xffff_8000]) {
    transfer({
      seed: 7,
      up: 100_000,
      down: 100_000,
      faults: HARSH,
      stack: { random32: () => initial },
    });
  }
});

test("tcp closes empty connections, one side after the other or both at once", () => {
  for (let seed = 0; seed < 40; seed++) transfer({ seed, up: 0, down: 0, faults: HARSH });
});

test("tcp fills a long fat path thanks to window scaling", () => {
  const { link } = transfer({
    seed: 1,
    up: 4_000_000,
    down: 0,
    faults: { delayMs: 50 },
    stack: { limits: { receiveRingBytes: 1 << 20, sendRingBytes: 1 << 20 } },
  });
  const unscaledMs = 4_000_000 / 65535 * 100;
  ok(link.nowMs - 10_000 < unscaledMs / 2, `${link.nowMs} ms`);
});

test("tcp recovers one lost segment by fast retransmit, without a timeout", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, { faults: { delayMs: 10 } });
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const socket = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof socket !== "string");
  let large = 0;
  link.filter = (frame) => frame.length < 1000 || ++large !== 3;
  const client = new Endpointer(socket, new Uint8Array(200_000), 0);
  let server: Endpointer | undefined;
  listener.onChange = () => {
    const accepted = listener.accept();
    if (accepted !== undefined) server = new Endpointer(accepted, new Uint8Array(0), 200_000);
  };
  ok(link.run(() => client.done && server?.done === true));
  const { tcpTimeouts, tcpFastRetransmits, tcpRetransmits } = stacks[0].counters();
  equal(`${tcpTimeouts} ${tcpFastRetransmits} ${tcpRetransmits}`, "0 1 1");
});

test("tcp between frames in shared memory delivers the same", () => {
  const [client, server] = [testStack(1, { mtu: 9000 }), testStack(2, { mtu: 9000 })];
  const listener = server.listenTcp({ port: 80, backlog: 1 });
  const socket = client.connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof socket !== "string");
  const frame = new Uint8Array(new SharedArrayBuffer(9100), 12, 9014);
  const sent = dice(3).fill(new Uint8Array(50_000));
  const received = new Uint8Array(50_001);
  let count = 0;
  let written = 0;
  for (let round = 0; round < 200 && count < sent.length; round++) {
    written += socket.write(sent.subarray(written));
    for (const [from, to] of [[client, server], [server, client]] as const) {
      while (from.pending) {
        const length = from.transmit(frame, round);
        if (length === 0) break;
        to.receive(frame.subarray(0, length), round);
      }
    }
    const accepted = listener.waiting > 0 ? listener.accept() : undefined;
    if (accepted !== undefined) {
      accepted.onChange = () => void (count += accepted.read(received.subarray(count)));
    }
  }
  equalRun(received, count, sent);
});

test("Stack waits for lost data as for a first time when only SYNs were lost before", () => {
  const stacks = [testStack(1), testStack(2)] as const;
  const link = new LossyLink(stacks, {});
  const sentMs: number[] = [];
  link.filter = (frame, from, nowMs) => {
    const tcp = frame[12] === 8 && frame[13] === 0;
    if (from === 1 || !tcp) return true;
    const payload = frame.length > 14 + 20 + 20 + 40;
    if (payload) sentMs.push(nowMs);
    // Three SYNs are lost, which doubles the timeout thrice, and then the first data.
    return payload ? sentMs.length > 1 : nowMs > 6_000;
  };
  const listener = stacks[1].listenTcp({ port: 80, backlog: 1 });
  const socket = stacks[0].connectTcp({ remote: { address: testAddress(2), port: 80 } });
  ok(typeof listener !== "string" && typeof socket !== "string");
  socket.write(new Uint8Array(500));
  ok(link.run(() => sentMs.length === 2));
  equal((sentMs[1] ?? 0) - (sentMs[0] ?? 0), 3_000);
});
