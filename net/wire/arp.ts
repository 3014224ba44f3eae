import type { WireErrorCode } from "@runtime/core/error.ts";
import { ETHERTYPE_IPV4, MAC_LENGTH } from "./ethernet.ts";
import { putU16, putU32, u16At, u32At } from "./octets.ts";

/**
 * ARP for IPv4 over Ethernet.
 *
 * Source: RFC 826, "Packet format".
 *
 * @module
 */

export const ARP_LENGTH = 28;
export const ARP_REQUEST = 1;
export const ARP_REPLY = 2;

const HARDWARE_ETHERNET = 1;
const HARDWARE = 0;
const PROTOCOL = 2;
const HARDWARE_LENGTH = 4;
const PROTOCOL_LENGTH = 5;
const OPERATION = 6;
const SENDER_MAC = 8;
const SENDER_ADDRESS = 14;
const TARGET_MAC = 18;
const TARGET_ADDRESS = 24;

/** A parsed ARP packet. Addresses are u32, MACs copies of 6 bytes. */
export interface ArpPacket {
  readonly operation: number;
  readonly senderMac: Uint8Array;
  readonly senderAddress: number;
  readonly targetMac: Uint8Array;
  readonly targetAddress: number;
}

/**
 * Reads the ARP packet at `start`; bytes behind it are the frame's padding.
 *
 * @returns the packet, or why it is none: `truncated`, or `value_out_of_range` for another kind of
 *   hardware, protocol or operation.
 */
export function parseArp(frame: Uint8Array, start: number): ArpPacket | WireErrorCode {
  if (frame.length - start < ARP_LENGTH) return "truncated";
  const operation = u16At(frame, start + OPERATION);
  const known = u16At(frame, start + HARDWARE) === HARDWARE_ETHERNET &&
    u16At(frame, start + PROTOCOL) === ETHERTYPE_IPV4 &&
    frame[start + HARDWARE_LENGTH] === MAC_LENGTH && frame[start + PROTOCOL_LENGTH] === 4 &&
    (operation === ARP_REQUEST || operation === ARP_REPLY);
  if (!known) return "value_out_of_range";
  return {
    operation,
    senderMac: frame.slice(start + SENDER_MAC, start + SENDER_MAC + MAC_LENGTH),
    senderAddress: u32At(frame, start + SENDER_ADDRESS),
    targetMac: frame.slice(start + TARGET_MAC, start + TARGET_MAC + MAC_LENGTH),
    targetAddress: u32At(frame, start + TARGET_ADDRESS),
  };
}

/** Writes the packet at `start`, {@linkcode ARP_LENGTH} bytes. */
export function putArp(frame: Uint8Array, start: number, packet: ArpPacket): void {
  putU16(frame, start + HARDWARE, HARDWARE_ETHERNET);
  putU16(frame, start + PROTOCOL, ETHERTYPE_IPV4);
  frame[start + HARDWARE_LENGTH] = MAC_LENGTH;
  frame[start + PROTOCOL_LENGTH] = 4;
  putU16(frame, start + OPERATION, packet.operation);
  frame.set(packet.senderMac, start + SENDER_MAC);
  putU32(frame, start + SENDER_ADDRESS, packet.senderAddress);
  frame.set(packet.targetMac, start + TARGET_MAC);
  putU32(frame, start + TARGET_ADDRESS, packet.targetAddress);
}
