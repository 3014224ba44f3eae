/**
 * dsoftbusd: sessions with other devices.
 *
 * Wire: `DS` version 2 is ours; upstream's version 1 carries calls of daemons that are not here.
 *
 * @module
 */

import { bytes8, fixed, text16, text8, u16, u32, u64, u8 } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import { defineService } from "@runtime/idl/service.ts";

/** In the place of a device id: whichever peer can be asked. */
export const ANY_PEER = "any";
/** Digits that the beginning of a device id needs to name a peer. */
export const PEER_PREFIX_LENGTH_MIN = 4;
/** Longest wait of one operation, in milliseconds. */
export const WAIT_MAX_MS = 600_000;
/** Port that sessions and discovery are served on, inside the machine. Source: dsoftbusd. */
export const SESSION_PORT = 34567;
/** Peers that a node keeps dialling at most; each may have a read and a write at netstackd. */
export const DIALS_MAX = 32;
/** Peers that one `peers` reply holds at most. */
export const PEERS_PER_REPLY_MAX = 20;
/** Longest address of a peer as somebody typed it, in bytes: a name, a colon and a port. */
export const TYPED_LENGTH_MAX = 259;
/** Pings of one `ping` call, at most. */
export const PING_COUNT_MAX = 65_535;
/** Payload of one ping, in bytes: what one record holds beside the frame and the word `ping`. */
export const PING_SIZE_MAX = 65_472;
/** Pings of one call that may be on their way together. */
export const PING_WINDOW_MAX = 64;

const WAIT = { min: 0, max: WAIT_MAX_MS, status: "malformed" } as const;

export const dsoftbusd = defineService({
  name: "dsoftbusd",
  magic: "DS",
  version: 2,
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  status: {
    ok: 0,
    not_found: 1,
    malformed: 2,
    unsupported: 3,
    timed_out: 4,
    limit: 5,
    refused: 6,
    ambiguous: 7,
    closed: 8,
    peer_denied: 9,
    denied: 0x0f,
  },
  ops: {
    identity: {
      code: 0x20,
      doc: "This device as its peers see it.",
      capability: "identity.read",
      request: {},
      reply: {
        deviceId: text8(64, 64),
        verifyingKey: fixed(32),
        noiseStatic: fixed(32),
        bootId: fixed(16),
        port: u16(),
      },
      idempotent: true,
    },
    connect: {
      code: 0x21,
      doc:
        "Asks for the announce at an address, or takes the static key given, and keeps a session; " +
        "`refused` when the peer is another one, or this device itself.",
      capability: "dsoftbus.connect",
      bounds: { timeoutMs: WAIT },
      request: {
        address: u32(),
        port: u16(),
        deviceId: text8(0, 64),
        noiseStatic: bytes8(0, 32),
        timeoutMs: u32(),
      },
      reply: { deviceId: text8(64, 64) },
    },
    peers: {
      code: 0x22,
      doc: "Sessions and dials, from an index on.",
      capability: "dsoftbus.peers",
      request: { first: u16() },
      reply: {
        total: u16(),
        peers: list16({
          deviceId: text8(0, 64),
          direction: u8(),
          state: u8(),
          address: u32(),
          port: u16(),
          ageMs: u64(),
          records: u64(),
          reason: text8(0, 32),
          typed: text16(0, TYPED_LENGTH_MAX),
        }, PEERS_PER_REPLY_MAX),
      },
      idempotent: true,
    },
    ping: {
      code: 0x23,
      doc: "Sends pings on channel 1 and measures their way to the peer and back. `peer` is a " +
        "device id, the beginning of one (4 digits at least), or `any`.",
      capability: "dsoftbus.ping",
      target: "peer",
      request: {
        peer: text8(1, 64),
        count: u16(),
        size: u16(),
        window: u8(),
        timeoutMs: u32(),
      },
      reply: {
        deviceId: text8(64, 64),
        count: u16(),
        minNs: u64(),
        meanNs: u64(),
        maxNs: u64(),
        totalNs: u64(),
      },
      bounds: {
        count: { min: 1, max: PING_COUNT_MAX, status: "malformed" },
        size: { min: 0, max: PING_SIZE_MAX, status: "malformed" },
        window: { min: 1, max: PING_WINDOW_MAX, status: "malformed" },
        timeoutMs: WAIT,
      },
    },
    resolve: {
      code: 0x24,
      doc: "Asks a peer's samgrd for a service.",
      capability: "dsoftbus.resolve",
      target: "service",
      bounds: { timeoutMs: WAIT },
      request: { peer: text8(1, 64), service: text8(1, 64), timeoutMs: u32() },
      reply: { deviceId: text8(64, 64), found: u8(), endpoint: u32() },
      idempotent: true,
    },
    closeAll: {
      code: 0x25,
      doc: "Closes every session in order and dials no more: the node stops.",
      capability: "node.stop",
      request: {},
      reply: { closed: u32() },
    },
    awaitPeer: {
      code: 0x27,
      doc: "Waits until a session stands that can be asked over; `timeoutMs` 0 waits for ever.",
      capability: "dsoftbus.peers",
      request: { timeoutMs: u32() },
      reply: { deviceId: text8(64, 64) },
      idempotent: true,
    },
    placePeer: {
      code: 0x28,
      doc:
        "Tells where a peer is whose name led nowhere at the start: it is dialled from now on. " +
        "`typed` is its address as the command line names it.",
      capability: "dsoftbus.connect",
      request: { typed: text16(1, TYPED_LENGTH_MAX), address: u32() },
      reply: {},
    },
    stats: {
      code: 0x26,
      doc: "What was admitted and refused since the start.",
      capability: "dsoftbus.peers",
      request: {},
      reply: {
        accepted: u32(),
        sessions: u32(),
        announces: u32(),
        refused: list16({ reason: text8(1, 32), count: u32() }, 64),
      },
      idempotent: true,
    },
  },
  markers: {
    ready: {
      line: "dsoftbusd: ready",
      phase: "session",
      role: "required",
      proves: "the session port is listened on and every daemon it needs answers",
      evidence: [],
    },
    bound: {
      line: "dsoftbusd: identity bound peer=<id>",
      phase: "session",
      role: "required",
      proves: "identityd found the peer's proof to hold for the key that the handshake proved",
      evidence: ["id"],
    },
    authenticated: {
      line: "dsoftbusd: auth ok",
      phase: "session",
      role: "required",
      proves: "Noise XK, both proofs and the connect exchange are done",
      evidence: ["hash", "peer"],
    },
    session: {
      line: "dsoftbusd: os session ok",
      phase: "session",
      role: "required",
      proves: "the session serves its channels",
      evidence: ["peer"],
    },
    mismatch: {
      line: "dsoftbusd: identity mismatch peer=<id>",
      phase: null,
      role: "failure",
      proves: "a proof did not hold, or it or the announce was not of the identity asked for",
      evidence: ["id"],
    },
    clone: {
      line: "dsoftbusd: clone of this device seen peer=<id>",
      phase: null,
      role: "failure",
      proves: "another boot announced this device's own identity",
      evidence: ["id"],
    },
  },
});

/** Values of `direction` in a peer record. */
export const DIRECTIONS = ["outbound", "inbound"] as const;
/** Values of `state` in a peer record. */
export const PEER_STATES = [
  "dialling",
  "waiting",
  "handshaking",
  "established",
  "stopped",
] as const;
