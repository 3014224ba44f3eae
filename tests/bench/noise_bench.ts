/**
 * Handshakes and records, against the libraries that a reader would take instead, in one process.
 *
 * `deno run -A tests/bench/noise_bench.ts` prints a table and, last, one line of JSON. Contenders
 * take turns within each round, and the order rotates; the figure is the median round.
 *
 * @module
 */

import { noise as libp2pNoise } from "@chainsafe/libp2p-noise";
import { generateKeyPair } from "@libp2p/crypto/keys";
import { multiaddrConnectionPair } from "@libp2p/utils";
import { finishWithStatic, Handshake } from "@net/noise/handshake.ts";
import { NOISE_PLAINTEXT_LENGTH_MAX, type NoiseRole, XK } from "@net/noise/pattern.ts";
import {
  decodeProof,
  deviceIdOf,
  encodeProof,
  noiseStaticSecret,
  proofDigest,
} from "@net/noise/proof.ts";
import { Transport } from "@net/noise/transport.ts";
import { assert } from "@runtime/core/assert.ts";
import { type Ed25519Signer, ed25519Signer, ed25519Verify } from "@runtime/crypto/ed25519.ts";
import { cryptoProviders } from "@runtime/crypto/providers.ts";
import { type X25519Secret, x25519Secret } from "@runtime/crypto/x25519.ts";

import { type NoiseCCipher, type NoiseCHandshake, openNoiseC } from "./noise_c.ts";

/** Rounds, and how long each contender works in one, in milliseconds. */
const ROUNDS = 7;
const ROUND_MS = 150;

const RECORD_LENGTHS = [64, 1024, 16 * 1024, NOISE_PLAINTEXT_LENGTH_MAX];

/** snow 0.10 and ed25519-dalek 2 on this kind of machine: what upstream itself reaches. */
const UPSTREAM_HANDSHAKES = 2340;
const UPSTREAM_RECORDS = [22, 234, 542, 574];

const NOTHING = new Uint8Array(0);

type Contender = () => void | Promise<void>;

/** Operations per second of each contender: medians over interleaved rounds. */
async function race<Name extends string>(
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Record<Name, number>> {
  // Object.entries forgets the names' type.
  const entries = Object.entries(contenders) as [Name, Contender][];
  const rates = new Map<Name, number[]>(entries.map(([name]) => [name, []]));
  for (const [, work] of entries) await rate(work);
  for (let round = 0; round < ROUNDS; round++) {
    for (let turn = 0; turn < entries.length; turn++) {
      const entry = entries[(turn + round) % entries.length];
      if (entry !== undefined) rates.get(entry[0])?.push(await rate(entry[1]));
    }
  }
  const medians = [...rates].map(([name, values]) => [name, median(values)]);
  return Object.fromEntries(medians);
}

async function rate(work: Contender): Promise<number> {
  const start = performance.now();
  let [count, elapsed] = [0, 0];
  while (elapsed < ROUND_MS) {
    for (let batch = 0; batch < 8; batch++, count++) {
      const pending = work();
      if (pending !== undefined) await pending;
    }
    elapsed = performance.now() - start;
  }
  return count / elapsed * 1000;
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? 0;
}

interface Device {
  readonly role: NoiseRole;
  readonly signer: Ed25519Signer;
  readonly deviceId: string;
  readonly noise: X25519Secret;
}

function device(role: NoiseRole): Device {
  const seed = crypto.getRandomValues(new Uint8Array(32));
  const signer = ed25519Signer(seed);
  const noise = x25519Secret(noiseStaticSecret(seed));
  return { role, signer, deviceId: deviceIdOf(signer.publicKey), noise };
}

const [ALICE, BOB] = [device("initiator"), device("responder")];

function prove({ role, signer, deviceId, noise }: Device): Uint8Array {
  const signature = signer.sign(proofDigest(role, noise.publicKey));
  return encodeProof({ deviceId, verifyingKey: signer.publicKey, signature });
}

function check(role: NoiseRole, json: Uint8Array, staticKey: Uint8Array | undefined): void {
  const { verifyingKey, signature } = decodeProof(json);
  assert(staticKey !== undefined, "the static key is known by now");
  const valid = ed25519Verify(verifyingKey, proofDigest(role, staticKey), signature);
  assert(valid, "the proof holds");
}

function begin({ role, noise }: Device): Handshake {
  const ephemeralSecret = crypto.getRandomValues(new Uint8Array(32));
  const remote = role === "initiator" ? { remoteStatic: BOB.noise.publicKey } : {};
  return new Handshake({ role, localStatic: noise.publicKey, ephemeralSecret, ...remote });
}

/** Session v1: both proofs made, sent and checked. */
function ours(): void {
  const [initiator, responder] = [begin(ALICE), begin(BOB)];
  const write = (from: Handshake, { noise }: Device, payload: Uint8Array) =>
    finishWithStatic(from, noise, from.write(payload));
  const read = (to: Handshake, { noise }: Device, message: Uint8Array) =>
    finishWithStatic(to, noise, to.read(message));
  read(responder, BOB, write(initiator, ALICE, NOTHING));
  const second = read(initiator, ALICE, write(responder, BOB, prove(BOB)));
  check("responder", second, initiator.remoteStatic);
  const third = read(responder, BOB, write(initiator, ALICE, prove(ALICE)));
  check("initiator", third, responder.remoteStatic);
  initiator.split();
  responder.split();
}

const noiseC = await openNoiseC();

/** The same three messages, without the proofs that it does not have. */
function noiseCHandshake(payload: Uint8Array | null): readonly [NoiseCHandshake, NoiseCHandshake] {
  const { HandshakeState, constants } = noiseC;
  const initiator = new HandshakeState(XK.protocol, constants.NOISE_ROLE_INITIATOR);
  const responder = new HandshakeState(XK.protocol, constants.NOISE_ROLE_RESPONDER);
  initiator.Initialize(null, INITIATOR_SECRET, RESPONDER_PUBLIC);
  responder.Initialize(null, RESPONDER_SECRET, null);
  responder.ReadMessage(initiator.WriteMessage(null), false);
  initiator.ReadMessage(responder.WriteMessage(payload), payload !== null);
  responder.ReadMessage(initiator.WriteMessage(payload), payload !== null);
  return [initiator, responder];
}

function theirNoiseC(): void {
  const [initiator, responder] = noiseCHandshake(PROOF_SIZED);
  for (const cipher of [...initiator.Split(), ...responder.Split()]) cipher.free();
}

const INITIATOR_SECRET = crypto.getRandomValues(new Uint8Array(32));
const RESPONDER_SECRET = crypto.getRandomValues(new Uint8Array(32));
const RESPONDER_PUBLIC = x25519Secret(RESPONDER_SECRET).publicKey;
const PROOF_SIZED = new Uint8Array(460);

/** One end of a pair of queues: what libp2p-noise's handshake reads and writes, as it comes. */
interface Wire {
  read(): Promise<unknown>;
  write(message: unknown): Promise<void>;
}

class Queue {
  readonly #messages: unknown[] = [];
  #waiting: ((message: unknown) => void) | undefined;

  take(): Promise<unknown> {
    if (this.#messages.length > 0) return Promise.resolve(this.#messages.shift());
    return new Promise((resolve) => this.#waiting = resolve);
  }

  put(message: unknown): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#messages.push(message);
    else waiting(message);
    return Promise.resolve();
  }
}

function wirePair(): readonly [Wire, Wire] {
  const [there, back] = [new Queue(), new Queue()];
  const wire = (from: Queue, to: Queue): Wire => ({
    read: () => from.take(),
    write: (message) => to.put(message),
  });
  return [wire(back, there), wire(there, back)];
}

interface Libp2pEnd {
  readonly made: Libp2pNoise;
  readonly privateKey: unknown;
}

const LIBP2P_LOG = Object.assign(() => {}, {
  enabled: false,
  trace() {},
  error() {},
  newScope: (): unknown => LIBP2P_LOG,
});

async function libp2pEnd(): Promise<Libp2pEnd> {
  const privateKey = await generateKeyPair("Ed25519");
  const components = {
    privateKey,
    logger: { forComponent: () => LIBP2P_LOG },
    upgrader: { getStreamMuxers: () => new Map() },
  };
  // It wants a whole node's components; what a handshake uses of them is above.
  const made = libp2pNoise()(components as never) as unknown as Libp2pNoise;
  return { made, privateKey };
}

const LIBP2P_OPTIONS = { skipStreamMuxerNegotiation: true };

/** As a program calls it, over the in-memory connection of its own tests. */
function libp2p(initiator: Libp2pEnd, responder: Libp2pEnd): Contender {
  return async () => {
    const [left, right] = multiaddrConnectionPair();
    await Promise.all([
      initiator.made.secureOutbound(left, LIBP2P_OPTIONS),
      responder.made.secureInbound(right, LIBP2P_OPTIONS),
    ]);
  };
}

/** Its private handshake functions over two bare queues: XX with identity proofs, no streams. */
function libp2pCore(initiator: Libp2pEnd, responder: Libp2pEnd): Contender {
  const [outbound, inbound] = [initiator.made, responder.made];
  return async () => {
    const [left, right] = wirePair();
    const shared = [LIBP2P_LOG, undefined, LIBP2P_OPTIONS] as const;
    await Promise.all([
      outbound.performHandshakeInitiator(left, initiator.privateKey, ...shared),
      inbound.performHandshakeResponder(right, responder.privateKey, ...shared),
    ]);
  };
}

type Libp2pHandshake = (
  connection: Wire,
  privateKey: unknown,
  log: unknown,
  remote: undefined,
  options: unknown,
) => Promise<unknown>;

interface Libp2pNoise {
  secureOutbound(connection: unknown, options: unknown): Promise<unknown>;
  secureInbound(connection: unknown, options: unknown): Promise<unknown>;
  readonly performHandshakeInitiator: Libp2pHandshake;
  readonly performHandshakeResponder: Libp2pHandshake;
}

/** One record sealed and opened, by each. */
function records(length: number): Readonly<Record<"ours" | "noiseC", Contender>> {
  const [key, plain] = [new Uint8Array(32).fill(7), new Uint8Array(length).fill(3)];
  const [left, right] = [1, 2].map(() => new Transport({ send: key, receive: key }));
  assert(left !== undefined && right !== undefined, "two ends");
  const [sealed, opened] = [new Uint8Array(length + 16), new Uint8Array(length)];
  const [send, receive] = noiseCPair();
  return {
    ours: () => {
      left.seal(plain, sealed);
      right.open(sealed, opened);
    },
    noiseC: () => void receive.DecryptWithAd(NOTHING, send.EncryptWithAd(NOTHING, plain)),
  };
}

/** Sending state of one end, receiving state of the other. */
function noiseCPair(): readonly [NoiseCCipher, NoiseCCipher] {
  const [initiator, responder] = noiseCHandshake(null);
  const [send] = initiator.Split();
  const [, receive] = responder.Split();
  return [send, receive];
}

async function main(): Promise<void> {
  console.log(`Deno ${Deno.version.deno}, V8 ${Deno.version.v8}`, cryptoProviders());
  const [left, right] = [await libp2pEnd(), await libp2pEnd()];
  const handshakes = await race({
    ours,
    noiseC: theirNoiseC,
    libp2p: libp2p(left, right),
    libp2pCore: libp2pCore(left, right),
  });
  console.log("\nfull mutual handshakes/s (proofs: ours and libp2p's)");
  const rows = Object.entries({ ...handshakes, upstream: UPSTREAM_HANDSHAKES });
  console.table(Object.fromEntries(rows.map(([name, perSecond]) => {
    return [name, { perSecond, ratio: handshakes.ours / perSecond }];
  })));
  const table: Record<string, Record<string, number>> = {};
  for (const [index, length] of RECORD_LENGTHS.entries()) {
    const rates = await race(records(length));
    const megabytes = (perSecond: number) => perSecond * length / 1e6;
    table[length] = {
      ours: megabytes(rates.ours),
      noiseC: megabytes(rates.noiseC),
      upstream: UPSTREAM_RECORDS[index] ?? 0,
      ratioNoiseC: rates.ours / rates.noiseC,
      ratioUpstream: megabytes(rates.ours) / (UPSTREAM_RECORDS[index] ?? 1),
    };
  }
  console.log("\nrecords sealed and opened, MB/s");
  console.table(table);
  console.log(JSON.stringify({ deno: Deno.version.deno, handshakes, records: table }));
}

// noise-c.wasm swallows rejections that nobody handles.
await main().catch((error) => {
  console.log(error);
  Deno.exitCode = 1;
});
