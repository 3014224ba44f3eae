import { type Stack, type TcpSocket } from "@net/stack/stack.ts";
import { ok } from "./assert.ts";
import { type Dice, dice, LossyLink, testAddress, testStack } from "./link.ts";
import { TcpPeer } from "./tcp_peer.ts";

/**
 * Entry points for fuzzing a stack: each takes a seed, and throws when a claim of the stack breaks.
 *
 * @module
 */

/** Frames of a life of two stacks: ARP, echo, UDP, a TCP connection from SYN to the last ACK. */
export function specimenFrames(): Uint8Array[] {
  const stacks = [testStack(9), testStack(1)] as const;
  const link = new LossyLink(stacks, {});
  const seen: Uint8Array[] = [];
  link.filter = (frame, from) => {
    if (from === 0) seen.push(frame.slice());
    return true;
  };
  const listener = stacks[1].listenTcp({ port: 80, backlog: 2 });
  const remote = { address: testAddress(1), port: 80 };
  const socket = stacks[0].connectTcp({ remote, local: { port: 5000 } });
  ok(typeof socket !== "string" && typeof listener !== "string");
  socket.write(new Uint8Array(200).fill(1));
  socket.end();
  stacks[0].sendUdp({ address: testAddress(9), port: 3 }, remote, new Uint8Array(20));
  stacks[0].ping({ remote: remote.address, ident: 1, sequence: 1 }, () => {}, 0, 1000);
  link.advance(1000);
  listener.accept()?.end();
  link.advance(1000);
  return seen;
}

/** A stack with something of everything, and sockets that use what comes. */
export function fuzzTarget(seed: number): Stack {
  const stack = testStack(1, {
    limits: { tcpSockets: 32, receiveRingBytes: 4096, sendRingBytes: 4096 },
  });
  const numbers = dice(seed);
  const listener = stack.listenTcp({ port: 80, backlog: 4 });
  ok(typeof listener !== "string");
  const use = (socket: TcpSocket) => {
    socket.onChange = () => {
      socket.consume(numbers.below(socket.peek().length + 1));
      if (numbers.happens(0.3)) socket.write(new Uint8Array(300));
      if (numbers.happens(0.1)) socket.end();
      if (numbers.happens(0.02)) socket.abort();
    };
  };
  listener.onChange = () => {
    for (let next = listener.accept(); next !== undefined; next = listener.accept()) use(next);
  };
  stack.bindUdp({ port: 80 });
  return stack;
}

/**
 * Frames of a real life with bytes replaced.
 *
 * @throws when a frame makes the stack throw, or its tables outgrow their bounds.
 */
export function fuzzStackFrames(seed: number, rounds: number): void {
  const frames = specimenFrames();
  const into = new Uint8Array(1514);
  const stack = fuzzTarget(seed);
  const numbers = dice(seed);
  for (let round = 0; round < rounds; round++) {
    const frame = frames[numbers.below(frames.length)]?.slice() ?? new Uint8Array(0);
    for (let change = numbers.below(4); change > 0; change--) {
      frame[numbers.below(frame.length)] = numbers.next();
    }
    stack.receive(frame, round);
    if (numbers.happens(0.5)) stack.transmit(into, round);
    if (numbers.happens(0.1)) stack.poll(round);
    ok(stack.sockets() <= 34, `seed ${seed}, round ${round}: bounded`);
  }
}

/**
 * Well-formed segments that make no sense, near the numbers that matter.
 *
 * @throws when one makes the stack throw, send a bad segment, or outgrow its bounds.
 */
export function fuzzStackSegments(seed: number, rounds: number): void {
  const stack = fuzzTarget(seed);
  const numbers = dice(seed);
  const peer = new TcpPeer(stack, {
    address: testAddress(9),
    stackAddress: testAddress(1),
    stackMac: Uint8Array.of(2, 0, 0, 0, 0, 1),
  });
  const sequences = [1000];
  for (let round = 0; round < rounds; round++) {
    sendNonsense(peer, numbers, sequences);
    for (const segment of peer.seen()) {
      sequences.push(segment.sequence, segment.acknowledgement);
    }
    if (sequences.length > 40) sequences.splice(0, 20);
    if (numbers.happens(0.1)) peer.advance(numbers.below(2000));
    ok(stack.sockets() <= 34, `seed ${seed}, round ${round}: bounded`);
  }
}

/** One random segment, mostly near the numbers that matter. */
function sendNonsense(peer: TcpPeer, numbers: Dice, sequences: number[]): void {
  const letters = ["S", "A", "A", "A", "SA", "FA", "R", "RA", "F", "PA", "SF", ""];
  const near = () => (sequences[numbers.below(sequences.length)] ?? 0) + numbers.below(7) - 3;
  peer.send({
    flags: letters[numbers.below(letters.length)] ?? "",
    sequence: near(),
    acknowledgement: near(),
    window: numbers.happens(0.2) ? 0 : numbers.below(65536),
    payload: new Uint8Array(numbers.happens(0.5) ? 0 : numbers.below(1400)),
    sourcePort: 5000 + numbers.below(3),
    ...(numbers.happens(0.3) ? { mss: numbers.below(2000), windowShift: numbers.below(20) } : {}),
  });
}
