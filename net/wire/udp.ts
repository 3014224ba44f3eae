import type { WireErrorCode } from "@runtime/core/error.ts";
import type { PartialChecksum } from "@runtime/core/ports.ts";
import { checksumHolds, finishSum, pseudoSum, sumOf } from "./checksum.ts";
import { type Ipv4Fields, PROTOCOL_UDP } from "./ipv4.ts";
import { putU16, u16At } from "./octets.ts";

/**
 * UDP.
 *
 * Source: RFC 768, "Fields"; RFC 1122, "UDP Checksums".
 *
 * @module
 */

export const UDP_HEADER_LENGTH = 8;

const LENGTH = 4;
const CHECKSUM = 6;

/** Where {@linkcode readUdp} puts what it found. Offsets in bytes from the start of the frame. */
export interface UdpFields {
  sourcePort: number;
  targetPort: number;
  payloadStart: number;
  payloadEnd: number;
}

export function udpFields(): UdpFields {
  return { sourcePort: 0, targetPort: 0, payloadStart: 0, payloadEnd: 0 };
}

/**
 * Reads the datagram that `packet` carries. A checksum of 0 says that the sender made none.
 *
 * @param left What is left of the frame's checksum; see {@linkcode checksumHolds}.
 * @returns `undefined`, or `truncated`, `length_out_of_range`, `value_out_of_range` (target port
 *   0), `bad_checksum`.
 */
export function readUdp(
  frame: Uint8Array,
  packet: Readonly<Ipv4Fields>,
  into: UdpFields,
  left?: Readonly<PartialChecksum>,
): WireErrorCode | undefined {
  const start = packet.payloadStart;
  const room = packet.payloadEnd - start;
  if (room < UDP_HEADER_LENGTH || packet.payloadEnd > frame.length) return "truncated";
  const length = u16At(frame, start + LENGTH);
  if (length < UDP_HEADER_LENGTH || length > room) return "length_out_of_range";
  into.sourcePort = u16At(frame, start);
  into.targetPort = u16At(frame, start + 2);
  if (into.targetPort === 0) return "value_out_of_range";
  if (u16At(frame, start + CHECKSUM) !== 0) {
    const run = { start, end: start + length, field: CHECKSUM };
    if (!checksumHolds(frame, packet, run, left)) return "bad_checksum";
  }
  into.payloadStart = start + UDP_HEADER_LENGTH;
  into.payloadEnd = start + length;
  return undefined;
}

/** Writes the header at `start`; the payload must already stand behind it. */
export function putUdp(
  frame: Uint8Array,
  start: number,
  header: {
    readonly source: number;
    readonly target: number;
    readonly sourcePort: number;
    readonly targetPort: number;
    /** Bytes of header and payload. */
    readonly length: number;
  },
): void {
  putU16(frame, start, header.sourcePort);
  putU16(frame, start + 2, header.targetPort);
  putU16(frame, start + LENGTH, header.length);
  putU16(frame, start + CHECKSUM, 0);
  const pseudo = { source: header.source, target: header.target, protocol: PROTOCOL_UDP };
  const sum = pseudoSum(pseudo, header.length) + sumOf(frame, start, start + header.length);
  const checksum = finishSum(sum);
  putU16(frame, start + CHECKSUM, checksum === 0 ? 0xffff : checksum);
}
