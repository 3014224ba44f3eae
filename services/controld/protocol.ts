/**
 * controld: what the command line may ask of a running node.
 *
 * Wire: `CT` v1 is this project's own; upstream has no control socket. The one caller is the control
 * socket's bridge, and policy judges it as `nx-cli`: who may open the socket is the command line.
 *
 * @module
 */

import { OVERVIEW, PROVOKE } from "@runtime/boot/protocol.ts";
import { bytes16, bytes8, fixed, text16, text8, u16, u32, u64, u8 } from "@runtime/idl/field.ts";
import { list16 } from "@runtime/idl/list_field.ts";
import {
  CAPABILITY_LENGTH_MAX,
  SUBJECT_LENGTH_MAX,
  TARGET_LENGTH_MAX,
} from "@runtime/idl/policy.ts";
import { defineService } from "@runtime/idl/service.ts";

/** Principal of the control socket's bridge. It is no task: the boot mints its rights. */
export const CONTROL_PRINCIPAL = "host-control";
/** Subject as which policy judges everything that comes over the control socket. */
export const CLI_SUBJECT = "nx-cli";

/** Longest time that one operation may be told to wait, in milliseconds. */
export const WAIT_MAX_MS = 60_000;
/** Peers of one reply. */
export const PEERS_PER_REPLY_MAX = 20;
/** Longest address of a peer as somebody typed it, in bytes. */
export const TYPED_LENGTH_MAX = 259;
/** Log records of one reply: what fits a frame when all are as short as can be. */
export const LOG_RECORDS_PER_REPLY_MAX = 240;
/** Bytes of a kept segment in one reply: they fit a frame. */
export const LOG_CHUNK_LENGTH_MAX = 8_000;
/** Longest checkpoint of a kept log, in bytes. */
export const LOG_CHECKPOINT_LENGTH_MAX = 256;
/** Longest name of an owner of values, in bytes. */
export const OWNER_LENGTH_MAX = 255;
/** The same of one that limits can be given to. */
export const LIMITED_OWNER_LENGTH_MAX = 233;
/** Owners of one reply: they fit a frame when all are as long as can be. */
export const OWNERS_PER_REPLY_MAX = 28;
/** Causes of refusals that `stats` tells apart. */
export const REASONS_MAX = 64;

const DEVICE_ID = text8(64, 64);
const PEER = text8(1, 64);
const WAIT = { min: 0, max: WAIT_MAX_MS, status: "malformed" } as const;

export const controld = defineService({
  name: "controld",
  magic: "CT",
  version: 1,
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  callers: { [CONTROL_PRINCIPAL]: CLI_SUBJECT },
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
    unavailable: 10,
    no_state: 11,
    no_space: 12,
    denied: 0x0f,
  },
  ops: {
    identity: {
      code: 0x20,
      doc: "This device as its peers see it: public keys only.",
      capability: "identity.read",
      request: {},
      reply: {
        deviceId: DEVICE_ID,
        verifyingKey: fixed(32),
        noiseStatic: fixed(32),
        bootId: fixed(16),
        port: u16(),
      },
      idempotent: true,
    },
    peers: {
      code: 0x21,
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
    stats: {
      code: 0x22,
      doc: "Connections that were admitted and refused since the start, by cause.",
      capability: "dsoftbus.peers",
      request: {},
      reply: {
        accepted: u32(),
        sessions: u32(),
        announces: u32(),
        refused: list16({ reason: text8(1, 32), count: u32() }, REASONS_MAX),
      },
      idempotent: true,
    },
    connect: {
      code: 0x23,
      doc: "Begins to dial an address and waits for the session.",
      capability: "dsoftbus.connect",
      bounds: { timeoutMs: WAIT },
      request: {
        address: u32(),
        port: u16(),
        deviceId: text8(0, 64),
        noiseStatic: bytes8(0, 32),
        timeoutMs: u32(),
      },
      reply: { deviceId: DEVICE_ID },
    },
    ping: {
      code: 0x24,
      doc: "Has pings sent to a peer, named by its device id or the beginning of it.",
      capability: "dsoftbus.ping",
      target: "peer",
      bounds: { timeoutMs: WAIT },
      request: { peer: PEER, count: u16(), size: u16(), window: u8(), timeoutMs: u32() },
      reply: {
        deviceId: DEVICE_ID,
        count: u16(),
        minNs: u64(),
        meanNs: u64(),
        maxNs: u64(),
        totalNs: u64(),
      },
    },
    resolve: {
      code: 0x25,
      doc: "Asks a peer's samgrd for a service.",
      capability: "dsoftbus.resolve",
      target: "service",
      bounds: { timeoutMs: WAIT },
      request: { peer: PEER, service: text8(1, 64), timeoutMs: u32() },
      reply: { deviceId: DEVICE_ID, found: u8(), endpoint: u32() },
      idempotent: true,
    },
    log: {
      code: 0x26,
      doc: "Records of one of logd's rings behind a record, as many as fit a frame.",
      capability: "log.query",
      target: "ring",
      bounds: { ring: { min: 0, max: 1, status: "malformed" } },
      request: { ring: u8(), afterId: u64(), countMax: u16(), scope: text8(0, 64) },
      reply: {
        total: u64(),
        dropped: u64(),
        lastId: u64(),
        nowNs: u64(),
        records: list16({
          recordId: u64(),
          timestampNs: u64(),
          level: u8(),
          sid: u64(),
          sender: text8(0, 64),
          scope: text8(0, 64),
          message: text16(0, 256),
          fields: text16(0, 512),
        }, LOG_RECORDS_PER_REPLY_MAX),
      },
      idempotent: true,
    },
    checkPolicy: {
      code: 0x27,
      doc: "Has policyd decide for a subject, and tells the decision; it is audited as any other.",
      capability: "policy.check",
      target: "subject",
      request: {
        subject: text8(1, SUBJECT_LENGTH_MAX),
        capability: text8(1, CAPABILITY_LENGTH_MAX),
        target: text8(0, TARGET_LENGTH_MAX),
      },
      reply: { allowed: u8() },
    },
    placePeer: {
      code: 0x29,
      doc: "Tells where a peer is whose name led nowhere at the start: it is dialled from now on.",
      capability: "dsoftbus.connect",
      request: { typed: text16(1, TYPED_LENGTH_MAX), address: u32() },
      reply: {},
    },
    stop: {
      code: 0x28,
      doc: "Closes every session in order and dials no more: the node is about to stop.",
      capability: "node.stop",
      request: {},
      reply: { closed: u32() },
    },
    provoke: { code: 0x2b, ...PROVOKE },
    logSegment: {
      code: 0x2c,
      doc:
        "A piece of the kept log: of the first segment from an entry on, as it lies on the disk.",
      capability: "log.query",
      target: "ring",
      bounds: { ring: { min: 0, max: 1, status: "malformed" } },
      request: { ring: u8(), from: u64(), offset: u32() },
      /** `length` is the whole segment's, 0 for one that does not open. */
      reply: { first: u64(), length: u32(), chunk: bytes16(0, LOG_CHUNK_LENGTH_MAX) },
      idempotent: true,
    },
    logCheckpoint: {
      code: 0x2d,
      doc: "The newest signature over the kept log of a ring.",
      capability: "log.query",
      target: "ring",
      bounds: { ring: { min: 0, max: 1, status: "malformed" } },
      request: { ring: u8() },
      reply: { checkpoint: bytes16(0, LOG_CHECKPOINT_LENGTH_MAX) },
      idempotent: true,
    },
    quotas: {
      code: 0x2e,
      doc:
        "Owners behind a name, in order: what each takes and may take, and whether by its own limits.",
      capability: "statefs.quota.read",
      request: { after: text8(0, OWNER_LENGTH_MAX) },
      reply: {
        owners: list16({
          owner: text8(1, OWNER_LENGTH_MAX),
          used: u64(),
          soft: u64(),
          hard: u64(),
          own: u8(),
        }, OWNERS_PER_REPLY_MAX),
      },
      idempotent: true,
    },
    setQuota: {
      code: 0x2f,
      doc: "Gives an owner limits of its own; in force, and on the disk, when it is answered.",
      capability: "statefs.quota.set",
      target: "owner",
      request: { owner: text8(1, LIMITED_OWNER_LENGTH_MAX), soft: u64(), hard: u64() },
      reply: {},
    },
    clearQuota: {
      code: 0x30,
      doc: "Takes an owner's own limits away: the defaults hold again.",
      capability: "statefs.quota.set",
      target: "owner",
      request: { owner: text8(1, LIMITED_OWNER_LENGTH_MAX) },
      reply: {},
    },
    ps: {
      code: 0x2a,
      doc: "How the node and its daemons fare, as the boot tells it.",
      capability: "node.ps",
      request: {},
      reply: OVERVIEW,
      idempotent: true,
    },
  },
  markers: {
    ready: {
      line: "controld: ready",
      phase: "bring-up",
      role: "required",
      proves: "the node takes questions of its command line",
      evidence: [],
    },
  },
});
