import {
  ANNOUNCE_LENGTH_MAX,
  ANNOUNCE_REQUEST,
  decodeAnnounce,
  type DecodedAnnounce,
  encodeAnnounce,
  encodeEnvelopeUnsigned,
} from "@net/discovery/announce.ts";
import {
  type AnnounceVerdict,
  HeardAnnounces,
  type OwnIdentity,
} from "@net/discovery/peer_table.ts";
import { concatBytes } from "@runtime/core/bytes.ts";
import { WireError } from "@runtime/core/error.ts";
import type { Clock } from "@runtime/core/ports.ts";
import { ed25519Verify } from "@runtime/crypto/ed25519.ts";
import type { Client } from "@runtime/idl/client.ts";
import type { keystored } from "../keystored/protocol.ts";
import type { LocalIdentity } from "./custody.ts";
import { Refusal } from "./refusal.ts";
import type { Stream } from "./stream.ts";

/** How long an announce of ours is good for, in milliseconds. */
const VALID_MS = 10 * 60_000;
/** Key epoch of this device: rises when the device key is replaced, which nothing does yet. */
const EPOCH = 1;
/** What peers may ask this node for. */
const ANNOUNCED_SERVICES: readonly string[] = ["samgrd"];
/** Purpose label of announce signatures. Source: architecture, "Custody". */
const PURPOSE = new TextEncoder().encode("nexus:announce\0");

/** Makes this node's announces and judges those of others. */
export class Announcer {
  readonly own: OwnIdentity;
  readonly #keys: Client<typeof keystored>;
  readonly #clock: Clock;
  readonly #local: LocalIdentity;
  readonly #port: number;
  readonly #heard = new HeardAnnounces();
  #sequence = 0n;

  constructor(
    ports: { readonly keys: Client<typeof keystored>; readonly clock: Clock },
    self: {
      readonly local: LocalIdentity;
      readonly bootId: Uint8Array;
      /** Port that others dial. */
      readonly port: number;
    },
  ) {
    this.#keys = ports.keys;
    this.#clock = ports.clock;
    this.#local = self.local;
    this.#port = self.port;
    this.own = { deviceId: self.local.deviceId, bootId: self.bootId };
  }

  /**
   * A fresh announce, newer than every one before.
   *
   * @returns `undefined` when keystored does not sign.
   */
  async make(): Promise<Uint8Array | undefined> {
    const now = BigInt(this.#clock.unixMs());
    this.#sequence = now > this.#sequence ? now : this.#sequence + 1n;
    const v1 = encodeAnnounce({
      deviceId: this.#local.deviceId,
      port: this.#port,
      noiseStatic: this.#local.noiseStatic,
      services: ANNOUNCED_SERVICES,
    });
    const message = encodeEnvelopeUnsigned(v1, {
      key: this.#local.verifyingKey,
      epoch: EPOCH,
      bootId: this.own.bootId,
      sequence: this.#sequence,
      notAfterMs: now + BigInt(VALID_MS),
    });
    const reply = await this.#keys.signAnnounce({ message });
    return reply.status === "ok" ? concatBytes(message, reply.signature) : undefined;
  }

  /** What an announce is worth, by its signature, age and sequence. */
  judge(decoded: DecodedAnnounce): AnnounceVerdict {
    return this.#heard.judge(decoded, {
      own: this.own,
      nowUnixMs: this.#clock.unixMs(),
      verify: (key, signed, signature) =>
        ed25519Verify(key, concatBytes(PURPOSE, signed), signature),
    });
  }
}

/**
 * Asks whoever listens on a stream for its announce. The other end answers and closes.
 *
 * @param deadlineNs Absolute.
 * @throws {Refusal} `no_announce`: it closed without a byte, as a v1 peer does. `announce_malformed`,
 *   also for a device id that none can have; `announce_cut`, `handshake_timeout`, `connection_reset`.
 */
export async function fetchAnnounce(
  stream: Stream,
  clock: Clock,
  deadlineNs: number,
): Promise<DecodedAnnounce> {
  const leftMs = Math.max(1, Math.ceil((deadlineNs - clock.nowNs()) / 1e6));
  await stream.write(ANNOUNCE_REQUEST.slice(), leftMs);
  const bytes = await readToEnd(stream, clock, deadlineNs);
  if (bytes.length === 0) throw new Refusal("no_announce");
  try {
    const decoded = decodeAnnounce(bytes);
    // No device has another id, and this one reaches markers and the log.
    if (!DEVICE_ID.test(decoded.announce.deviceId)) throw new Refusal("announce_malformed");
    return decoded;
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new Refusal(error.code === "truncated" ? "announce_cut" : "announce_malformed");
  }
}

const DEVICE_ID = /^[0-9a-f]{64}$/;

async function readToEnd(stream: Stream, clock: Clock, deadlineNs: number): Promise<Uint8Array> {
  let whole: Uint8Array = new Uint8Array(0);
  for (;;) {
    const leftMs = Math.ceil((deadlineNs - clock.nowNs()) / 1e6);
    const read = leftMs > 0 ? await stream.read(leftMs) : { status: "timed_out" as const };
    if (read.status === "closed") return whole;
    if (read.status === "timed_out") throw new Refusal("handshake_timeout");
    if (read.status !== "ok") throw new Refusal("connection_reset");
    whole = concatBytes(whole, read.bytes);
    if (whole.length > ANNOUNCE_LENGTH_MAX) throw new Refusal("announce_malformed");
  }
}
