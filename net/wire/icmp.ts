import type { WireErrorCode } from "@runtime/core/error.ts";
import { finishSum, sumOf } from "./checksum.ts";
import { putU16, u16At } from "./octets.ts";

/**
 * ICMP: echo and the errors that a host sends or reads.
 *
 * Source: RFC 792, "Echo or Echo Reply Message", "Destination Unreachable Message".
 *
 * @module
 */

export const ICMP_HEADER_LENGTH = 8;
export const ICMP_ECHO_REPLY = 0;
export const ICMP_UNREACHABLE = 3;
export const ICMP_ECHO_REQUEST = 8;
export const UNREACHABLE_PROTOCOL = 2;
export const UNREACHABLE_PORT = 3;
export const UNREACHABLE_FRAGMENTATION_NEEDED = 4;

const CHECKSUM = 2;
const IDENT = 4;
const SEQUENCE = 6;

/** Where {@linkcode readIcmp} puts what it found. `ident` and `sequence` only mean echo. */
export interface IcmpFields {
  type: number;
  code: number;
  ident: number;
  sequence: number;
}

export function icmpFields(): IcmpFields {
  return { type: 0, code: 0, ident: 0, sequence: 0 };
}

/** Reads the message in `frame[start..end)`: `undefined`, or `truncated` or `bad_checksum`. */
export function readIcmp(
  frame: Uint8Array,
  run: { readonly start: number; readonly end: number },
  into: IcmpFields,
): WireErrorCode | undefined {
  const { start, end } = run;
  if (end - start < ICMP_HEADER_LENGTH || end > frame.length) return "truncated";
  if (finishSum(sumOf(frame, start, end)) !== 0) return "bad_checksum";
  into.type = frame[start] ?? 0;
  into.code = frame[start + 1] ?? 0;
  into.ident = u16At(frame, start + IDENT);
  into.sequence = u16At(frame, start + SEQUENCE);
  return undefined;
}

/** Writes the header at `start`; the payload up to `end` must already stand behind it. */
export function putIcmp(
  frame: Uint8Array,
  run: { readonly start: number; readonly end: number },
  header: Readonly<IcmpFields>,
): void {
  const { start, end } = run;
  frame[start] = header.type;
  frame[start + 1] = header.code;
  putU16(frame, start + CHECKSUM, 0);
  putU16(frame, start + IDENT, header.ident);
  putU16(frame, start + SEQUENCE, header.sequence);
  putU16(frame, start + CHECKSUM, finishSum(sumOf(frame, start, end)));
}
