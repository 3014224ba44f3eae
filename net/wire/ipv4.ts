import type { WireErrorCode } from "@runtime/core/error.ts";
import { finishSum, sumOf } from "./checksum.ts";
import { putU16, putU32, u16At, u32At } from "./octets.ts";

/**
 * IPv4 headers and addresses.
 *
 * Source: RFC 791, "Internet Header Format".
 *
 * @module
 */

/** An address as a u32 in host order: 10.0.2.15 is 0x0a00020f. */
export type Ipv4Address = number;

export const IPV4_HEADER_LENGTH = 20;
export const IPV4_BROADCAST: Ipv4Address = 0xffff_ffff;
export const PROTOCOL_ICMP = 1;
export const PROTOCOL_TCP = 6;
export const PROTOCOL_UDP = 17;

/** Hops that a packet of ours may take. Source: RFC 1122, "Time-to-Live". */
const TIME_TO_LIVE = 64;
const DONT_FRAGMENT = 0x4000;
const FRAGMENT_MASK = 0x3fff;
const TOTAL_LENGTH = 2;
const FRAGMENT = 6;
const HOPS = 8;
const PROTOCOL = 9;
const CHECKSUM = 10;
const SOURCE = 12;
const TARGET = 16;

/** Where {@linkcode readIpv4} puts what it found. One object serves every packet. */
export interface Ipv4Fields {
  source: Ipv4Address;
  target: Ipv4Address;
  protocol: number;
  /** Whether the packet is a piece of a larger one. */
  fragment: boolean;
  /** Offsets in bytes from the start of the frame. */
  payloadStart: number;
  payloadEnd: number;
}

export function ipv4Fields(): Ipv4Fields {
  return { source: 0, target: 0, protocol: 0, fragment: false, payloadStart: 0, payloadEnd: 0 };
}

/**
 * Reads the header at `start` of a frame; bytes behind the packet's total length are padding.
 *
 * @returns `undefined` when `into` holds the header; else why not: `truncated`, `bad_version`,
 *   `length_out_of_range` (header or total length), `bad_checksum`.
 */
export function readIpv4(
  frame: Uint8Array,
  start: number,
  into: Ipv4Fields,
): WireErrorCode | undefined {
  if (frame.length - start < IPV4_HEADER_LENGTH) return "truncated";
  const first = frame[start] ?? 0;
  if (first >>> 4 !== 4) return "bad_version";
  const headerLength = (first & 0xf) * 4;
  const totalLength = u16At(frame, start + TOTAL_LENGTH);
  if (headerLength < IPV4_HEADER_LENGTH || totalLength < headerLength) return "length_out_of_range";
  if (start + totalLength > frame.length) return "truncated";
  if (finishSum(sumOf(frame, start, start + headerLength)) !== 0) return "bad_checksum";
  into.source = u32At(frame, start + SOURCE);
  into.target = u32At(frame, start + TARGET);
  into.protocol = frame[start + PROTOCOL] ?? 0;
  into.fragment = (u16At(frame, start + FRAGMENT) & FRAGMENT_MASK) !== 0;
  into.payloadStart = start + headerLength;
  into.payloadEnd = start + totalLength;
  return undefined;
}

/**
 * Writes a header without options at `start`, never to be fragmented (so its identification may
 * stay 0: RFC 6864, "IPv4 ID Requirements").
 *
 * @param header `length` is the payload's, in bytes.
 */
export function putIpv4(
  frame: Uint8Array,
  start: number,
  header: {
    readonly source: Ipv4Address;
    readonly target: Ipv4Address;
    readonly protocol: number;
    readonly length: number;
  },
): void {
  putU32(frame, start, 0x4500_0000 | (IPV4_HEADER_LENGTH + header.length));
  putU32(frame, start + 4, DONT_FRAGMENT);
  frame[start + HOPS] = TIME_TO_LIVE;
  frame[start + PROTOCOL] = header.protocol;
  putU16(frame, start + CHECKSUM, 0);
  putU32(frame, start + SOURCE, header.source);
  putU32(frame, start + TARGET, header.target);
  const sum = sumOf(frame, start, start + IPV4_HEADER_LENGTH);
  putU16(frame, start + CHECKSUM, finishSum(sum));
}

/** Whether one host can have this address: not 0/8, loopback, multicast, reserved or broadcast. */
export function unicast(address: Ipv4Address): boolean {
  const first = address >>> 24;
  return first !== 0 && first !== 127 && first < 224;
}

/** The mask of a prefix of 0..32 bits, as a u32. */
export function prefixMask(prefixLength: number): number {
  return prefixLength === 0 ? 0 : (-1 << (32 - prefixLength)) >>> 0;
}

const DIGIT_ZERO = 0x30;
const DOT = 0x2e;

/**
 * `10.0.2.15` as a number; `undefined` for anything but four plain decimal numbers 0..255.
 *
 * Reads by hand: every connection of the gateway and of netstackd parses addresses several times.
 */
export function parseIpv4(text: string): Ipv4Address | undefined {
  if (text.length > 15) return undefined;
  let address = 0;
  let dots = 0;
  let octet = -1;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    if (code === DOT) {
      if (octet < 0 || ++dots > 3) return undefined;
      address = address * 256 + octet;
      octet = -1;
    } else {
      const digit = code - DIGIT_ZERO;
      if (digit < 0 || digit > 9 || octet === 0) return undefined;
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
    }
  }
  return octet < 0 || dots !== 3 ? undefined : address * 256 + octet;
}

/** The address in dotted decimal. */
export function formatIpv4(address: Ipv4Address): string {
  return `${address >>> 24}.${(address >>> 16) & 255}.${(address >>> 8) & 255}.${address & 255}`;
}
