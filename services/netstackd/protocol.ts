import { formatIpv4, parseIpv4 } from "@net/wire/ipv4.ts";
import { assert } from "@runtime/core/assert.ts";
import { FRAME_LENGTH_MAX, VMO_LENGTH_MAX } from "@runtime/core/syscalls.ts";
import { bytes16, type Field, rest, u16, u32, u64, u8 } from "@runtime/idl/field.ts";
import { defineService, DENIED_STATUS, type PackedOp } from "@runtime/idl/service.ts";

/** Every address of the interface. */
export const ANY_IPV4 = "0.0.0.0";

/** Most bytes of one version 1 READ. Source: Open Nexus OS netstackd, read.rs. */
export const V1_READ_LENGTH_MAX = 480;
/** Most bytes of one version 1 WRITE: what upstream's receive buffer of 512 bytes leaves. */
export const V1_WRITE_LENGTH_MAX = 502;
/** Most bytes of one version 1 datagram. Source: Open Nexus OS netstackd, udp/recv_from.rs. */
export const V1_DATAGRAM_LENGTH_MAX = 460;

/** Most bytes that READ and WRITE carry inside the frame; more travels as a memory object. */
export const STREAM_INLINE_MAX = FRAME_LENGTH_MAX - 32;
/** Most bytes of one READ or WRITE, in a memory object. */
export const STREAM_LENGTH_MAX = VMO_LENGTH_MAX;
/** Most bytes that a READ may insist on: a quarter of the receive ring. */
export const READ_MIN_MAX = 1 << 17;
/** Most bytes of one datagram: what fits an Ethernet MTU of 1500. */
export const DATAGRAM_LENGTH_MAX = 1472;
/** Longest wait for an echo, in milliseconds. */
export const PING_TIMEOUT_MAX_MS = 60_000;
/** `timeoutMs` of a request that waits for ever. */
export const FOREVER_MS = 0;

/** An IPv4 address as dotted text; four octets in network order on the wire. */
function ipv4(): Field<string> {
  return {
    label: "ipv4",
    sizeMax: 4,
    zero: ANY_IPV4,
    samples: [ANY_IPV4, "10.0.2.15", "255.255.255.255"],
    beyond: [],
    read: (reader) => formatIpv4(reader.u32Be()),
    write(writer, value) {
      const address = parseIpv4(value);
      assert(address !== undefined, "an address is four decimal octets");
      writer.u32Be(address);
    },
  };
}

/**
 * The address that LISTEN and UDP_BIND of version 1 may have before their port; nothing but the
 * frame's length tells. Absent, and written absent, when it is {@linkcode ANY_IPV4}.
 */
function leadingIpv4(): Field<string> {
  const present = ipv4();
  return {
    ...present,
    label: "optional ipv4",
    read: (reader) =>
      reader.remaining % NONCE_LENGTH === PORT_LENGTH + 4 ? present.read(reader) : ANY_IPV4,
    write(writer, value) {
      if (value !== ANY_IPV4) present.write(writer, value);
    },
  };
}

const NONCE_LENGTH = 8;
const PORT_LENGTH = 2;

const handle = { handle: u32() };
const endpoint = { ip: ipv4(), port: u16() };
/** How long a parked request waits, in milliseconds; {@linkcode FOREVER_MS} for ever. */
const timeout = { timeoutMs: u32() };
const somePort = { port: { min: 1, max: 65_535, status: "malformed" } };

/** Statuses of upstream's; a denial has none there. Source: Open Nexus OS netstackd, ipc/wire.rs. */
const STATUS = {
  ok: 0,
  not_found: 1,
  malformed: 2,
  would_block: 3,
  io: 4,
  timed_out: 5,
  denied: DENIED_STATUS,
} as const;

/**
 * Upstream's sockets facade. Nothing waits: `would_block` says to ask again.
 *
 * Source: Open Nexus OS netstackd, `src/os/facade/handlers`.
 */
export const netstackV1 = defineService({
  name: "netstackd",
  magic: "NS",
  version: 1,
  envelope: { request: ["tailNonce64"], reply: ["status", "tailNonce64"] },
  status: STATUS,
  ops: {
    listen: {
      code: 1,
      doc: "Listens on a TCP port.",
      capability: "net.listen",
      target: ["ip", "port"],
      request: { ip: leadingIpv4(), port: u16() },
      reply: handle,
    },
    accept: {
      code: 2,
      doc: "Takes a connection that waits at a listener.",
      capability: null,
      request: handle,
      reply: handle,
    },
    connect: {
      code: 3,
      doc: "Opens a connection; asked again with the same remote until it is established.",
      capability: "net.connect",
      target: ["ip", "port"],
      request: endpoint,
      reply: handle,
    },
    read: {
      code: 4,
      doc: "Moves waiting bytes out of a connection; none at its orderly end.",
      capability: null,
      request: { ...handle, max: u16() },
      reply: { bytes: bytes16(0, V1_READ_LENGTH_MAX) },
    },
    write: {
      code: 5,
      doc: "Moves bytes into a connection, as many as have room.",
      capability: null,
      request: { ...handle, bytes: bytes16(0, V1_WRITE_LENGTH_MAX) },
      reply: { written: u16() },
    },
    udpBind: {
      code: 6,
      doc: "Binds a UDP port.",
      capability: "net.udp",
      target: ["ip", "port"],
      request: { ip: leadingIpv4(), port: u16() },
      reply: handle,
    },
    udpSendTo: {
      code: 7,
      doc: "Sends one datagram.",
      capability: null,
      request: { ...handle, ...endpoint, payload: bytes16(0, V1_DATAGRAM_LENGTH_MAX) },
      reply: { sent: u16() },
    },
    udpRecvFrom: {
      code: 8,
      doc: "Takes a datagram that waits; what is longer than `max` is cut off.",
      capability: null,
      request: { ...handle, max: u16() },
      reply: { payload: bytes16(0, V1_DATAGRAM_LENGTH_MAX), ip: ipv4(), port: u16() },
      replyLayout: "split",
    },
    icmpPing: {
      code: 9,
      doc: "Sends an ICMP echo request and waits for its reply.",
      capability: "net.ping",
      target: "ip",
      request: { ip: ipv4(), timeoutMs: u16() },
      reply: { rttMs: u16() },
    },
    localAddr: {
      code: 10,
      doc: "Address and prefix length of the interface.",
      capability: null,
      request: {},
      reply: { ip: ipv4(), prefixLength: u8() },
      idempotent: true,
    },
    close: {
      code: 11,
      doc: "Lets go of a handle; a connection ends in order.",
      capability: null,
      request: handle,
      reply: {},
    },
    waitWritable: {
      code: 12,
      doc: "Whether a connection has room for bytes.",
      capability: null,
      request: handle,
      reply: {},
      idempotent: true,
    },
  },
  markers: {
    ready: {
      line: "netstackd: ready",
      phase: "bring-up",
      role: "required",
      proves: "the card and the stack are up and the endpoint serves",
      evidence: [],
    },
    card: {
      line: "net: virtio-net up",
      phase: "net",
      role: "required",
      proves: "the driver negotiated with the device and read its MAC address",
      evidence: ["mac"],
    },
    facade: {
      line: "netstackd: facade up",
      phase: "net",
      role: "required",
      proves: "the stack has an address and its network loop runs",
      evidence: ["address", "entropy"],
    },
  },
});

const V1_GATES = netstackV1.ops;

/** How many bytes a read waits for and takes at most, and what it brings. */
const wanted = { min: u32(), max: u32() };
const readBounds = {
  min: { min: 1, max: READ_MIN_MAX, status: "malformed" },
  max: { min: 1, max: STREAM_LENGTH_MAX, status: "malformed" },
} as const;
const bytesRead = { length: u32(), bytes: rest(STREAM_INLINE_MAX) };

/**
 * The sockets facade of ours: upstream's operations, parked until they can be answered, with bytes in
 * bulk and one status for each way a connection ends.
 *
 * A request that parks takes `timeoutMs`, {@linkcode FOREVER_MS} for ever; its caller's own deadline
 * must be longer (`{timeoutMs: "never"}` of the client). `timed_out`: that time passed and nothing
 * happened; the handle lives on.
 */
export const netstackd = defineService({
  name: "netstackd",
  magic: "NS",
  version: 2,
  envelope: { request: ["nonce64"], reply: ["status", "nonce64"] },
  status: {
    ...STATUS,
    /** The peer has ended its stream and every byte was read; or we have ended ours, for WRITE. */
    closed: 0x20,
    /** The connection was reset, by the peer or by ABORT. */
    reset: 0x21,
    /** Nobody listens at the remote port. */
    refused: 0x22,
    /** There is no way to the remote address. */
    unreachable: 0x23,
    /** A bound of netstackd or of the stack is reached. */
    limit: 0x24,
    /** The port is taken. */
    in_use: 0x25,
    /** The peer stopped answering: the connection is over. */
    lost: 0x26,
    /** A datagram is longer than the interface carries. */
    too_large: 0x27,
  },
  ops: {
    listen: {
      ...V1_GATES.listen,
      bounds: somePort,
      request: endpoint,
    },
    accept: {
      code: 2,
      doc: "Waits for a connection at a listener.",
      capability: null,
      request: { ...handle, ...timeout },
      reply: { ...handle, ...endpoint },
    },
    connect: {
      ...V1_GATES.connect,
      doc: "Opens a connection and waits until it is established or has failed.",
      bounds: somePort,
      request: { ...endpoint, ...timeout },
    },
    read: {
      code: 4,
      doc: "Waits for `min` bytes, then moves up to `max` of those that came: up to " +
        "STREAM_INLINE_MAX of them in the frame, more in a memory object of `length` bytes.",
      capability: null,
      bounds: readBounds,
      request: { ...handle, ...wanted, ...timeout },
      reply: bytesRead,
    },
    write: {
      code: 5,
      doc: "Waits until the send ring has taken every byte: those of the frame, or, when it has " +
        "none, the first `length` of a moved memory object. Fewer only when the time is over.",
      capability: null,
      bounds: { length: { min: 1, max: STREAM_LENGTH_MAX, status: "malformed" } },
      request: { ...handle, ...timeout, length: u32(), bytes: rest(STREAM_INLINE_MAX) },
      reply: { written: u32() },
    },
    udpBind: {
      ...V1_GATES.udpBind,
      bounds: somePort,
      request: endpoint,
    },
    udpSendTo: {
      ...V1_GATES.udpSendTo,
      bounds: somePort,
      request: { ...handle, ...endpoint, payload: bytes16(0, DATAGRAM_LENGTH_MAX) },
      reply: {},
    },
    udpRecvFrom: {
      code: 8,
      doc: "Waits for a datagram.",
      capability: null,
      request: { ...handle, ...timeout },
      reply: { ...endpoint, payload: bytes16(0, DATAGRAM_LENGTH_MAX) },
    },
    icmpPing: {
      ...V1_GATES.icmpPing,
      bounds: { timeoutMs: { min: 1, max: PING_TIMEOUT_MAX_MS, status: "malformed" } },
      request: { ip: ipv4(), ...timeout },
      reply: { rttMs: u32() },
    },
    localAddr: V1_GATES.localAddr,
    close: V1_GATES.close,
    waitWritable: {
      code: 12,
      doc: "Waits until a connection has room for bytes.",
      capability: null,
      request: { ...handle, ...timeout },
      reply: {},
      idempotent: true,
    },
    shutdown: {
      code: 0x20,
      doc: "Ends our stream of a connection, after what is queued; reading goes on.",
      capability: null,
      request: handle,
      reply: {},
    },
    abort: {
      code: 0x21,
      doc: "Resets a connection, drops what is queued, and lets go of the handle.",
      capability: null,
      request: handle,
      reply: {},
    },
    peerAddr: {
      code: 0x22,
      doc: "The remote end of a connection.",
      capability: null,
      request: handle,
      reply: endpoint,
      idempotent: true,
    },
    exchange: {
      code: 0x24,
      doc: "WRITE of the frame's bytes, then READ, within one time: where the two ends of a " +
        "connection take turns. `timed_out` also when not every byte was taken.",
      capability: null,
      bounds: readBounds,
      request: { ...handle, ...wanted, ...timeout, bytes: rest(STREAM_INLINE_MAX) },
      reply: bytesRead,
    },
    stats: {
      code: 0x23,
      doc: "What the interface has counted since it came up, and the caller's own handles. " +
        "`synsDropped`: connections that found no place to wait, each time that they asked.",
      capability: null,
      request: {},
      reply: {
        framesReceived: u64(),
        framesSent: u64(),
        retransmits: u64(),
        dropped: u64(),
        synsDropped: u64(),
        handles: u32(),
        parked: u32(),
      },
      idempotent: true,
    },
  },
}) satisfies { readonly ops: Readonly<Record<keyof typeof V1_GATES, PackedOp>> };
