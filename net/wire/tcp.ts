import type { WireErrorCode } from "@runtime/core/error.ts";
import type { PartialChecksum } from "@runtime/core/ports.ts";
import { checksumHolds, finishSum, leaveChecksum, pseudoSum, sumOf } from "./checksum.ts";
import { type Ipv4Fields, PROTOCOL_TCP } from "./ipv4.ts";
import { i32At, putU16, putU32, u16At } from "./octets.ts";

/**
 * TCP segments.
 *
 * Source: RFC 9293, "Header Format"; RFC 7323, "Window Scale Option".
 *
 * @module
 */

export const TCP_HEADER_LENGTH = 20;
export const TCP_FIN = 0x01;
export const TCP_SYN = 0x02;
export const TCP_RST = 0x04;
export const TCP_PSH = 0x08;
export const TCP_ACK = 0x10;
/** Bytes of the options that a SYN of ours carries: MSS, no-operation, window scale. */
export const SYN_OPTIONS_LENGTH = 8;
/** Largest shift that the option may ask for. Source: RFC 7323, "Using the Window Scale Option". */
export const WINDOW_SHIFT_MAX = 14;

const SEQUENCE = 4;
const ACKNOWLEDGEMENT = 8;
const DATA_OFFSET = 12;
const FLAGS = 13;
const WINDOW = 14;
const CHECKSUM = 16;
const OPTION_END = 0;
const OPTION_NONE = 1;
const OPTION_MSS = 2;
const OPTION_WINDOW_SCALE = 3;
const FLAG_MASK = 0x3f;

/** Where {@linkcode readTcp} puts what it found. One object serves every segment. */
export interface TcpFields {
  sourcePort: number;
  targetPort: number;
  /** Sequence numbers as signed 32-bit integers; see `net/stack/sequence.ts`. */
  sequence: number;
  acknowledgement: number;
  flags: number;
  /** The field as sent, not scaled. */
  window: number;
  /** MSS option of a SYN; 0 when absent. */
  mss: number;
  /** Window scale option of a SYN, 0..14; -1 when absent. */
  windowShift: number;
  /** Offsets in bytes from the start of the frame. */
  payloadStart: number;
  payloadEnd: number;
}

export function tcpFields(): TcpFields {
  return {
    sourcePort: 0,
    targetPort: 0,
    sequence: 0,
    acknowledgement: 0,
    flags: 0,
    window: 0,
    mss: 0,
    windowShift: -1,
    payloadStart: 0,
    payloadEnd: 0,
  };
}

/**
 * Reads the segment that `packet` carries. Options are read in a SYN and skipped elsewhere.
 *
 * @param left What is left of the frame's checksum; see {@linkcode checksumHolds}.
 * @returns `undefined`, or `truncated`, `length_out_of_range` (data offset), `bad_checksum`,
 *   `value_out_of_range` (a port of 0).
 */
export function readTcp(
  frame: Uint8Array,
  packet: Readonly<Ipv4Fields>,
  into: TcpFields,
  left?: Readonly<PartialChecksum>,
): WireErrorCode | undefined {
  const start = packet.payloadStart;
  const length = packet.payloadEnd - start;
  if (length < TCP_HEADER_LENGTH || packet.payloadEnd > frame.length) return "truncated";
  const headerLength = ((frame[start + DATA_OFFSET] ?? 0) >>> 4) * 4;
  if (headerLength < TCP_HEADER_LENGTH || headerLength > length) return "length_out_of_range";
  const run = { start, end: packet.payloadEnd, field: CHECKSUM };
  if (!checksumHolds(frame, packet, run, left)) return "bad_checksum";
  into.sourcePort = u16At(frame, start);
  into.targetPort = u16At(frame, start + 2);
  if (into.sourcePort === 0 || into.targetPort === 0) return "value_out_of_range";
  into.sequence = i32At(frame, start + SEQUENCE);
  into.acknowledgement = i32At(frame, start + ACKNOWLEDGEMENT);
  into.flags = (frame[start + FLAGS] ?? 0) & FLAG_MASK;
  into.window = u16At(frame, start + WINDOW);
  into.mss = 0;
  into.windowShift = -1;
  into.payloadStart = start + headerLength;
  into.payloadEnd = packet.payloadEnd;
  if ((into.flags & TCP_SYN) !== 0) readOptions(frame, start + TCP_HEADER_LENGTH, into);
  return undefined;
}

/** Reads options up to the payload; a malformed one ends the reading, as if the list ended. */
function readOptions(frame: Uint8Array, start: number, into: TcpFields): void {
  const end = into.payloadStart;
  for (let at = start; at < end;) {
    const kind = frame[at] ?? OPTION_END;
    if (kind === OPTION_END) return;
    const length = kind === OPTION_NONE ? 1 : frame[at + 1] ?? 0;
    if (kind !== OPTION_NONE && (length < 2 || at + length > end)) return;
    if (kind === OPTION_MSS && length === 4) into.mss = u16At(frame, at + 2);
    if (kind === OPTION_WINDOW_SCALE && length === 3) {
      into.windowShift = Math.min(WINDOW_SHIFT_MAX, frame[at + 2] ?? 0);
    }
    at += length;
  }
}

/** What {@linkcode putTcp} writes. */
export interface TcpHeader {
  readonly sourcePort: number;
  readonly targetPort: number;
  readonly sequence: number;
  readonly acknowledgement: number;
  readonly flags: number;
  readonly window: number;
  /** Bytes of options behind the header, a multiple of 4; the caller has written them. */
  readonly optionsLength: number;
}

/** Writes the header at `start`. Its checksum comes last: {@linkcode sealTcp}. */
export function putTcp(frame: Uint8Array, start: number, header: TcpHeader): void {
  putU16(frame, start, header.sourcePort);
  putU16(frame, start + 2, header.targetPort);
  putU32(frame, start + SEQUENCE, header.sequence);
  putU32(frame, start + ACKNOWLEDGEMENT, header.acknowledgement);
  frame[start + DATA_OFFSET] = ((TCP_HEADER_LENGTH + header.optionsLength) >>> 2) << 4;
  frame[start + FLAGS] = header.flags;
  putU16(frame, start + WINDOW, header.window);
  putU32(frame, start + CHECKSUM, 0);
}

/**
 * Writes the options of a SYN at `start`: {@linkcode SYN_OPTIONS_LENGTH} bytes.
 *
 * @param windowShift -1 leaves the window scale option out (padded with no-operations).
 */
export function putSynOptions(
  frame: Uint8Array,
  start: number,
  options: { readonly mss: number; readonly windowShift: number },
): void {
  putU32(frame, start, (OPTION_MSS << 24) | (4 << 16) | options.mss);
  const scale = (OPTION_NONE << 24) | (OPTION_WINDOW_SCALE << 16) | (3 << 8) | options.windowShift;
  putU32(frame, start + 4, options.windowShift < 0 ? 0x0101_0101 : scale);
}

/**
 * Fills in the checksum of the segment of `length` bytes at `start`, whose checksum field is 0.
 *
 * @param left Leaves the checksum partial and says so here.
 */
export function sealTcp(
  frame: Uint8Array,
  start: number,
  packet: { readonly source: number; readonly target: number; readonly length: number },
  left?: PartialChecksum,
): void {
  const { source, target, length } = packet;
  const header = { source, target, protocol: PROTOCOL_TCP };
  const end = start + length;
  if (left !== undefined) {
    return leaveChecksum(frame, header, { start, end, field: CHECKSUM }, left);
  }
  const sum = pseudoSum(header, length) + sumOf(frame, start, end);
  putU16(frame, start + CHECKSUM, finishSum(sum));
}
